"""A fake Slack a test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from handlers.slack import Workspace
from tests.fakes.slack import FakeSlack
from tests.fixtures.clock import FakeClock


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
    yield fake
    await fake.stop()


@pytest.fixture
def workspace(slack: FakeSlack) -> Workspace:
    """Our side of that workspace."""
    return Workspace(slack.state.token, slack.api_url)
