"""A world a story."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.policy import write_policy
from tests.world import World, a_replica, a_world


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole bot, on SQLite and on PostgreSQL."""
    async with a_world(database_url, tmp_path, write_policy(tmp_path / "policy")) as made:
        yield made


@pytest.fixture
async def small_world(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole bot on SQLite, for what no database can change."""
    async with a_world(sqlite_url, tmp_path, write_policy(tmp_path / "policy")) as made:
        yield made


@pytest.fixture
async def replicas(postgres_url: str, tmp_path: Path) -> AsyncIterator[tuple[World, World]]:
    """Two replicas of the bot on one PostgreSQL, where races show that SQLite hides."""
    async with (
        a_world(postgres_url, tmp_path, write_policy(tmp_path / "policy")) as one,
        a_replica(one) as other,
    ):
        yield one, other
