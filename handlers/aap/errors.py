"""Refusals in the protocol's words: `{"error": {type, code, message, request_id}}`."""

from __future__ import annotations

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.core import errors
from bot.core.errors import Refusal
from handlers import problems, record

POINTERS = (("/action/parameters", "/arguments"), ("/action/name", "/tool"), ("/resource/id", "/server"))
KEPT = ("Retry-After", "WWW-Authenticate", "Allow")

CODES: dict[type[Refusal], tuple[str, str]] = {  # by class tree: the nearest ancestor counts
    Refusal: ("invalid_request", "refused"),
    errors.Malformed: ("invalid_request", "invalid_request"),
    errors.TooLarge: ("invalid_request", "request_too_large"),
    errors.Unauthenticated: ("authentication", "unauthenticated"),
    errors.Forbidden: ("permission", "forbidden"),
    errors.Unknown: ("not_found", "not_found"),
    errors.Conflict: ("conflict", "conflict"),
    errors.KeyReused: ("conflict", "idempotency_conflict"),
    errors.AlreadyDecided: ("conflict", "already_terminal"),
    errors.TooLate: ("conflict", "already_terminal"),
    errors.AlreadyRedeemed: ("conflict", "already_consumed"),
    errors.Lapsed: ("conflict", "approval_expired"),
    errors.Revoked: ("conflict", "approval_expired"),
    errors.NotRedeemable: ("conflict", "not_approved"),
    errors.PolicyDenies: ("conflict", "not_approved"),
    errors.Frozen: ("conflict", "not_approved"),
    errors.NotReleased: ("conflict", "not_consumed"),
    errors.AlreadyReported: ("conflict", "outcome_conflict"),
    errors.TooMany: ("rate_limit", "too_many_requests"),
    errors.NotReady: ("unavailable", "unavailable"),
}


class KeyMissing(errors.Malformed):
    """This takes an Idempotency-Key."""


class Unverified(Refusal):
    """The webhook's receiver did not answer the verification as it should."""


OWN = {
    KeyMissing: (400, "missing_idempotency_key"),
    Unverified: (422, "webhook_verification_failed"),
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what goes wrong behind this door in the protocol's words."""
    try:
        return await handler(request)
    except Refusal as refusal:
        await record.keep(request, refusal)
        return _refused(refusal, request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        code = (error.reason or "refused").lower().replace(" ", "_")
        kind = "not_found" if error.status == 404 else "invalid_request"
        return _error(request, error.status, (kind, code), error.reason, error)


def _refused(refusal: Refusal, request: web.Request) -> web.Response:
    told = problems.answer(refusal, request.path)
    status, own = OWN.get(type(refusal), (told.status, None))
    kind, code = next(CODES[one] for one in type(refusal).__mro__ if one in CODES)
    words = [f"At {_theirs(at)}: {why}" for at, why in refusal.pointers] or [_theirs(refusal.detail)]
    return _error(request, status, (kind, own or code), " ".join(words), told)


def _theirs(text: str) -> str:
    """Write our pointers as pointers into their body."""
    for ours, theirs in POINTERS:
        text = text.replace(ours, theirs)
    return text


def _error(
    request: web.Request, status: int, named: tuple[str, str], message: str, model: web.Response
) -> web.Response:
    kind, code = named
    error = {"type": kind, "code": code, "message": message, "request_id": request[problems.REQUEST_ID]}
    headers = {name: model.headers[name] for name in KEPT if name in model.headers}
    headers |= {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(body=orjson.dumps({"error": error}), status=status, headers=headers)
