"""Long polls that end when the server does: each then answers with how things stand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from typing import TypeVar

from aiohttp import web

from bot.core.errors import TooMany

Found = TypeVar("Found")
POLLS_MAX = 2000  # of one caller at once: an agent waits for each of its requests, and for some twice
RETRY = timedelta(seconds=5)  # one of them ends by then, or all wait for people


class Polls:
    """Every long poll under way. A poll is one timer that nobody winds until shutdown: no task of its own."""

    def __init__(self) -> None:
        self._open: set[asyncio.Timeout] = set()
        self._of_each: Counter[str] = Counter()
        self._closing = False

    @classmethod
    def of(cls, app: web.Application) -> Polls:
        """Return the application's polls, which end when it shuts down."""
        if _POLLS not in app:
            app[_POLLS] = polls = cls()
            app.on_shutdown.append(polls.close)
        return app[_POLLS]

    async def until(self, awaited: Coroutine[object, object, Found], caller: str) -> Found | None:
        """Return what is awaited, or None when the server shuts down first.

        Raises `TooMany` when the caller waits at `POLLS_MAX` polls already.
        """
        if self._of_each[caller] >= POLLS_MAX:
            awaited.close()
            raise TooMany(f"One caller waits at {POLLS_MAX} polls at most; end some.", retry_after=RETRY)
        self._of_each[caller] += 1
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
            self._of_each[caller] -= 1
            if not self._of_each[caller]:
                del self._of_each[caller]

    async def close(self, _: web.Application) -> None:
        """End every poll; for `app.on_shutdown`."""
        self._closing = True
        for scope in tuple(self._open):
            scope.reschedule(asyncio.get_running_loop().time())

    def __len__(self) -> int:
        return len(self._open)


_POLLS = web.AppKey("polls", Polls)
