"""Long polls that end when the server does: each then answers with how things stand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from aiohttp import web

Found = TypeVar("Found")


class Polls:
    """Every long poll under way. A poll is one timer that nobody winds until shutdown: no task of its own."""

    def __init__(self) -> None:
        self._open: set[asyncio.Timeout] = set()
        self._closing = False

    @classmethod
    def of(cls, app: web.Application) -> Polls:
        """Return the application's polls, which end when it shuts down."""
        if _POLLS not in app:
            app[_POLLS] = polls = cls()
            app.on_shutdown.append(polls.close)
        return app[_POLLS]

    async def until(self, awaited: Awaitable[Found]) -> Found | None:
        """Return what is awaited, or None when the server shuts down first."""
        scope = asyncio.timeout(0 if self._closing else None)
        try:
            async with scope:
                self._open.add(scope)
                return await awaited
        except TimeoutError:
            if not scope.expired():
                raise
            return None
        finally:
            self._open.discard(scope)

    async def close(self, _: web.Application) -> None:
        """End every poll; for `app.on_shutdown`."""
        self._closing = True
        for scope in tuple(self._open):
            scope.reschedule(asyncio.get_running_loop().time())

    def __len__(self) -> int:
        return len(self._open)


_POLLS = web.AppKey("polls", Polls)
