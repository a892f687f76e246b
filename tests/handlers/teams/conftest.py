"""A fake Teams a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from handlers.teams.seal import Seal
from tests.fakes.teams import FakeTeams, account
from tests.fixtures.clock import FakeClock
from tests.fixtures.policy import write_policy
from tests.handlers.slack.conftest import BUNDLE as TWO_RULES
from tests.world import World, a_world

PEOPLE = ("ana", "bo", "cy", "di")
BUNDLE = TWO_RULES.replace('{slack: "#ops"}', "{teams: ops}")
# The agent's owner reads no outcomes here: ed has no account in Teams.
DIRECTORY = "ed: {}\n" + "".join(
    f"{name}: {{teams: [{account(name)}]{', admin: true' if name == 'di' else ''}}}\n" for name in PEOPLE
)


@pytest.fixture
def clock() -> FakeClock:
    """Noon, until the test says otherwise."""
    return FakeClock()


@pytest.fixture
async def teams(clock: FakeClock) -> AsyncIterator[FakeTeams]:
    """A tenant with everyone of the directory; at the end nothing unexpected may be left."""
    fake = FakeTeams(clock.now)
    await fake.start()
    for name in PEOPLE:
        fake.add_user(name)
    yield fake
    await fake.stop()


@pytest.fixture
async def world(teams: FakeTeams, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole bot, with the app in team Platform, whose channels are General and ops."""
    policy = write_policy(tmp_path / "policy", BUNDLE, DIRECTORY)
    async with a_world(sqlite_url, tmp_path, policy, **teams.settings) as made:
        teams.app = f"{made.url}/teams/messages"
        teams.state.now = made.clock.now
        await teams.install_in_team("Platform", "ops")
        yield made
        await made.settle()


@pytest.fixture
async def request_(world: World) -> dict[str, Any]:
    """A migration of production, waiting for one of dba (ana, bo, cy); its card stands in ops."""
    request = await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE x", rows=3)
    await world.settle()
    return request


def sealed(world: World, invoke: dict[str, Any]) -> dict[str, Any]:
    """Return a hand-made press as if the server had written its button, to try what is behind the seal."""
    action = invoke["value"]["action"]
    where = str(invoke["conversation"]["id"]).partition(";")[0]
    tag = Seal(world.running.parts.keys.commitment).tag(str(action["verb"] or ""), action["data"], where)
    action["data"] = {**action["data"], "tag": tag}
    return invoke
