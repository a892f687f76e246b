"""The one address that Teams calls.

1. One Authorization header carries one bearer token of a bearable length.
2. Its header names RS256 and a key; its claims name the Bot Service, us, and where the call comes from.
3. The key is one of the Bot Service's. Until here nothing was computed that costs anything, and nothing was
   fetched, except the keys themselves at most once a minute.
4. The body is JSON, comes from where the token says, from Teams, and from our own tenant alone.
5. The SDK verifies signature and expiry; only then is anything done.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiohttp.hdrs import AUTHORIZATION

from bot.core.action import parse
from bot.core.errors import Malformed, Unauthenticated
from bot.core.terms import Json
from handlers.teams import payloads
from handlers.teams.keyring import CHANNEL, KeyRing
from handlers.teams.sdk import HttpRequest, HttpRouteHandler

PATH = "/teams/messages"
ISSUER = "https://api.botframework.com"
TOKEN_MAX = 4096  # characters; the Bot Service's have about 1,200
FOREIGN = "This call does not carry the Bot Service's token for this app."
ELSEWHERE = "This call does not come from our own tenant in Teams."


@dataclass(slots=True)
class Door:
    """Lets in what the Bot Service signed for us; it is the SDK's `HttpServerAdapter`."""

    app_id: str
    tenant: str
    keys: KeyRing
    _handler: HttpRouteHandler | None = field(default=None)

    def register_route(self, method: str, path: str, handler: HttpRouteHandler) -> None:
        """Take the SDK's own handler; it registers one, for `POST` to `PATH`."""
        if (method, path) != ("POST", PATH) or self._handler is not None:
            raise RuntimeError(f"the SDK wants a second route: {method} {path}")
        self._handler = handler

    def serve_static(self, path: str, directory: str) -> None:
        """Serve no files."""
        raise RuntimeError(f"nothing is served from {directory} at {path}")

    async def start(self, port: int) -> None:
        """Start nothing: the server is ours."""
        raise RuntimeError(f"the SDK is mounted, and never listens on {port}")

    async def stop(self) -> None:
        """Stop nothing."""

    async def enter(self, request: web.Request) -> web.Response:
        """Handle one call; raises `Unauthenticated`, `Malformed`, or `NotReady` while there are no keys."""
        authorization = _one_header(request)  # 1
        claimed, key_id = self._claims(authorization.removeprefix("Bearer "))  # 2
        if not await self.keys.knows(key_id):  # 3
            raise Unauthenticated(FOREIGN)
        body = await _body(request)
        self._of_ours(body, str(claimed["serviceurl"]))  # 4
        if self._handler is None:
            raise RuntimeError("the SDK was never initialized")
        answer = await self._handler(HttpRequest(body=body, headers={"authorization": authorization}))  # 5
        if answer["status"] == web.HTTPUnauthorized.status_code:
            raise Unauthenticated(FOREIGN)
        if answer.get("body") is None:
            return web.Response(status=answer["status"])
        return web.Response(
            body=orjson.dumps(answer["body"]), status=answer["status"], content_type="application/json"
        )

    def _claims(self, token: str) -> tuple[Mapping[str, Any], str]:
        """Return what the token says of itself, unproven, and its key's id."""
        parts = token.split(".")
        if len(parts) != 3:
            raise Unauthenticated(FOREIGN)
        header, claims = _decoded(parts[0]), _decoded(parts[1])
        good = (
            header.get("alg") == "RS256"
            and isinstance(header.get("kid"), str)
            and claims.get("iss") == ISSUER
            and claims.get("aud") == self.app_id
            and isinstance(claims.get("serviceurl"), str)
            and claims["serviceurl"] != ""
            and isinstance(claims.get("exp"), int)  # the SDK takes one without as good for ever
        )
        if not good:
            raise Unauthenticated(FOREIGN)
        return claims, str(header["kid"])

    def _of_ours(self, body: Mapping[str, Json], service_url: str) -> None:
        named = body.get("serviceUrl")
        if not isinstance(named, str) or named.rstrip("/") != service_url.rstrip("/"):
            raise Unauthenticated(FOREIGN)
        if body.get("channelId") != CHANNEL or payloads.tenants(body) != {self.tenant}:
            raise Unauthenticated(ELSEWHERE)


def _one_header(request: web.Request) -> str:
    # One header: a second could be the one that somebody else reads.
    found = request.headers.getall(AUTHORIZATION, [])
    if len(found) != 1 or not found[0].startswith("Bearer ") or len(found[0]) > TOKEN_MAX:
        raise Unauthenticated(FOREIGN)
    return found[0]


def _decoded(part: str) -> Mapping[str, Any]:
    try:
        read = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error) as error:
        raise Unauthenticated(FOREIGN) from error
    return read if isinstance(read, dict) else {}


async def _body(request: web.Request) -> dict[str, Json]:
    body = parse(await request.read())
    if not isinstance(body, dict):
        raise Malformed
    return body
