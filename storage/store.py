"""The store: everything that is remembered, on SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy import Connection

from bot.core.terms import Change, Entry
from storage.conversations import ConversationStore
from storage.counting import CountingStore
from storage.database import Database, database_of
from storage.faults import reaching
from storage.hub import Hub, log_size
from storage.identities import IdentityStore
from storage.installations import InstallationStore
from storage.journal import LogStore
from storage.ledger import Salt
from storage.outbox import OutboxStore
from storage.pairings import PairingStore
from storage.requests import RequestStore
from storage.stalls import StallStore
from storage.stands import StandStore
from storage.writer import Writer


class DatabaseStore(
    RequestStore,
    StallStore,
    OutboxStore,
    StandStore,
    LogStore,
    IdentityStore,
    PairingStore,
    InstallationStore,
    ConversationStore,
    CountingStore,
):
    """`bot.ports.Store` on a database."""

    def __init__(self, database: Database, salt: Salt, seen: int) -> None:
        """Begin to write, and to follow the log from `seen` entries on."""
        self._database = database
        self._salt = salt
        self._hub = Hub(database, seen)
        self._writer = Writer(database, salt, self._hub)
        self._closed = False
        self._registry = self._reading = self._next_read = None
        self._tell: Callable[[Change], None] = lambda _change: None
        self._writer.start()
        self._tail = asyncio.create_task(self._hub.tail())

    def on_earlier(self, tick: Callable[[datetime], None], send: Callable[[datetime], None]) -> None:
        """Have `tick` called after each commit that makes a request due, `send` after each that makes an
        outbox row due, with the earliest instant.
        """
        self._writer.on_tick, self._writer.on_send = tick, send

    def on_entries(self, tell: Callable[[Sequence[Entry]], None]) -> None:
        """Have `tell` called with the entries that this process made durable, whatever they tell of."""
        self._writer.on_entries = tell

    def on_commit(self, tell: Callable[[Change], None]) -> None:
        """Have `tell` called with each change that this process made durable."""
        self._tell = tell

    async def now(self) -> datetime:
        """Return the database's clock."""
        with reaching():
            return await self._database.read(_clock)

    async def close(self) -> None:
        """Write what waits, then close every connection; what comes later gets `NotReady`."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        self._tail.cancel()
        with suppress(asyncio.CancelledError):
            await self._tail
        await self._database.close()


async def open_store(url: str, *, salt: Salt) -> DatabaseStore:
    """Open a migrated database: `sqlite:///path` or `postgresql://…`; `salt` returns 16 random bytes a call.

    Raises `NotReady` when it does not answer, `ValueError` when the URL or the server will not do.
    """
    database = database_of(url)
    try:
        with reaching():
            await database.start()
            seen = await database.read(log_size)
    except BaseException:
        await database.close()
        raise
    return DatabaseStore(database, salt, seen)


def _clock(connection: Connection) -> datetime:
    if connection.dialect.name == "postgresql":
        instant: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return instant.astimezone(UTC)
    written = connection.exec_driver_sql("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')").scalar_one()
    return datetime.fromisoformat(written)
