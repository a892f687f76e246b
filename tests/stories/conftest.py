"""A world a story."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.policy import write_policy
from tests.world import World, a_world


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole bot, on SQLite and on PostgreSQL."""
    async with a_world(database_url, tmp_path, write_policy(tmp_path / "policy")) as made:
        yield made
