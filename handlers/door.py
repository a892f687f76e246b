"""What every door for machines checks before anything is decided: who calls, and what came in.

1. The Authorization header carries one bearer secret; `Knowing` says whose it is, and whether it is in force.
2. The body is declared as plain JSON.
3. It is read up to a cap, whatever length it claims.
4. It is strict JSON of the shape this door takes, without unknown members.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.hdrs import AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE

from bot.core.action import LIMIT, fit, parse
from bot.core.errors import Malformed, TooLarge, Unauthenticated

Shape = TypeVar("Shape", bound=msgspec.Struct)

SECRET = re.compile(r"[!-~]{1,512}")  # visible ASCII
KEY = re.compile(r"[!-~]{1,255}")  # visible ASCII


def bearer(request: web.Request) -> str:
    """Return the bearer secret (1); raises `Unauthenticated`."""
    found = request.headers.getall(AUTHORIZATION, ())
    scheme, _, secret = found[0].partition(" ") if len(found) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not SECRET.fullmatch(secret):
        raise Unauthenticated("Send your key as `Authorization: Bearer <key>`.")
    return secret


async def body(request: web.Request) -> bytes:
    """Return the body (2, 3); raises 415 or `TooLarge`."""
    if request.headers.get(CONTENT_TYPE) != "application/json" and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Send JSON, with `Content-Type: application/json`.")
    if request.headers.get(CONTENT_ENCODING, "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="Send the body without a Content-Encoding.")
    if request.content_length is not None and request.content_length > LIMIT:
        raise TooLarge(f"A body has at most {LIMIT} bytes.")
    if request.content_length is not None:
        return await request.read()  # the parser lets no more through than was announced
    read = bytearray()
    async for chunk in request.content.iter_any():
        read += chunk
        if len(read) > LIMIT:
            raise TooLarge(f"A body has at most {LIMIT} bytes.")
    return bytes(read)


async def shaped_body(request: web.Request, shape: type[Shape]) -> Shape:
    """Return the body as a shape (2, 3, 4)."""
    return fit(parse(await body(request)), shape)


def idempotency_key(request: web.Request) -> str | None:
    """Return the Idempotency-Key, None if there is none; raises `Malformed`."""
    found = request.headers.getall("Idempotency-Key", ())
    if not found:
        return None
    if len(found) > 1 or not KEY.fullmatch(found[0]):
        raise Malformed("Send one Idempotency-Key of 1 to 255 visible ASCII characters.")
    return found[0]
