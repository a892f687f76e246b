"""A bot on a port for each test of a door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doors.ground import Ground, a_ground


@pytest.fixture
async def ground(sqlite_url: str, tmp_path: Path, free_port: int) -> AsyncIterator[Ground]:
    """A bot on SQLite."""
    async with a_ground(sqlite_url, tmp_path, free_port) as made:
        yield made


@pytest.fixture
def effects(tmp_path: Path) -> Path:
    """A file with a line for each time that a tool ran."""
    file = tmp_path / "effects"
    file.touch()
    return file
