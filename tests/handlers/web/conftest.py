"""The web surface on SQLite, for each test anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fixtures.clock import FakeClock
from tests.handlers.web.world import Browser, World, signed_in, world_at


@pytest.fixture
def clock() -> FakeClock:
    """Everyone's clock."""
    return FakeClock()


@pytest.fixture
async def world(tmp_path: Path, clock: FakeClock) -> AsyncIterator[World]:
    """The pages, served."""
    async with world_at(tmp_path / "world", clock=clock) as made:
        yield made


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What a test opens is closed after it."""
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def ana(world: World, stack: AsyncExitStack) -> Browser:
    """An approver of stage dba."""
    return await signed_in(stack, world, "ana")


@pytest.fixture
async def ed(world: World, stack: AsyncExitStack) -> Browser:
    """An admin, and the owner of the agents."""
    return await signed_in(stack, world, "ed")
