"""Refusals and failures become RFC 9457 problems; only here do they get words and an HTTP status.

A problem's `type` is `urn:assent:problem:SLUG`: stable, and it needs no host. SLUG is the refusal's class
name in lower case with hyphens (`already-redeemed`); for what HTTP itself refuses it is the status's phrase.
"""

from __future__ import annotations

import math
from datetime import timedelta
from http import HTTPStatus

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.core import errors
from bot.core.errors import Refusal
from bot.ports import Ids
from handlers import record
from handlers.advice import advice
from handlers.record import Record

URN = "urn:assent:problem:"
CONTENT_TYPE = "application/problem+json"
REQUEST_ID = web.RequestKey("request_id", str)
SERVER = "assent"  # aiohttp would name its version and Python's: what an attacker looks up first
REQUEST_ID_LENGTH = 22  # characters of URL-safe base64: 132 random bits

STATUSES: dict[type[Refusal], int] = {  # by class tree: the nearest ancestor counts
    Refusal: 403,
    errors.Malformed: 400,
    errors.TooLarge: 413,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.Unknown: 404,
    errors.Conflict: 409,
    errors.TooMany: 429,
    errors.NotReady: 503,
}
RETRY_AFTER = {429: timedelta(seconds=10), 503: timedelta(seconds=5)}  # where the refusal names no time
UNHANDLED = {  # what to do; `{}` is the answer's id
    HTTPStatus.BAD_REQUEST: "Send it as HTTP/1.1: a line was too long, or held what may not stand there.",
    HTTPStatus.EXPECTATION_FAILED: "Send `Expect: 100-continue`, or no such header.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Try again; if it stays, give an operator this id: {}.",
}
CHALLENGE = 'Bearer realm="assent"'  # RFC 6750, section 3

log = structlog.get_logger(__name__)


def status(refusal: Refusal) -> int:
    """Return the HTTP status of a refusal: that of its nearest class in the tree."""
    return next(STATUSES[kind] for kind in type(refusal).__mro__ if kind in STATUSES)


def answer(refusal: Refusal, instance: str) -> web.Response:
    """Return a refusal as a problem; `instance` is the path at which it happened."""
    code = status(refusal)
    extra: dict[str, object] = {}
    if refusal.pointers:
        # RFC 9457, section 3: JSON pointers as fragments of the body.
        extra["errors"] = [{"pointer": f"#{at}", "detail": detail} for at, detail in refusal.pointers]
    response = _problem(code, refusal.slug(), refusal.sentence(), advice(refusal), instance, extra)
    after = refusal.retry_after or RETRY_AFTER.get(code)
    if after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(after.total_seconds())))
    if code == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = CHALLENGE
    return response


def install(app: web.Application, ids: Ids, kept: Record) -> None:
    """Give every answer of `app` an `X-Request-ID`, and make a problem of whatever goes wrong.

    The id is always ours: one from outside could forge the log's. Refusals go on record as `kept`.
    """
    kept.install(app)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = new_id(ids)
        try:
            return await handler(request)
        except Refusal as refusal:
            await record.keep(request, refusal)
            return answer(refusal, request.path)
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            return _of_http(error, request)
        except ConnectionError:
            raise  # the client left; aiohttp closes
        except Exception:
            log.exception(
                "http.failed",
                request_id=request[REQUEST_ID],
                method=request.method,
                path=record.pattern_of(request),
            )
            return unhandled(HTTPStatus.INTERNAL_SERVER_ERROR, request[REQUEST_ID], request.path)

    async def label(request: web.Request, response: web.StreamResponse) -> None:
        # Here, not in the middleware: it also reaches streams and answers made before any middleware ran.
        if REQUEST_ID not in request:
            request[REQUEST_ID] = new_id(ids)
        response.headers["X-Request-ID"] = request[REQUEST_ID]
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers["Server"] = SERVER

    app.middlewares.insert(0, guard)
    app.on_response_prepare.append(label)


def new_id(ids: Ids) -> str:
    """Return an id for one answer."""
    return ids.secret()[:REQUEST_ID_LENGTH]


def unhandled(status: HTTPStatus, request_id: str, instance: str | None = None) -> web.Response:
    """Return the answer where no handler could: of what came in it tells at most the path, `instance`."""
    detail = UNHANDLED[status].format(request_id)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        response = _problem(status, "failure", "Something went wrong on our side.", detail, instance, {})
    else:
        response = _problem(status, _slug(status), status.phrase, detail, instance, {})
    response.headers.update(
        {"X-Request-ID": request_id, "X-Content-Type-Options": "nosniff", "Server": SERVER}
    )
    return response


def _slug(status: HTTPStatus) -> str:
    return status.phrase.lower().replace(" ", "-")


def _problem(
    code: int, slug: str, title: str, detail: str, instance: str | None, extra: dict[str, object]
) -> web.Response:
    body = {
        "type": f"{URN}{slug}",
        "title": title,
        "status": int(code),
        "detail": detail,
        **({"instance": instance} if instance else {}),
        **extra,
    }
    headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
    return web.Response(body=orjson.dumps(body), status=code, headers=headers)


def _of_http(error: web.HTTPException, request: web.Request) -> web.Response:
    """Return what aiohttp refuses as a problem; a missing route reads like all that is not there."""
    if error.status == HTTPStatus.NOT_FOUND:
        return answer(errors.Unknown(), request.path)
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return answer(errors.TooLarge(), request.path)
    status = HTTPStatus(error.status)
    response = _problem(status, _slug(status), status.phrase, _advice(error), request.path, {})
    for name in ("Allow", "Accept", "Retry-After"):
        if name in error.headers:
            response.headers[name] = error.headers[name]
    return response


def _advice(error: web.HTTPException) -> str:
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"Use one of these methods here: {', '.join(sorted(error.allowed_methods))}."
    own = error.text or ""
    return error.reason if own.startswith(f"{error.status}:") else own or error.reason
