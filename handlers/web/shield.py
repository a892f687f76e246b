"""What keeps a signed-in browser from being used against its person.

A form is taken when
1. `Sec-Fetch-Site`, where the browser sends it, says same-origin;
2. `Origin`, where it names one, is ours;
3. its token is that of the session (SameSite=Strict already keeps the cookie from other sites' forms);
3b. or, before there is a session, `Origin` is not withheld.
"""

from __future__ import annotations

from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from bot.core.errors import Forbidden, Malformed, TooLarge
from bot.ports import Session

FORM_MAX = 64 * 1024  # bytes
FIELDS_MAX = 20
POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
HEADERS = {
    "Content-Security-Policy": "; ".join(POLICY),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
# Under no-referrer browsers send `Origin: null`; the sign-in form, which has no session's token, needs it.
SIGN_IN_HEADERS = HEADERS | {"Referrer-Policy": "same-origin"}


class ForeignForm(Forbidden):
    """This form does not come from this page, so nothing was done."""


def cookie_name(public_url: str) -> str:
    """Return the session cookie's name; `__Host-` binds it to this host, over https alone."""
    return "__Host-assent" if _secure(public_url) else "assent"


def set_cookie(response: web.StreamResponse, public_url: str, secret: str, session: Session) -> None:
    """Hand the browser its session."""
    response.set_cookie(
        cookie_name(public_url),
        secret,
        max_age=int((session.expires_at - session.created_at).total_seconds()),
        path="/",
        httponly=True,
        secure=_secure(public_url),
        samesite="Strict",
    )


def drop_cookie(response: web.StreamResponse, public_url: str) -> None:
    """Take the session from the browser."""
    response.del_cookie(
        cookie_name(public_url), path="/", httponly=True, secure=_secure(public_url), samesite="Strict"
    )


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields of a small urlencoded form; raises `Malformed` on anything else."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise Malformed
    if (request.content_length or 0) > FORM_MAX:
        raise TooLarge
    body = await request.content.read(FORM_MAX + 1)
    while len(body) <= FORM_MAX and (more := await request.content.read(FORM_MAX + 1 - len(body))):
        body += more
    if len(body) > FORM_MAX:
        raise TooLarge
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError as error:
        raise Malformed from error
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def require_own_form(
    request: web.Request, form: dict[str, str], session: Session | None, public_url: str
) -> None:
    """Raise `ForeignForm` unless the form comes from a page of ours."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":  # 1
        raise ForeignForm
    origin = request.headers.get("Origin")
    if origin is not None and origin != "null" and not _ours(origin, request, public_url):  # 2
        raise ForeignForm(f"This form comes from {origin}, but Assent is set up for {public_url}.")
    if session is None:
        if origin == "null":  # 3b
            raise ForeignForm
    elif not compare_digest(form.get("csrf", "").encode(), session.csrf.encode()):  # 3
        raise ForeignForm(
            "This page is too old, or you signed in again since; open it again. Nothing was done."
        )


def local_path(text: str) -> str:
    """Return a path of ours to go on to; anything that could lead elsewhere becomes the inbox."""
    plain = text.isascii() and text.isprintable() and "\\" not in text
    if not plain or not text.startswith("/") or text.startswith("//"):
        return "/"
    parts = urlsplit(text)
    return "/" if parts.netloc or parts.scheme else text


def _secure(public_url: str) -> bool:
    return public_url.startswith("https://")


def _ours(origin: str, request: web.Request, public_url: str) -> bool:
    public = urlsplit(public_url)
    if origin == f"{public.scheme}://{public.netloc}":
        return True
    # On one's own machine, localhost and 127.0.0.1 are the same place; a rebound name is not.
    return (
        _loopback(public.hostname)
        and origin == f"http://{request.headers.get('Host', '')}"
        and _loopback(_host(origin))
    )


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).hostname
    except ValueError:  # a bracket that opens no address
        return None


def _loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
