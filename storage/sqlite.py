"""SQLite: one connection that writes, in a thread of its own, and a few that read."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from storage.columns import Looked, on_sqlite

T = TypeVar("T")

READERS = 4
BUSY = 10_000  # milliseconds that we wait for another process to end its transaction
READERS_BUSY = 100  # milliseconds that a new log of pages waits for readers, and writers wait with it
WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # NORMAL loses acknowledged commits when the power goes
    "PRAGMA recursive_triggers = ON",  # without it INSERT OR REPLACE slips past the log's triggers
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -32000",
    "PRAGMA wal_autocheckpoint = 0",  # `_checkpoint` does it, so that no commit waits for it
)
READER = ("PRAGMA query_only = ON", "PRAGMA cache_size = -8000")
CHECKPOINT_EVERY = 1.0  # seconds
WAL_PAGES_MAX = 16_384  # 64 MiB; beyond, writers wait while the log of pages starts again
TAIL_WATCHED, TAIL_IDLE = 0.2, 2.0  # seconds between looks at other processes' commits


def database_file(url: URL) -> Path:
    """Return the file of a `sqlite:///…` URL; raises `ValueError` for a database in memory."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ValueError("SQLite needs a file: sqlite:///path/to/assent.db")
    return Path(url.database)


def sqlite_engine(url: URL, pragmas: tuple[str, ...], begin: str, size: int) -> Engine:
    """Make an engine whose connections have these pragmas and begin transactions this way."""
    path = database_file(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))  # its -wal and -shm get the same mode
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,  # errors are logged; what was asked for is not
        connect_args={"check_same_thread": False, "timeout": BUSY / 1000, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we begin transactions ourselves
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class SqliteDatabase:
    """A SQLite file as the store uses it."""

    def __init__(self, url: URL) -> None:
        """Open it; the file must be migrated."""
        self._write_engine = sqlite_engine(url, WRITER, "BEGIN IMMEDIATE", 1)
        self._read_engine = sqlite_engine(url, READER, "BEGIN", READERS)
        self._write_thread = ThreadPoolExecutor(1, "store-writes")
        self._read_threads = ThreadPoolExecutor(READERS + 1, "store-reads")
        self._file = database_file(url).absolute()
        self._glancing: sqlite3.Connection | None = None  # used by the event loop's thread alone
        self._writer: Connection | None = None
        self._checkpoints: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin what runs beside the writer."""
        self._checkpoints = asyncio.create_task(self._keep_checkpointing())

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a connection that cannot write."""
        return await asyncio.get_running_loop().run_in_executor(self._read_threads, self._read, query)

    async def look(self, query: str, *keys: Looked) -> Sequence[Sequence[Any]]:
        """Return the few rows that a query selects, in which `{}` stands for each key."""
        sql, values = query.format(*("?" for _ in keys)), tuple(on_sqlite(key) for key in keys)
        return await self.read(lambda held: held.exec_driver_sql(sql, values).all())

    def glance(self, statement: str) -> int | None:
        """Return one number at once: a reader waits for nobody, and a thread costs ten times the look."""
        try:
            if self._glancing is None:
                self._glancing = sqlite3.connect(
                    f"{self._file.as_uri()}?mode=ro", uri=True, isolation_level=None
                )
            row = self._glancing.execute(statement).fetchone()
        except sqlite3.Error:
            return None
        return int(row[0]) if row is not None else None

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction; only the writer calls this."""
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, self._write, work)

    async def heard(self, watched: bool) -> None:
        """Wait until another process may have committed."""
        await asyncio.sleep(TAIL_WATCHED if watched else TAIL_IDLE)

    async def close(self) -> None:
        """Write the log of pages back and close every connection."""
        if self._checkpoints is not None:
            self._checkpoints.cancel()
            with suppress(asyncio.CancelledError):
                await self._checkpoints
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._write_thread, self._close_writer)
        await loop.run_in_executor(None, partial(self._read_threads.shutdown, wait=True))
        await loop.run_in_executor(None, partial(self._write_thread.shutdown, wait=True))
        if self._glancing is not None:
            self._glancing.close()
        self._read_engine.dispose()
        self._write_engine.dispose()

    def _read(self, query: Callable[[Connection], T]) -> T:
        with self._read_engine.connect() as connection:
            return query(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        if self._writer is None:
            self._writer = self._write_engine.connect()
        try:
            with self._writer.begin():
                return work(self._writer)
        finally:
            if self._writer.invalidated:
                self._close_writer()

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _keep_checkpointing(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY)
            with suppress(OperationalError):  # busy: next time
                await loop.run_in_executor(self._read_threads, self._checkpoint)

    def _checkpoint(self) -> None:
        with self._read_engine.connect() as connection:
            _, pages, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()
            if pages > WAL_PAGES_MAX:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {READERS_BUSY}")
                try:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(RESTART)")
                finally:
                    connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY}")


def backup_file(source: Path, target: Path) -> None:
    """Copy a database that may be in use, whole and consistent, with SQLite's own backup.

    Raises `OSError` where there is none, and where the copy cannot be: it is for this account alone,
    as the database is, and what is not whole does not stay.
    """
    if not source.is_file():  # SQLite would make an empty one, and copy that
        raise FileNotFoundError(errno.ENOENT, "there is no database here", str(source))
    os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(source)) as held, closing(sqlite3.connect(target)) as copy:
            held.backup(copy)
    except sqlite3.Error as error:
        target.unlink()
        raise OSError(errno.EIO, f"it cannot be copied to: {error}", str(target)) from error
