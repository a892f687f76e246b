"""Live updates: server-sent events that say "something you are looking at has changed", and nothing else.

The page then asks for itself again, so there is one way in which anything is shown.
"""

from __future__ import annotations

import asyncio
from asyncio import Event, Task
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import cast

from aiohttp import web

from bot.core.errors import TooMany, Unknown
from bot.core.terms import PersonName, RequestId
from handlers.web.desk import ID
from handlers.web.lists import Lists
from handlers.web.shield import HEADERS
from handlers.web.site import Site, Visitor

STREAMS_MAX = 16  # of one person at once; each looks up their inbox at every change
RETRY = timedelta(seconds=30)
CALM = 0.2  # seconds: changes closer together are told as one
KEEPALIVE = 15.0  # seconds: proxies cut silent connections after 30 to 60
HEADERS_OF_STREAM = HEADERS | {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}

State = Callable[[], Awaitable[str]]


class Live:
    """Streams of events to open pages."""

    def __init__(self, site: Site, lists: Lists) -> None:
        self._site = site
        self._lists = lists
        self._streams: dict[Task[object], PersonName] = {}

    async def events(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """Tell a page whenever its `state` changes, until it is closed or its session ends.

        Raises `TooMany` when this person has `STREAMS_MAX` pages open: the others work without.
        """
        watched = request.query.get("request")
        state = self._of_request(watched, visitor) if watched else self._of_inbox(visitor)
        with self._place(visitor.name):
            await state()  # what may not be seen is refused before the stream begins
            response = web.StreamResponse(headers=HEADERS_OF_STREAM)
            await response.prepare(request)
            with suppress(ConnectionError, Unknown):
                await self._follow(request, response, state, RequestId(watched) if watched else None)
            return response

    @contextmanager
    def _place(self, name: PersonName) -> Iterator[None]:
        if list(self._streams.values()).count(name) >= STREAMS_MAX:
            raise TooMany(f"{STREAMS_MAX} of your pages are live already.", retry_after=RETRY)
        task = cast("Task[object]", asyncio.current_task())
        self._streams[task] = name
        try:
            yield
        finally:
            del self._streams[task]

    async def close(self, _app: web.Application) -> None:
        """End every stream: a page's open ear must not hold up the server's end."""
        for task in tuple(self._streams):
            task.cancel()

    async def _follow(
        self, request: web.Request, response: web.StreamResponse, state: State, only: RequestId | None
    ) -> None:
        async with self._changes(only) as changed:
            seen = ""
            while await self._site.visitor(request) is not None:
                now = await state()
                if now != seen:
                    await _tell(response, now)
                    seen = now
                try:
                    async with asyncio.timeout(KEEPALIVE):
                        await changed.wait()
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                await asyncio.sleep(CALM)
                changed.clear()

    @asynccontextmanager
    async def _changes(self, only: RequestId | None) -> AsyncIterator[Event]:
        """Give an event that is set whenever a request (or that one) has changed."""
        changed = Event()

        feed = self._site.store.feed()

        async def listen() -> None:
            async for request_id in feed:
                if only in (None, request_id):
                    changed.set()

        task = asyncio.create_task(listen())
        try:
            yield changed
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _of_inbox(self, visitor: Visitor) -> State:
        async def state() -> str:
            return (await self._lists.load(visitor.name)).state

        return state

    def _of_request(self, watched: str, visitor: Visitor) -> State:
        async def state() -> str:
            if not ID.fullmatch(watched):
                raise Unknown
            return str((await self._site.viewing.see(RequestId(watched), visitor.name)).version)

        return state


async def _tell(response: web.StreamResponse, state: str) -> None:
    await response.write(f"event: state\ndata: {state}\n\n".encode())
