"""Who waits for which request to change, and who is woken by commits of this and of other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from weakref import WeakSet

import structlog
from sqlalchemy import Connection, select

from bot.core.terms import Request, RequestId
from storage.database import Database
from storage.faults import FAULTS
from storage.tables import ENTRIES, HEAD

log = structlog.get_logger()


class OneWatch:
    """Wakes when one request may have changed; remembers a change that came between two waits."""

    def __init__(self) -> None:
        """Nothing has changed yet."""
        self.after: Request | None = None
        self._event = asyncio.Event()

    def wake(self, after: Request | None) -> None:
        """Tell of a commit, and how it left the request; None where that is to be read."""
        self.after = after
        self._event.set()

    async def changed(self, timeout: timedelta) -> bool:
        """Wait for the next commit of that request; False when the time was up first."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Feed:
    """Yields the id of every request that changes; one that changed twice since the last look, once."""

    def __init__(self) -> None:
        """Nothing has changed yet."""
        self._held: dict[RequestId, None] = {}
        self._more = asyncio.Event()

    def add(self, ids: Iterable[RequestId]) -> None:
        """Hand over ids."""
        self._held.update(dict.fromkeys(ids))
        self._more.set()

    def __aiter__(self) -> Feed:
        """Be iterated."""
        return self

    async def __anext__(self) -> RequestId:
        """Wait for the next id."""
        while not self._held:
            self._more.clear()
            await self._more.wait()
        request_id = next(iter(self._held))
        del self._held[request_id]
        return request_id


class Hub:
    """Wakes watchers: at once by our own commits, through the log's tail by those of other processes."""

    def __init__(self, database: Database, seen: int) -> None:
        """Know the log up to `seen` entries."""
        self._database = database
        self._seen = seen
        self._watches: dict[RequestId, set[OneWatch]] = {}
        self._feeds: WeakSet[Feed] = WeakSet()

    @contextmanager
    def watch(self, request_id: RequestId) -> Iterator[OneWatch]:
        """Watch one request from now on."""
        watch = OneWatch()
        self._watches.setdefault(request_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[request_id].discard(watch)
            if not self._watches[request_id]:
                del self._watches[request_id]

    def feed(self) -> Feed:
        """Feed every change from now on, for as long as somebody holds the feed."""
        feed = Feed()
        self._feeds.add(feed)
        return feed

    def committed(self, first: int, size: int, changed: Mapping[RequestId, Request]) -> None:
        """Wake those whom our own commit of the entries from `first` to `size` concerns."""
        if first == self._seen:
            self._seen = size  # else others' entries lie between, and the tail reads on from where it was
        self._wake(changed)

    async def tail(self) -> None:
        """Follow the log for ever."""
        while True:
            await self._database.heard(watched=bool(self._watches or self._feeds))
            try:
                await self._catch_up()
            except FAULTS as error:
                log.warning("store.tail_broken", error=type(error).__name__)

    async def _catch_up(self) -> None:
        size = await self._database.read(log_size)
        seen = self._seen
        if size <= seen:
            return
        if self._watches or self._feeds:
            self._wake(dict.fromkeys(await self._database.read(_changed_between(seen, size))))
        self._seen = max(self._seen, size)

    def _wake(self, changed: Mapping[RequestId, Request | None]) -> None:
        if not changed:
            return
        for request_id in self._watches.keys() & changed.keys():
            for watch in self._watches[request_id]:
                watch.wake(changed[request_id])
        for feed in self._feeds:
            feed.add(changed)


def log_size(connection: Connection) -> int:
    """Count the log's entries."""
    return int(connection.execute(select(HEAD.c.size)).scalar_one())


def _changed_between(first: int, size: int) -> Callable[[Connection], set[RequestId]]:
    entry = ENTRIES.c
    query = (
        select(entry.request_id)
        .distinct()
        .where(entry.sequence >= first, entry.sequence < size, entry.request_id.is_not(None))
    )
    return lambda connection: {RequestId(held) for held in connection.execute(query).scalars()}
