"""The migrations make exactly the tables that the code declares."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from storage.database import database_of
from storage.schema import MIGRATIONS, newest, pending_migrations
from storage.tables import METADATA


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": False})
    return list(compare_metadata(context, METADATA))


async def test_the_migrated_tables_are_those_that_are_declared(migrated_url: str) -> None:
    assert await pending_migrations(migrated_url) == []
    database = database_of(migrated_url)
    await database.start()
    try:
        assert await database.read(differences) == []
    finally:
        await database.close()


def test_the_newest_migration_is_the_one_whose_file_has_the_highest_number() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert newest() == ScriptDirectory.from_config(config).get_current_head()
