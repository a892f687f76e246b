"""asyncpg, spoken to directly: its errors become ours here, so that SQLite's half need not load it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import await_only

from storage.faults import DriverFault


@contextmanager
def driving() -> Iterator[None]:
    """Turn what the driver itself raises, while it connects or is spoken to directly, into `DriverFault`."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise DriverFault(error) from error


async def driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    """Return asyncpg's own connection."""
    held: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
    return held


def fetched(connection: Connection, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Run a statement in the transaction that is open."""
    driver: Any = connection.connection.driver_connection
    with speaking(driver):
        rows: Sequence[Sequence[Any]] = await_only(driver.fetch(sql, *values))
    return rows


@contextmanager
def speaking(driver: asyncpg.Connection) -> Iterator[None]:
    """Turn what the driver raises, its refusal of a connection that the server left among it, into ours."""
    try:
        with driving():
            yield
    except asyncpg.InterfaceError as error:
        if driver.is_closed():
            raise ConnectionError(str(error)) from error
        raise
