"""A fake Slack a test."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from handlers.slack import Workspace
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_views import CardView
from tests.fixtures import policy as policies
from tests.fixtures.clock import FakeClock
from tests.fixtures.policy import write_policy
from tests.fixtures.workspace import a_world_in
from tests.world import World

BUNDLE = (
    policies.BUNDLE
    + """\
  - id: grants
    match: {action: access.grant}
    effect: require_approval
    justification: {reviewer: required}
    stages:
      - {name: dba, approvers: [group:dba], quorum: 2}
    show: [{slack: "#ops"}]
"""
)
BUNDLE = BUNDLE.replace(
    "groups:\n",
    """\
  access.grant:
    title: Grant access
    executor: db-runner
    reversibility: irreversible
    params:
      who: {type: string}
groups:
""",
    1,
)


# What the people whose request it was are told in the end; the tests that are about it look at it.
OUTCOME = re.compile(
    r"\([0-9a-f]{8}\): (Approved|Denied|Expired|Cancelled|Lapsed|Revoked|Succeeded|Failed|Overdue)"
)


@pytest.fixture
def clock() -> FakeClock:
    """Noon, until the test says otherwise."""
    return FakeClock()


@pytest.fixture
async def slack(clock: FakeClock) -> AsyncIterator[FakeSlack]:
    """A workspace with #ops, which the bot is in; at the end nothing unexpected may be left."""
    fake = FakeSlack(clock.now)
    await fake.start()
    fake.add_channel("#ops")
    fake.expected.append(OUTCOME)
    yield fake
    await fake.stop()


@pytest.fixture
def workspace(slack: FakeSlack, clock: FakeClock) -> Workspace:
    """Our side of that workspace."""
    return Workspace(slack.state.token, slack.api_url, clock)


@pytest.fixture
async def world(slack: FakeSlack, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole bot, installed in that workspace, where everyone of the directory is."""
    policy = write_policy(tmp_path / "policy", BUNDLE)
    async with a_world_in(slack, sqlite_url, tmp_path, policy) as made:
        yield made
        await made.settle()


@pytest.fixture
async def request_(world: World) -> dict[str, Any]:
    """A migration of production, waiting for one of dba (ana, bo, cy); its card stands in #ops."""
    request = await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE x", rows=3)
    await world.settle()
    return request


@pytest.fixture
def card(slack: FakeSlack, request_: dict[str, Any]) -> CardView:
    """Its card."""
    return slack.channel("#ops").card("Run a database migration")
