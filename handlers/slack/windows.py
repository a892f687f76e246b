"""Windows that stay true: one that shows a request is drawn anew when the request changes, from anywhere.

It is a courtesy, and nothing rests on it: what Slack does not draw stays as it was, a restart forgets which
windows are open, and whatever is pressed in one that is out of date is judged by how things stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.core.terms import Json, RequestId
from bot.ports import Store
from handlers.slack.whispers import logged

WINDOWS_MAX = 1000  # kept up to date by this process; the oldest go first
OPEN_FOR = 3600.0  # seconds since a window was last drawn for its person; then nobody reads it, most likely
CALM = 0.3  # seconds: changes closer together are drawn once
LOOK_EVERY = 60.0  # seconds between two looks whether any is still open

Redraw = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Window:
    """A window as it was drawn last."""

    request_id: RequestId
    version: int  # of the request
    at: float  # on the event loop's clock
    redraw: Redraw


class Windows:
    """Knows which windows are open, by Slack's ids of them. The log is followed only while there are any."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, Window] = {}
        self._changed: dict[RequestId, None] = {}
        self._wake = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    def drawn(self, view: str, request_id: RequestId, version: int, redraw: Redraw) -> None:
        """Remember what a window shows from now on; `redraw` draws it once the request is another."""
        self._open.pop(view, None)
        self._open[view] = Window(request_id, version, asyncio.get_running_loop().time(), redraw)
        while len(self._open) > WINDOWS_MAX:
            del self._open[next(iter(self._open))]
        self._changed[request_id] = None  # perhaps it did while Slack opened the window
        self._wake.set()

    def closed(self, view: str) -> None:
        """Forget a window that is not there any more."""
        self._open.pop(view, None)

    async def when_closed(self, ack: AsyncAck, body: dict[str, Json]) -> None:
        """Take Slack's word that somebody closed one."""
        await ack()
        self.closed(str(body["view"]["id"]))

    def shows(self, view: str, version: int) -> bool:
        """Say whether a window shows that version of its request, a later one, or is gone."""
        window = self._open.get(view)
        return window is None or window.version >= version

    async def following(self, _app: web.Application) -> AsyncIterator[None]:
        """Keep windows true while the app runs (an aiohttp cleanup context)."""
        drawing = asyncio.create_task(self._keep())
        yield
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)
        await self._rest()

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY if self._listening else None):
                    await self._wake.wait()
            self._forget_old()
            if not self._open:
                await self._rest()
            elif self._listening is None:
                self._listening = asyncio.create_task(self._listen())
            self._wake.clear()
            await asyncio.sleep(CALM)
            changed, self._changed = self._changed, {}
            for window in [one for one in self._open.values() if one.request_id in changed]:
                await logged(window.redraw())

    def _forget_old(self) -> None:
        now = asyncio.get_running_loop().time()
        for view in [view for view, window in self._open.items() if now - window.at > OPEN_FOR]:
            del self._open[view]

    async def _listen(self) -> None:
        async for request_id in self._store.feed():
            if any(window.request_id == request_id for window in self._open.values()):
                self._changed[request_id] = None
                self._wake.set()

    async def _rest(self) -> None:
        self._changed.clear()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None
