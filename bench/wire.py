"""HTTP/1.1 on raw sockets, as little of it as a load generator needs: whole answers with a length."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "


def request(method: str, path: str, key: str, body: bytes = b"", idempotency: str | None = None) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Authorization: Bearer {key}"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    if idempotency:
        lines.append(f"Idempotency-Key: {idempotency}")
    return "\r\n".join(lines).encode() + HEAD_END + body


def whole(held: bytes) -> tuple[int, int] | None:
    """Return the status and the length of the first answer in `held`, None while it is incomplete."""
    end = held.find(HEAD_END)
    if end < 0:
        return None
    head = held[:end].lower()
    at = head.find(LENGTH)
    body = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    length = end + len(HEAD_END) + body
    return (int(held[9:12]), length) if len(held) >= length else None


class Line(asyncio.Protocol):
    """One connection; one call at a time."""

    def __init__(self) -> None:
        self._held = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what came; a whole answer ends the call."""
        self._held += data
        if (found := whole(self._held)) and self._answer and not self._answer.done():
            status, length = found
            self._answer.set_result((status, self._held[self._held.find(HEAD_END) + 4 : length]))
            self._held = self._held[length:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the call under way."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server closed the connection"))

    async def call(self, asked: bytes) -> tuple[int, Any]:
        """Send a request and return its status and JSON."""
        status, body = await self._asked(asked)
        return status, json.loads(body) if body else None

    async def text(self, asked: bytes) -> str:
        """Send a request and return its text."""
        return (await self._asked(asked))[1].decode()

    async def _asked(self, asked: bytes) -> tuple[int, bytes]:
        assert self._transport
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(asked)
        return await self._answer


async def line(host: str, port: int) -> Line:
    """Open a connection."""
    _, made = await asyncio.get_running_loop().create_connection(Line, host, port)
    return made
