"""Callbacks into any ASGI server: `Receiver(executor)` is an ASGI application.

Served by itself, it works on callbacks for as long as it is up (the `lifespan` protocol). Mounted in another
application, whose lifespan it does not see, put `async with executor.working():` into that one's lifespan.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from assent.executor import BODY_MAX, Executor

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Receiver:
    """Takes callbacks at whatever path it is put."""

    executor: Executor

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status = await self._status(scope, receive)
            headers = [(b"content-length", b"0")] if status != 204 else []
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})

    async def _status(self, scope: Message, receive: Receive) -> int:
        if scope["method"] != "POST":
            return 405
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 400
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > BODY_MAX:
                return 413
        return await self.executor.hear(scope["headers"], body)

    async def _live(self, receive: Receive, send: Send) -> None:
        async with contextlib.AsyncExitStack() as stack:
            while True:
                message = await receive()
                if message["type"] == "lifespan.startup":
                    await stack.enter_async_context(self.executor.working())
                    await send({"type": "lifespan.startup.complete"})
                elif message["type"] == "lifespan.shutdown":
                    break
        await send({"type": "lifespan.shutdown.complete"})
