"""asyncpg, spoken to directly: its errors become ours here, so that SQLite's half need not load it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from storage.faults import DriverFault


@contextmanager
def driving() -> Iterator[None]:
    """Turn what the driver itself raises, while it connects or is spoken to directly, into `DriverFault`."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise DriverFault(error) from error


def fetched(connection: Connection, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Run a statement; SQLAlchemy has begun the transaction with the first one, the log's lock."""
    driver: Any = connection.connection.driver_connection
    try:
        with driving():
            rows: Sequence[Sequence[Any]] = await_only(driver.fetch(sql, *values))
    except asyncpg.InterfaceError as error:
        if driver.is_closed():
            raise ConnectionError(str(error)) from error
        raise
    return rows
