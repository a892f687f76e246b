"""One call's answer: plain JSON where it comes at once, a stream of events where it takes time."""

from __future__ import annotations

import orjson
from aiohttp import web

from bot.core.terms import Json
from handlers.mcp.messages import Message

EVENTS = "text/event-stream"
HEADERS = {"Content-Type": EVENTS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Stream:
    """Opens when somebody has to wait, so that neither client nor proxy takes silence for an end."""

    def __init__(self, request: web.Request, message: Message) -> None:
        self._request = request
        self._token = message.progress_token
        self._takes_events = EVENTS in request.headers.get("Accept", "")
        self._open: web.StreamResponse | None = None
        self._beats = 0

    async def alive(self, words: str) -> None:
        """Give a sign of life: progress where the client asked for it, else a comment."""
        if not self._takes_events:
            return
        if self._open is None:
            self._open = web.StreamResponse(headers=HEADERS)
            await self._open.prepare(self._request)
        if self._token is None:
            await self._open.write(b": waiting\n\n")
            return
        self._beats += 1
        params = {"progressToken": self._token, "progress": self._beats, "message": words}
        note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
        await self._open.write(_event(note))

    async def end(self, answer: Json, status: int = 200) -> web.StreamResponse:
        """Send the answer, which is the last that is said."""
        if self._open is None:
            return plain(answer, status)
        await self._open.write(_event(answer))
        await self._open.write_eof()
        return self._open


def plain(answer: Json, status: int = 200) -> web.Response:
    """Return an answer of JSON."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(body=orjson.dumps(answer), status=status, headers=headers)


def _event(message: Json) -> bytes:
    return b"event: message\ndata: " + orjson.dumps(message) + b"\n\n"
