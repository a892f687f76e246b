"""A server a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client.world import Assent, an_assent


@pytest.fixture
async def server(sqlite_url: str, tmp_path: Path, free_port: int) -> AsyncIterator[Assent]:
    """The whole bot on SQLite and its real clock."""
    async with an_assent(sqlite_url, tmp_path, free_port) as made:
        yield made
