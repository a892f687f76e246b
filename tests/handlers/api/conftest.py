"""The API on SQLite, for each test anew."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.handlers.api.world import World, world_at


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_at(tmp_path, f"sqlite:///{tmp_path}/assent.db") as made:
        yield made
