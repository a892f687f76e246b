"""A migrated database of either kind, and stores on it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from storage.schema import migrate
from storage.store import DatabaseStore, open_store
from tests.fixtures.postgres import Postgres
from tests.storage.values import salt

Open = Callable[[], Awaitable[DatabaseStore]]

_numbers = count()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with our tables, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "assent.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_template(postgres: Postgres) -> str:
    """A PostgreSQL database with our tables, to be copied."""
    name = f"migrated_{os.getpid()}"
    asyncio.run(migrate(postgres.create(name)))
    return name


@pytest.fixture
def migrated_sqlite_url(migrated_file: Path, sqlite_url: str) -> str:
    """A SQLite database with our tables."""
    shutil.copy(migrated_file, sqlite_url.removeprefix("sqlite:///"))
    return sqlite_url


@pytest.fixture
def migrated_postgresql_url(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """A PostgreSQL database with our tables."""
    name = f"store_{os.getpid()}_{next(_numbers)}"
    yield postgres.create(name, migrated_template)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A database with our tables, once on each engine."""
    return str(request.getfixturevalue(f"migrated_{request.param}_url"))


@pytest.fixture
async def replica(migrated_url: str) -> AsyncIterator[Open]:
    """Opens one more store on the same database, as another replica would."""
    opened: list[DatabaseStore] = []

    async def open_another() -> DatabaseStore:
        opened.append(await open_store(migrated_url, salt=salt))
        return opened[-1]

    yield open_another
    for store in opened:
        await store.close()


@pytest.fixture
async def store(replica: Open) -> DatabaseStore:
    """A store on each kind of database."""
    return await replica()
