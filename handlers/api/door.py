"""What every door of the API checks before anything is decided: who calls, what came in, and about what."""

from __future__ import annotations

import re

from aiohttp import web

from bot.core.errors import Unknown
from bot.core.terms import GrantId, RequestId
from handlers.door import bearer, body, idempotency_key, shaped_body

__all__ = ["bearer", "body", "idempotency_key", "jti", "request_id", "shaped_body"]

REQUEST_ID = re.compile(r"req_[0-9a-f]{32}")
JTI = re.compile(r"[0-9a-f]{32}")


def request_id(request: web.Request) -> RequestId:
    """Return the id in the path; what cannot be an id is as unknown as any other."""
    found = request.match_info["id"]
    if not REQUEST_ID.fullmatch(found):
        raise Unknown
    return RequestId(found)


def jti(request: web.Request) -> GrantId:
    """Return the grant's id in the path."""
    found = request.match_info["jti"]
    if not JTI.fullmatch(found):
        raise Unknown
    return GrantId(found)
