"""Bringing a database to the tables of this version, and copying it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, inspect, make_url

from bot.core.errors import NotReady
from storage.faults import reaching
from storage.sqlite import WRITER, backup_file, database_file, sqlite_engine

if TYPE_CHECKING:
    from alembic.config import Config

T = TypeVar("T")
MIGRATIONS = Path(__file__).with_name("migrations")
VERSIONS = "alembic_version"  # its own table, of one row
ONE_MIGRATES = 0x61737365  # the key of PostgreSQL's advisory lock, "asse"


async def migrate(url: str) -> list[str]:
    """Bring the database up to date, in one transaction; return the revisions that this took."""
    with reaching():
        return await _run(url, _migrate)


async def pending_migrations(url: str) -> list[str]:
    """Return the revisions that `migrate` would apply, in their order."""
    with reaching():
        return await _run(url, _pending)


async def backup(url: str, target: Path) -> None:
    """Copy a SQLite database to a file while it is in use; raises `ValueError` for PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise ValueError("back PostgreSQL up with pg_dump or its own archiving")
    await asyncio.to_thread(backup_file, database_file(parsed), target)


async def _run(url: str, work: Callable[[Connection], T]) -> T:
    """Run work in one transaction of its own engine."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return await asyncio.to_thread(_run_on_sqlite, url, work)
    from storage.driving import driving
    from storage.postgres import migrating_engine

    engine = migrating_engine(parsed)
    try:
        with driving():
            async with engine.begin() as connection:
                return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _run_on_sqlite(url: str, work: Callable[[Connection], T]) -> T:
    engine = sqlite_engine(make_url(url), WRITER, "BEGIN IMMEDIATE", 1)
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


def _migrate(connection: Connection) -> list[str]:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_MIGRATES})")
    pending = _pending(connection)
    if pending:
        from alembic import command

        command.upgrade(_config(connection), "head")
    return pending


def _pending(connection: Connection) -> list[str]:
    if _current(connection) == newest():
        return []
    from alembic.migration import MigrationContext  # takes as long as a third of our start
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError

    script = ScriptDirectory.from_config(_config(connection))
    current = MigrationContext.configure(connection).get_current_heads()
    try:
        revisions = list(script.iterate_revisions("heads", current or "base"))
    except RevisionError as error:
        raise NotReady("This database was migrated by a newer Assent; run that version.") from error
    return [revision.revision for revision in reversed(revisions)]


def newest() -> str:
    """Return the newest revision: the one whose file's name begins with the highest number."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def _current(connection: Connection) -> str | None:
    """Return the database's revision, None if it was never migrated."""
    if not inspect(connection).has_table(VERSIONS):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSIONS}").scalars().all()  # noqa: S608
    return str(found[0]) if len(found) == 1 else None


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
