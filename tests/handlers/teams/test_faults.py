"""When Teams is not well: nothing is lost, nothing is doubled, and admins hear of it once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.teams import FakeTeams, Fault
from tests.world import World

ANA, DI = "29:1ana", "29:1di"
MIGRATION = "Run a database migration"
TEAM = "19:platform@thread.tacv2"


def silent(teams: FakeTeams) -> None:
    """Take what was said so far as seen."""
    for chat in teams.state.conversations.values():
        for message in chat.messages:
            message.seen = True
    teams.state.refusals.clear()


async def asks(world: World, number: int = 0) -> dict[str, Any]:
    asked = await world.agent.asks("db.migrate", env="prod", sql=f"SELECT {number}", rows=3)
    await world.settle()
    return asked


async def test_a_team_that_removed_the_app_in_silence_is_told_to_an_admin_once(
    world: World, teams: FakeTeams
) -> None:
    await teams.install_for(DI)
    await world.running.delivering.outside.notifiers["teams"].find("teams:ops", None)
    teams.state.teams[TEAM].bot = False  # and nobody told us
    requests = [await asks(world, number) for number in range(3)]
    told = [m.text for m in teams.chat(DI).chat.messages if "could not be shown" in m.text]
    assert len(told) == 1
    assert "the app is not installed there any more" in told[0]
    assert requests[0]["links"]["page"] in told[0]
    silent(teams)
    ana = await world.person("ana")
    assert (await ana.approves(requests[0]))["state"] == "approved"  # on the web all the while
    await world.settle()
    silent(teams)


@pytest.mark.parametrize("status", [412, 429, 502, 504])
async def test_a_card_that_teams_did_not_take_comes_later_and_once(
    world: World, teams: FakeTeams, status: int
) -> None:
    teams.goes_wrong("post", *[Fault(status=status, retry_after=3 if status == 429 else None)] * 2)
    await asks(world)
    for _ in range(2):
        await world.advance(minutes=1)
    teams.channel("ops").card(MIGRATION)
    assert len(teams.channel("ops").cards()) == 1
    silent(teams)


async def test_a_card_of_unknown_end_is_flagged_never_doubled_and_decided_elsewhere(
    world: World, teams: FakeTeams
) -> None:
    for user in (ANA, DI):
        await teams.install_for(user)
    teams.goes_wrong("post", Fault(drop=True))
    request = await asks(world)
    await world.advance(minutes=5)
    await (await world.person("ana")).reviews(request, "comment", "And now?")
    await world.advance(minutes=1)
    assert len(teams.channel("ops").cards()) == 1
    told = [m.text for m in teams.chat(DI).chat.messages]
    assert any("nobody knows whether the card arrived" in text for text in told)
    card = teams.channel("ops").card(MIGRATION)
    # It may be ours or a copy of it: nobody knows under which id ours stands.
    assert f"decide at http://assent.test/requests/{request['id']}" in (await card.press("Approve", ANA)).said
    assert (await world.agent.sees(request))["state"] == "pending"
    await teams.write(ANA, f"show {request['id']}")
    own = await teams.chat(ANA).coming(MIGRATION)
    await own.press("Approve", ANA)
    assert (await world.agent.sees(request))["state"] == "approved"
    await world.settle()
    silent(teams)


async def test_a_deleted_card_is_put_up_again(world: World, teams: FakeTeams) -> None:
    request = await asks(world)
    teams.channel("ops").card(MIGRATION).delete()
    await (await world.person("ana")).reviews(request, "comment", "Look again")
    await world.settle()
    assert "Look again" in teams.channel("ops").card(MIGRATION).text
    silent(teams)


async def test_without_a_token_everything_waits_and_comes_when_there_is_one(
    world: World, teams: FakeTeams
) -> None:
    teams.goes_wrong("token", *[Fault(status=401, body='{"error": "invalid_client"}')] * 40)
    request = await asks(world)
    assert not teams.channel("ops").cards()
    teams.state.faults.clear()
    await world.advance(minutes=2)
    assert (await world.agent.sees(request))["state"] == "pending"
    teams.channel("ops").card(MIGRATION)
    silent(teams)
