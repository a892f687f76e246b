"""Looks at PostgreSQL: a few rows, read without SQLAlchemy, which takes three times as long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.driving import driver_of, speaking
from storage.faults import is_unreachable

LOOKS = 4  # connections, each kept once it was needed


class Looks:
    """A few connections that are kept, each for one look at a time."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection]]) -> None:
        """Nothing is connected yet; `connect` gives connections that begin no transactions."""
        self._connect = connect
        self._places = asyncio.Semaphore(LOOKS)
        self._free: list[tuple[AsyncConnection, asyncpg.Connection]] = []
        self._closed = False

    async def rows(self, sql: str, keys: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Return the rows that a query selects.

        Once more on a new connection if the one that was kept turns out to be dead.
        """
        async with self._places:
            try:
                return await self._rows(sql, keys)
            except Exception as error:
                if not is_unreachable(error):
                    raise
            await self._drop_free()  # they are as old
            return await self._rows(sql, keys)

    async def close(self) -> None:
        """Close every connection, as soon as nobody uses it."""
        self._closed = True
        await self._drop_free()

    async def _drop_free(self) -> None:
        while self._free:
            await _dropped(self._free.pop()[0])

    async def _rows(self, sql: str, keys: Sequence[Any]) -> Sequence[Sequence[Any]]:
        connection, own = self._free.pop() if self._free else await self._connected()
        try:
            with speaking(own):
                found: Sequence[Sequence[Any]] = await own.fetch(sql, *keys)
        except BaseException:
            await _dropped(connection)  # nobody knows where it stands
            raise
        if self._closed:
            await _dropped(connection)
        else:
            self._free.append((connection, own))
        return found

    async def _connected(self) -> tuple[AsyncConnection, asyncpg.Connection]:
        connection = await self._connect()
        return connection, await driver_of(connection)


async def _dropped(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()
