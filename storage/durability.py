"""Whether the database keeps what it acknowledges: read from the database itself, for `doctor`."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection, make_url

from storage.faults import reaching
from storage.sqlite import WRITER, sqlite_engine

SYNCHRONOUS = {
    0: "OFF",
    1: "NORMAL",
    2: "FULL",
    3: "EXTRA",
}  # https://www.sqlite.org/pragma.html#pragma_synchronous


async def durability(url: str) -> tuple[str, bool]:
    """Return how the database writes, and whether that survives a power cut; raises `NotReady`."""
    with reaching():
        if make_url(url).get_backend_name() == "sqlite":
            return await asyncio.to_thread(_of_sqlite, url)
        return await _of_postgres(url)


def _of_sqlite(url: str) -> tuple[str, bool]:
    engine = sqlite_engine(make_url(url), WRITER, "BEGIN", 1)
    try:
        with engine.connect() as connection:
            journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
            synchronous = int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())
    finally:
        engine.dispose()
    return f"SQLite, journal_mode={journal}, synchronous={SYNCHRONOUS[synchronous]}", synchronous >= 2


async def _of_postgres(url: str) -> tuple[str, bool]:
    from storage.driving import driving
    from storage.postgres import postgres_engine

    engine = postgres_engine(make_url(url), 1)
    names = ("server_version", "synchronous_commit", "fsync", "full_page_writes")
    try:
        with driving():
            async with engine.connect() as connection:
                found = await connection.run_sync(lambda held: {name: _setting(held, name) for name in names})
    finally:
        await engine.dispose()
    described = ", ".join(f"{name}={found[name]}" for name in names[1:])
    safe = found["synchronous_commit"] not in ("off", "local") and found["fsync"] == "on"
    return f"PostgreSQL {found['server_version']}, {described}", safe and found["full_page_writes"] == "on"


def _setting(connection: Connection, name: str) -> str:
    return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())
