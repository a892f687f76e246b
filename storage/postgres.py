"""PostgreSQL through asyncpg: a connection that writes, one that listens, and a pool that reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import unquote

import asyncpg
from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage.columns import Looked, on_postgresql
from storage.driving import driver_of, driving, speaking
from storage.faults import FAULTS, is_unreachable
from storage.ledger import CHANNEL
from storage.looks import LOOKS, Looks
from storage.tables import METADATA

T = TypeVar("T")

READERS = 6
CONNECT_WITHIN = 5.0  # seconds
COMMAND_WITHIN = 15.0  # seconds, on our side; the server's own limits are below and shorter
TAIL = 2.0  # seconds between looks at other replicas' commits when no notice comes
MUTE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# What is read afterwards, by statements of their own, is as the last holder of the lock left it.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT 1 FROM log_head FOR UPDATE"
SESSION = {
    "application_name": "assent",
    "timezone": "UTC",
    # Each of our queries has its index; statistics of tables that fill and empty would lead elsewhere.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    # Else a plan made while a table was empty is kept when it is large, and may take another index.
    "plan_cache_mode": "force_custom_plan",
    # A replica that is cut off would keep its locks for more than a minute by default.
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "10s",
    "statement_timeout": "12s",
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "8s",
}
for _index in (index for table in METADATA.tables.values() for index in table.indexes):
    # Said here: naming an option of PostgreSQL's loads its dialect, and tables.py is loaded for SQLite, too.
    _index.dialect_options["postgresql"]["where"] = _index.dialect_options["sqlite"]["where"]


def driver_url(url: URL) -> URL:
    """Spell a libpq URL the way asyncpg takes it: driver, unescaped socket folder, `ssl` for `sslmode`."""
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    query.pop("application_name", None)
    host = unquote(url.host) if url.host else url.host
    if host and host.startswith("/"):
        query, host = query | {"host": host}, None
    return url.set(drivername="postgresql+asyncpg", query=query, host=host)


def postgres_engine(url: URL, size: int) -> AsyncEngine:
    """Make an engine with our limits on every connection."""
    return _engine(url, size, SESSION, COMMAND_WITHIN)


def migrating_engine(url: URL) -> AsyncEngine:
    """Make an engine for one who may take long: an index over a million requests does."""
    return _engine(url, 1, SESSION | {"statement_timeout": "0"}, None)


def _engine(url: URL, size: int, session: Mapping[str, str], within: float | None) -> AsyncEngine:
    return create_async_engine(
        driver_url(url),
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,  # errors are logged; what was asked for is not
        pool_timeout=CONNECT_WITHIN,
        connect_args={
            "timeout": CONNECT_WITHIN,
            "command_timeout": within,
            "server_settings": dict(session),
            "prepared_statement_cache_size": 500,
        },
    )


class PostgresDatabase:
    """A PostgreSQL database as the store uses it."""

    def __init__(self, url: URL) -> None:
        """Nothing is connected yet."""
        self._engine = postgres_engine(url, READERS + LOOKS + 2)
        self._reads = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._looks = Looks(self._look_out)
        self._writer: AsyncConnection | None = None
        self._own: asyncpg.Connection | None = None
        self._own_backend = 0
        self._listener: asyncio.Task[None] | None = None
        self._notice = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen for other replicas' commits; refuse a server that forgets acknowledged ones."""
        if await self.read(_synchronous_commit) == "off":
            raise ValueError("PostgreSQL has synchronous_commit=off, which loses acknowledged decisions")
        self._listener = asyncio.create_task(self._keep_listening())

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query; once more on a new connection if the pooled one turns out to be dead."""
        try:
            return await self._read(query)
        except FAULTS as error:
            if not is_unreachable(error):
                raise
        return await self._read(query)

    async def look(self, query: str, *keys: Looked) -> Sequence[Sequence[Any]]:
        """Return the few rows that a query selects, in which `{}` stands for each key."""
        sql = query.format(*(f"${number}" for number, _ in enumerate(keys, 1)))
        return await self._looks.rows(sql, [on_postgresql(key) for key in keys])

    async def _look_out(self) -> AsyncConnection:
        with driving():
            return await self._reads.connect()

    def glance(self, statement: str) -> int | None:  # noqa: ARG002 — the shape is the protocol's
        """Return None: every question takes a round trip here."""
        return None

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction; only the writer calls this."""
        with driving():
            writer, own = await self._connected()
        try:
            with speaking(own):
                return await _in_transaction(writer, own, work)
        except BaseException as error:
            if own.is_in_transaction() or is_unreachable(error):
                await self._drop_writer()  # nobody knows where it stands
            raise

    async def heard(self, watched: bool) -> None:  # noqa: ARG002
        """Wait until another replica may have committed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._notice.wait(), TAIL)
        self._notice.clear()

    async def close(self) -> None:
        """Close every connection."""
        if self._listener is not None:
            self._listener.cancel()
            # Cut off in the middle of a word to the driver, it may end with the driver's own error.
            await asyncio.gather(self._listener, return_exceptions=True)
        await self._drop_writer()
        await self._looks.close()
        await self._engine.dispose()

    async def _read(self, query: Callable[[Connection], T]) -> T:
        with driving():
            async with self._reads.connect() as connection:
                return await connection.run_sync(query)

    async def _connected(self) -> tuple[AsyncConnection, asyncpg.Connection]:
        """Return the connection that writes; a new one if the server went away while nothing was written."""
        if self._writer is not None and self._own is not None and not self._own.is_closed():
            return self._writer, self._own
        await self._drop_writer()
        # SQLAlchemy begins no transaction on it: we do, and take the lock in the same round trip.
        self._writer = await self._reads.connect()
        self._own = await driver_of(self._writer)
        self._own_backend = self._own.get_server_pid()
        return self._writer, self._own

    async def _drop_writer(self) -> None:
        writer, self._writer, self._own = self._writer, None, None
        if writer is not None:
            await writer.invalidate()
            await writer.close()

    async def _keep_listening(self) -> None:
        """Hold one connection that hears notices; while it is down, the tail still looks now and then."""
        while True:
            with suppress(*FAULTS, *MUTE):
                await self._listen()
            await asyncio.sleep(TAIL)

    async def _listen(self) -> None:
        async with self._reads.connect() as connection:
            try:
                driver = await driver_of(connection)
                await driver.add_listener(CHANNEL, self._noticed)
                while True:
                    await asyncio.sleep(TAIL)
                    await driver.execute("SELECT 1")  # is it still there?
            finally:
                await connection.invalidate()  # so that no reader gets a connection that listens

    def _noticed(self, _connection: object, backend: int, _channel: str, _payload: object) -> None:
        if backend != self._own_backend:
            self._notice.set()


async def _in_transaction(
    writer: AsyncConnection, own: asyncpg.Connection, work: Callable[[Connection], T]
) -> T:
    """Run work in one transaction under the log's lock; end it either way, while the server answers."""
    try:
        await own.execute(BEGIN)
        async with writer.begin():  # for SQLAlchemy's savepoints; it says nothing to the server
            done = await writer.run_sync(work)
        if await own.execute("COMMIT") != "COMMIT":
            raise OSError("PostgreSQL rolled back what was to be committed")
    except BaseException:
        if own.is_in_transaction() and not own.is_closed():
            with suppress(*MUTE):  # then it is dropped, and the server ends the transaction
                await own.execute("ROLLBACK")
        raise
    return done


def _synchronous_commit(connection: Connection) -> str:
    return str(connection.exec_driver_sql("SHOW synchronous_commit").scalar_one())
