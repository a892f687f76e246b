"""Who clicked: only (tenant, object id) of a full member of our own tenant is somebody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.core.terms import EntryKind
from tests.fakes.teams import CardView, FakeTeams, Fault, object_id
from tests.world import World

ANA = "29:1ana"
Json = dict[str, Any]
OTHER = "99999999-0000-0000-0000-000000000000"


@pytest.fixture
def card(teams: FakeTeams, request_: Json) -> CardView:
    """A card that waits."""
    return teams.channel("ops").card("Run a database migration")


async def refused(world: World, request: Json, slug: str) -> None:
    """The request waits, and the log says who was refused and why."""
    assert (await world.agent.sees(request))["state"] == "pending"
    entries = await world.running.parts.store.entries(0, 500)
    found = [one.body for one in entries if EntryKind.REVIEW_REFUSED.value.encode() in one.body]
    assert len(found) == 1
    assert slug.encode() in found[0]


@pytest.mark.parametrize(
    ("differs", "slug"),
    [
        ({"userRole": "guest"}, "unknown-person"),
        ({"userRole": "anonymous"}, "unknown-person"),
        ({"userRole": None}, "unknown-person"),
        ({"userRole": "somethingNew"}, "unknown-person"),
        ({"userPrincipalName": "ana_example.com#EXT#@ours.onmicrosoft.com"}, "unknown-person"),
        ({"tenantId": OTHER}, "unknown-person"),
        ({"tenantId": None}, "unknown-person"),
        ({"aadObjectId": object_id("bo")}, "unknown-person"),
        ({"aadObjectId": None}, "unknown-person"),
    ],
    ids=str,
)
async def test_whom_teams_itself_does_not_call_a_full_member_is_refused(
    world: World, teams: FakeTeams, card: CardView, request_: Json, differs: Json, slug: str
) -> None:
    invoke = teams.pressed(card, "Approve", ANA)
    teams.state.users[ANA] |= differs
    assert (await teams.send(invoke)).said
    await refused(world, request_, slug)


@pytest.mark.parametrize(
    ("sender", "slug"),
    [
        ({"role": "agenticUser"}, "no-reviews-by-machines"),
        ({"role": "bot"}, "no-reviews-by-machines"),
        ({"role": "skill"}, "no-reviews-by-machines"),
        ({"agenticUserId": "x"}, "no-reviews-by-machines"),
        ({"agenticAppId": "x"}, "no-reviews-by-machines"),
        ({"agenticAppBlueprintId": "x"}, "no-reviews-by-machines"),
        ({"id": "28:some-bot"}, "no-reviews-by-machines"),
        ({"aadObjectId": None}, "unknown-person"),
        ({"aadObjectId": ""}, "unknown-person"),
        ({"aadObjectId": 7}, "unknown-person"),
    ],
    ids=str,
)
async def test_bots_agentic_users_and_accounts_without_an_id_are_refused(
    world: World, teams: FakeTeams, card: CardView, request_: Json, sender: Json, slug: str
) -> None:
    invoke = teams.pressed(card, "Approve", ANA)
    invoke["from"] = {name: value for name, value in (invoke["from"] | sender).items() if value is not None}
    assert (await teams.send(invoke)).said
    await refused(world, request_, slug)


async def test_an_account_that_is_nobodys_is_refused_and_told_how_to_change_that(
    world: World, teams: FakeTeams, card: CardView, request_: Json
) -> None:
    eve = teams.add_user("eve")
    answer = await card.press("Approve", eve)
    assert "belongs to nobody" in answer.said
    assert object_id("eve") in answer.said
    await refused(world, request_, "unknown-person")


async def test_names_and_addresses_prove_nothing(
    world: World, teams: FakeTeams, card: CardView, request_: Json
) -> None:
    eve = teams.add_user("eve", email="ana@example.com", userPrincipalName="ana@example.com")
    teams.state.users[eve]["name"] = "ana"
    invoke = teams.pressed(card, "Approve", eve)
    invoke["from"]["name"] = "ana"
    assert "belongs to nobody" in (await teams.send(invoke)).said
    await refused(world, request_, "unknown-person")


async def test_an_id_in_other_letters_is_the_same_account(
    world: World, teams: FakeTeams, card: CardView, request_: Json
) -> None:
    invoke = teams.pressed(card, "Approve", ANA)
    invoke["from"]["aadObjectId"] = object_id("ana").upper()
    await teams.send(invoke)
    assert (await world.agent.sees(request_))["state"] == "approved"
    await world.settle()
    assert card.thread


@pytest.mark.parametrize(
    "fault",
    [Fault(status=500), Fault(status=429, retry_after=5), Fault(status=404), Fault(status=200, body="{")],
)
async def test_while_teams_does_not_say_who_it_is_nobody_is_anybody(
    world: World, teams: FakeTeams, card: CardView, request_: Json, fault: Fault
) -> None:
    teams.goes_wrong("member", fault)
    assert "try again" in (await card.press("Approve", ANA)).said
    await refused(world, request_, "not-ready")
    await card.press("Approve", ANA)
    assert (await world.agent.sees(request_))["state"] == "approved"
    await world.settle()
    assert card.thread


async def test_teams_word_is_good_for_a_minute_and_then_asked_again(
    world: World, teams: FakeTeams, card: CardView, request_: Json
) -> None:
    await card.press("Comment", ANA, "one")
    await card.press("Comment", ANA, "two")
    assert [verb for verb, _ in teams.state.calls].count("member") == 1
    teams.state.users[ANA] |= {"userRole": "guest"}
    world.clock.advance(timedelta(seconds=60))
    assert "Guests" in (await card.press("Comment", ANA, "three")).said
    await world.settle()
    assert len(card.thread) == 2


async def test_who_left_the_group_after_the_card_was_posted_is_refused(
    world: World, teams: FakeTeams, card: CardView, request_: Json
) -> None:
    bundle = world.running.parts.settings.policy / "bundle.yaml"
    bundle.write_text(
        bundle.read_text("utf-8").replace("members: [ana, bo, cy]", "members: [bo, cy]"), "utf-8"
    )
    await world.running.parts.policies.check()
    assert "Only approvers" in (await card.press("Approve", ANA)).said
    await refused(world, request_, "not-an-approver")
