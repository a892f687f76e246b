"""One request, two chats: people decide it where they are, and each of them counts once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.teams import FakeTeams, Fault, account
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.workspace import a_world_in
from tests.world import Refused, World

PEOPLE = ("ana", "bo", "cy", "di")
BOTH = 'show: [{slack: "#ops"}, {teams: ops}, {web: inbox}]'
TWO_OF_THEM = BUNDLE.replace("quorum: 1}", "quorum: 2}", 1).replace(
    'show: [{slack: "#ops"}, {web: inbox}]', BOTH
)
DIRECTORY = "ed: {admin: true}\n" + "".join(
    f"{name}: {{slack: [T0ASSENT/U0{name.upper()}], teams: [{account(name)}]}}\n" for name in PEOPLE
)
MIGRATION = "Run a database migration"


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    """A workspace with #ops."""
    fake = FakeSlack()
    await fake.start()
    fake.add_channel("#ops")
    yield fake
    await fake.stop()


@pytest.fixture
async def teams() -> AsyncIterator[FakeTeams]:
    """A tenant with everyone."""
    fake = FakeTeams()
    await fake.start()
    for name in PEOPLE:
        fake.add_user(name)
    yield fake
    await fake.stop()


@pytest.fixture
async def world(slack: FakeSlack, teams: FakeTeams, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The bot in both, with a policy that wants two of dba."""
    policy = write_policy(tmp_path / "policy", TWO_OF_THEM, DIRECTORY)
    async with a_world_in(slack, sqlite_url, tmp_path, policy, PEOPLE, **teams.settings) as made:
        teams.app, teams.state.now = f"{made.url}/teams/messages", made.clock.now
        await teams.install_in_team("Platform", "ops")
        yield made
        await made.settle()


async def test_a_request_is_approved_half_in_slack_half_in_teams_by_two_people(
    world: World, slack: FakeSlack, teams: FakeTeams
) -> None:
    request = await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE x", rows=3)
    await world.settle()
    there, here = slack.channel("#ops").card(MIGRATION), teams.channel("ops").card(MIGRATION)
    await there.press("Approve", "U0ANA")
    await world.settle()
    assert (await world.agent.sees(request))["state"] == "pending"
    assert "1 of 2" in there.text
    assert "1 of 2" in here.text
    await here.press("Approve", "29:1bo")
    await world.settle()
    assert (await world.agent.sees(request))["state"] == "approved"
    for card in (there, here):
        assert "Approved by ana and bo" in card.text
        assert card.buttons == ["View full"]
        assert len(card.thread) == 2
    [told] = world.executors["db-runner"].told("request.approved")
    await world.executors["db-runner"].redeems(told)
    await world.executors["db-runner"].reports(request["id"], "succeeded")
    await world.settle()
    assert "succeeded" in there.text
    assert "succeeded" in here.text
    assert there.thread
    assert here.thread
    assert await world.audit() > 0


async def test_one_person_on_both_counts_once(world: World, slack: FakeSlack, teams: FakeTeams) -> None:
    request = await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE x", rows=3)
    await world.settle()
    there, here = slack.channel("#ops").card(MIGRATION), teams.channel("ops").card(MIGRATION)
    await there.press("Approve", "U0ANA")
    assert "already reviewed" in (await here.press("Approve", "29:1ana")).said
    with pytest.raises(Refused) as third:
        await (await world.person("ana")).approves(request)
    assert third.value.slug == "already-reviewed"
    assert (await world.agent.sees(request))["state"] == "pending"
    await world.settle()
    assert there.thread
    assert here.thread


async def test_a_denial_in_teams_is_seen_in_slack_and_by_the_agent(
    world: World, slack: FakeSlack, teams: FakeTeams
) -> None:
    request = await world.agent.asks("db.migrate", env="prod", sql="DROP TABLE x", rows=3)
    await world.settle()
    there, here = slack.channel("#ops").card(MIGRATION), teams.channel("ops").card(MIGRATION)
    await here.press("Deny", "29:1cy", "We still need it")
    await world.settle()
    seen = await world.agent.sees(request)
    assert (seen["state"], seen["reviews"][0]["reason"]) == ("denied", "We still need it")
    assert "We still need it" in there.text
    assert "teams" in there.text
    assert there.thread
    assert here.thread


async def test_with_teams_down_slack_and_the_web_go_on_and_teams_catches_up(
    world: World, slack: FakeSlack, teams: FakeTeams
) -> None:
    teams.goes_wrong("post", *[Fault(status=504)] * 2)
    request = await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE x", rows=3)
    await world.settle()
    there = slack.channel("#ops").card(MIGRATION)
    assert not teams.channel("ops").cards()
    await there.press("Approve", "U0ANA")
    await world.settle()
    await world.advance(minutes=1)
    here = teams.channel("ops").card(MIGRATION)
    assert "1 of 2" in here.text
    await here.press("Approve", "29:1bo")
    assert (await world.agent.sees(request))["state"] == "approved"
    await world.settle()
    assert there.thread
    assert here.thread
