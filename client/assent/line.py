"""The line to Assent: HTTP from the standard library, tried again wherever that is the same act.

Redirects are not followed: only whoever configured us says where our key goes.
"""

from __future__ import annotations

import json
import re
import secrets
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from itertools import count
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from assent.refusals import Misused, Refused, Unreachable
from assent.strictly import Json, read_object

ANSWER_MAX = 8 * 1024 * 1024  # bytes
ANSWER_WITHIN = 10.0  # seconds, beyond those we asked it to wait
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds; the last one again and again
AGAIN = (429, 500, 502, 503, 504)
URN = "urn:assent:problem:"
_KEY = re.compile(r"[!-~]{1,512}")


class Stay(HTTPRedirectHandler):
    """Follows nothing, so a redirect comes back as the answer."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse."""
        return


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """Calls one Assent with one key; the key is never shown."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misused(f"{url!a} is not the address of an Assent; it is like https://assent.example.com.")
        if key and not _KEY.fullmatch(key):
            raise Misused("The key is not one line of visible ASCII; was something pasted with it?")
        self.url = url.rstrip("/")
        self._key = key
        self._opener: OpenerDirector = build_opener(Stay())

    def __repr__(self) -> str:
        return f"Line({self.url!r})"

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Mapping[str, str] | None = None,
        key: str | None = None,
        wait: float = 0.0,
        patience: float = 0.0,
    ) -> Json:
        """Return the answer to one act. Raises `Refused`, or `Unreachable` after `patience` seconds.

        `key` is its Idempotency-Key. `wait` is how long Assent was asked to think.
        """
        request = self._request(method, path, body, query, key)
        give_up_at = time.monotonic() + patience
        trouble = "no answer"
        for attempt in count():
            try:
                answer = self._once(request, wait)
                if answer.status not in AGAIN:
                    return _read(answer)
                trouble, pause = f"it answered {answer.status}", _wished(answer, attempt)
            except _Lost as lost:
                trouble, pause = str(lost), _pause(attempt)
                if lost.for_good:
                    break
            if time.monotonic() + pause > give_up_at:
                break
            time.sleep(pause)
        raise Unreachable(f"{self.url} cannot be reached: {trouble}")

    def _request(
        self, method: str, path: str, body: Json | None, query: Mapping[str, str] | None, key: str | None
    ) -> Request:
        headers = {"Accept": "application/json", "User-Agent": "assent-client"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if key is not None:
            headers["Idempotency-Key"] = key
        sent = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            sent = _written(body)
        asked = f"?{urlencode(query)}" if query else ""
        return Request(f"{self.url}{path}{asked}", sent, headers, method=method)  # noqa: S310  # see __init__

    def _once(self, request: Request, wait: float) -> _Answer:
        try:
            try:
                response = self._opener.open(request, timeout=wait + ANSWER_WITHIN)
            except HTTPError as error:
                response = error  # an answer like any other
            with response:
                return _Answer(response.status, response.headers, _all(response, response.headers))
        except URLError as error:
            for_good = isinstance(error.reason, ssl.SSLCertVerificationError)
            raise _Lost(str(error.reason), for_good=for_good) from None
        except (OSError, HTTPException) as error:
            raise _Lost(str(error) or type(error).__name__) from None


class _Lost(Exception):
    """No answer; `for_good` when another try cannot help."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.for_good = for_good


def _written(body: Json) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Misused(f"this cannot be written as JSON: {error}") from None


def _all(response: IO[bytes], headers: Mapping[str, str]) -> bytes:
    body = response.read(ANSWER_MAX + 1)
    if len(body) > ANSWER_MAX:
        raise _Lost("its answer is too long")
    if headers.get("Content-Length", str(len(body))) != str(len(body)):
        raise _Lost("its answer was cut off")  # http.client says nothing of it
    return body


def _read(answer: _Answer) -> Json:
    if 300 <= answer.status < 400:
        to = answer.headers.get("Location", "another address")
        raise Refused(answer.status, "redirect", f"it points to {to!a}; if that is right, give that address")
    try:
        said = read_object(answer.body)
    except ValueError:
        raise Refused(answer.status, "no-json", "what answers there is no Assent: it sends no JSON") from None
    if answer.status < 300:
        return said
    slug = str(said.get("type", "")).removeprefix(URN) or "refused"
    where = "; ".join(f"{one.get('pointer')}: {one.get('detail')}" for one in said.get("errors", []))
    detail = str(said.get("detail", f"it answered {answer.status}"))
    raise Refused(answer.status, slug, f"{detail} ({where})" if where else detail)


def _wished(answer: _Answer, attempt: int) -> float:
    said = answer.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) < 6 else _pause(attempt)


def _pause(attempt: int) -> float:
    # Not all at once: everybody who waited comes back after a restart.
    return PAUSES[min(attempt, len(PAUSES) - 1)] * (0.5 + secrets.randbelow(1000) / 1000)
