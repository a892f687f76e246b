"""The migrations make exactly the tables that the code declares."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, make_url
from sqlalchemy.orm.exc import UnmappedClassError

from bot.core.errors import NotReady
from storage import postgres as postgres_limits
from storage.postgres import postgres_engine
from storage.schema import MIGRATIONS, backup, migrate, pending_migrations
from storage.sqlite import WRITER, sqlite_engine
from storage.store import open_store
from storage.tables import METADATA, Row
from tests.fixtures.postgres import Postgres
from tests.storage.values import a_request, asked, salt

T = TypeVar("T")
TRIGGERS = {f"{table}_refuse_{verb}" for table in ("entries", "checkpoints") for verb in ("update", "delete")}
ON_POSTGRESQL = {"entries_refuse_truncate", "checkpoints_refuse_truncate"}
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"


async def run(url: str, work: Callable[[Connection], T]) -> T:
    """Run work in a transaction."""
    if url.startswith("sqlite"):
        engine = sqlite_engine(make_url(url), WRITER, "BEGIN", 1)
        with engine.begin() as connection:
            done = work(connection)
        engine.dispose()
        return done
    other = postgres_engine(make_url(url), 1)
    async with other.begin() as held:
        done = await held.run_sync(work)
    await other.dispose()
    return done


async def test_migrations_make_the_tables_that_are_declared(migrated_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))

    assert await run(migrated_url, differences) == []


async def test_on_sqlite_every_statement_of_the_schema_is_the_same(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    def statements(connection: Connection) -> dict[str, set[str]]:
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL "
            "AND name NOT LIKE 'alembic%'"
        )
        return {row.name: {part.strip(" \n\t,") for part in row.sql.splitlines()} for row in rows}

    declared = f"sqlite:///{tmp_path / 'declared.db'}"
    await run(declared, METADATA.create_all)
    assert await run(migrated_sqlite_url, statements) == await run(declared, statements)


async def test_on_postgresql_every_index_is_the_same(migrated_postgresql_url: str, postgres_url: str) -> None:
    def indexes(connection: Connection) -> dict[str, str]:
        rows = connection.exec_driver_sql(INDEXES)
        return {row.indexname: row.indexdef for row in rows if "alembic" not in row.indexname}

    await run(postgres_url, METADATA.create_all)
    assert await run(migrated_postgresql_url, indexes) == await run(postgres_url, indexes)


async def test_the_triggers_are_there(migrated_url: str) -> None:
    on_sqlite = migrated_url.startswith("sqlite")
    names = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if on_sqlite
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    found = await run(migrated_url, lambda connection: set(connection.exec_driver_sql(names).scalars()))
    assert found == (TRIGGERS if on_sqlite else TRIGGERS | ON_POSTGRESQL)


async def test_migrating_says_what_it_did_and_does_it_once(database_url: str) -> None:
    pending = await pending_migrations(database_url)
    assert pending == sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))
    done = await asyncio.gather(migrate(database_url), migrate(database_url))
    assert sorted(done) == [[], pending]
    assert await pending_migrations(database_url) == []


async def test_a_migration_may_take_longer_than_any_other_statement(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres_limits.SESSION, "statement_timeout", "1ms")
    monkeypatch.setattr(postgres_limits, "COMMAND_WITHIN", 0.001)
    assert await migrate(postgres_url)


async def test_a_database_of_a_newer_version_is_not_ours_to_run(migrated_url: str) -> None:
    newer = "UPDATE alembic_version SET version_num = '9999'"
    await run(migrated_url, lambda connection: connection.exec_driver_sql(newer).close())
    with pytest.raises(NotReady, match="newer"):
        await pending_migrations(migrated_url)
    with pytest.raises(NotReady, match="newer"):
        await migrate(migrated_url)


async def test_a_backup_taken_while_writing_is_whole(migrated_sqlite_url: str, tmp_path: Path) -> None:
    store = await open_store(migrated_sqlite_url, salt=salt)
    calls = [asyncio.create_task(store.commit(asked(a_request()))) for _ in range(200)]
    await asyncio.sleep(0)
    await asyncio.gather(*calls[:1], backup(migrated_sqlite_url, tmp_path / "copy.db"))
    await asyncio.gather(*calls)
    await store.close()
    copy = await open_store(f"sqlite:///{tmp_path / 'copy.db'}", salt=salt)
    assert len(await copy.recent(1000, None)) == await copy.size()
    await copy.close()


async def test_postgresql_is_backed_up_by_its_own_tools(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pg_dump"):
        await backup("postgresql://localhost/x", tmp_path / "x")


def test_the_database_file_is_for_its_owner_only(migrated_file: Path) -> None:
    assert migrated_file.stat().st_mode & 0o777 == 0o600


async def test_sqlite_keeps_what_it_acknowledged(migrated_sqlite_url: str) -> None:
    def pragmas(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "recursive_triggers", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    store = await open_store(migrated_sqlite_url, salt=salt)
    assert await store._database.write(pragmas) == ["wal", 2, 1, 1]
    await store.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/x"])
async def test_a_database_that_will_not_do_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///"):
        await open_store(url, salt=salt)


async def test_a_forgetful_postgresql_is_refused(migrated_postgresql_url: str, postgres: Postgres) -> None:
    name = make_url(migrated_postgresql_url).database
    postgres.run(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with pytest.raises(ValueError, match="synchronous_commit"):
        await open_store(migrated_postgresql_url, salt=salt)


@pytest.mark.parametrize(
    ("scheme", "options"), [("postgresql", ""), ("postgresql+asyncpg", ""), ("postgresql", "&sslmode=prefer")]
)
async def test_a_postgresql_url_may_be_spelled_as_usual(
    migrated_postgresql_url: str, scheme: str, options: str
) -> None:
    url = migrated_postgresql_url.replace("postgresql", scheme, 1) + options
    store = await open_store(url, salt=salt)
    await store.commit(asked(a_request()))
    await store.close()


async def test_a_socket_folder_may_stand_for_the_host(migrated_postgresql_url: str) -> None:
    parsed = make_url(migrated_postgresql_url)
    folder = str(parsed.query["host"]).replace("/", "%2F")
    store = await open_store(f"postgresql://postgres@{folder}/{parsed.database}", salt=salt)
    assert await store.size() == 0
    await store.close()


def test_a_row_declares_its_table_and_nothing_is_built_to_make_one() -> None:
    rows = Row.__subclasses__()
    assert len(rows) == len(METADATA.tables)
    for row in rows:
        assert not row.__pydantic_complete__
        with pytest.raises(UnmappedClassError):
            inspect(row)


def test_the_schema_needs_nothing_newer_than_debians_sqlite() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        (version,) = connection.execute("SELECT sqlite_version()").fetchone()
    assert tuple(map(int, version.split("."))) >= (3, 35, 0)
