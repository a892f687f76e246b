"""A database, whichever it is: what the store asks of `SqliteDatabase` and `PostgresDatabase`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, make_url

from storage.columns import Looked
from storage.sqlite import SqliteDatabase

T = TypeVar("T")


class Database(Protocol):
    """Queries and transactions are plain functions of a connection, and run the same on both."""

    async def start(self) -> None:
        """Begin what runs beside the queries."""
        ...

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query."""
        ...

    async def look(self, query: str, *keys: Looked) -> Sequence[Sequence[Any]]:
        """Return the few rows that a query selects, in which `{}` stands for each key."""
        ...

    def glance(self, statement: str) -> int | None:
        """Return one number at once, without a thread or a wait; None where asking takes longer than that."""
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction; only the writer calls this."""
        ...

    async def heard(self, watched: bool) -> None:
        """Wait until another process may have committed; less long while somebody watches."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


def database_of(url: str) -> Database:
    """Return the database behind `sqlite:///…` or `postgresql://…`, with or without a driver's name."""
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return SqliteDatabase(parsed)
        case "postgresql":
            from storage.postgres import PostgresDatabase  # its driver takes a tenth of a start on SQLite

            return PostgresDatabase(parsed)
        case other:
            raise ValueError(f"the database is sqlite:///… or postgresql://…, not {other}://…")
