"""The migrations make exactly the tables that the code declares, and only ever add to what there was.

Servers of the version before serve on while they run, and until they are exchanged: so no migration may take
away, rename or demand what those do not write. The first one made the first tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

from storage.database import database_of
from storage.schema import MIGRATIONS, newest, pending_migrations
from storage.tables import METADATA


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": False})
    return list(compare_metadata(context, METADATA))


def script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


async def test_the_migrated_tables_are_those_that_are_declared(migrated_url: str) -> None:
    assert await pending_migrations(migrated_url) == []
    database = database_of(migrated_url)
    await database.start()
    try:
        assert await database.read(differences) == []
    finally:
        await database.close()


def test_the_newest_migration_is_the_one_whose_file_has_the_highest_number() -> None:
    assert newest() == script().get_current_head()


@contextmanager
def recorded(connection: Connection | None) -> Iterator[list[ops.MigrateOperation]]:
    """Note what migrations say meanwhile; without a connection, nothing of it is done."""
    said: list[ops.MigrateOperation] = []
    options: dict[str, Any] = {"connection": connection} if connection else {"dialect_name": "sqlite"}
    with Operations.context(MigrationContext.configure(**options)) as operations:
        invoke = operations.invoke

        def noted(operation: ops.MigrateOperation) -> object:
            said.append(operation)
            return invoke(operation) if connection else None

        vars(operations)["invoke"] = noted  # every `op.` comes through here
        yield said


def breaks(done: list[ops.MigrateOperation]) -> list[str]:
    """Return what a server of the version before would stumble over; what nobody can judge is among it."""
    made = {one.table_name for one in done if isinstance(one, ops.CreateTableOp)}
    return [problem for one in done if (problem := _problem(one, made)) is not None]


def _problem(one: ops.MigrateOperation, made: set[str]) -> str | None:
    match one:
        case ops.CreateTableOp():
            return None
        case ops.CreateIndexOp() if one.table_name in made or not one.unique:
            return None
        case ops.CreateIndexOp():
            return f"{one.table_name} must be unique in what it was not"
        case ops.AddColumnOp():
            column = one.column
            writes_itself = column.nullable or column.server_default is not None
            return (
                None if writes_itself and not column.unique else f"{one.table_name}.{column.name} is demanded"
            )
        case _:
            return type(one).__name__


@pytest.fixture
def connection() -> Iterator[Connection]:
    """An empty database in memory."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_every_migration_since_the_first_only_adds(connection: Connection) -> None:
    first, *later = reversed(list(script().walk_revisions()))
    with recorded(connection):
        first.module.upgrade()
    for revision in later:
        with recorded(connection) as said:
            revision.module.upgrade()
        assert said
        assert breaks(said) == [], revision.revision


PLANTED: dict[str, Callable[[], object]] = {
    "a table is gone": lambda: op.drop_table("letters"),
    "a table is renamed": lambda: op.rename_table("outbox", "mail"),
    "a column is gone": lambda: op.drop_column("letters", "problem"),
    "a column is renamed": lambda: op.alter_column("letters", "problem", new_column_name="why"),
    "a column must be filled": lambda: op.add_column(
        "letters", sa.Column("why", sa.Text, nullable=False, server_default=None)
    ),
    "a column must differ": lambda: op.add_column("letters", sa.Column("why", sa.Text, unique=True)),
    "an index forbids": lambda: op.create_index("one_address", "letters", ["address"], unique=True),
    "an index is gone": lambda: op.drop_index("outbox_alerts", "outbox"),
    "who knows": lambda: op.execute("DELETE FROM letters"),
    "rows are new": lambda: op.bulk_insert(sa.table("counters"), []),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
def test_a_migration_that_servers_of_before_would_stumble_over_is_found(
    planted: Callable[[], object],
) -> None:
    with recorded(None) as said:
        planted()
    assert len(breaks(said)) == 1


def test_what_servers_of_before_do_not_notice_passes() -> None:
    with recorded(None) as said:
        op.create_table("new", sa.Column("id", sa.Text, primary_key=True))
        op.create_index("new_one", "new", ["id"], unique=True)
        op.create_index("letters_by_kind", "letters", ["kind"])
        op.add_column("letters", sa.Column("maybe", sa.Text, nullable=True))
        op.add_column("letters", sa.Column("count", sa.Integer, nullable=False, server_default="0"))
    assert len(said) == 5
    assert breaks(said) == []
