"""Going away, quiet hours and delegations on the home tab; the whole bot on real sockets."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.terms import PersonName
from bot.services.absence import Standing
from handlers.slack.stating import DEPUTIES_MAX
from tests.fakes import slack_payloads as payloads
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Fault
from tests.fakes.slack_views import CardView, Form, PaneView
from tests.fixtures.policy import DIRECTORY, write_policy
from tests.handlers.slack.conftest import BUNDLE
from tests.world import World

ANA, BO, CY, DI, ED = "U0ANA", "U0BO", "U0CY", "U0DI", "U0ED"
ALONE = ["Go away…", "Quiet hours…"]
DEPUTIES = DIRECTORY.replace("ana: {", "ana: {title: Ana Castell, deputies: [di], ").replace(
    "di: {", "di: {title: 'Di <Marchetti>', "
)
Request = dict[str, Any]


async def directory(world: World, text: str = DEPUTIES) -> None:
    """Let another directory be in force."""
    write_policy(Path(world.running.parts.settings.policy), BUNDLE, text)
    await world.running.parts.policies.check()


async def pressed(slack: FakeSlack, user: str, button: str, number: int = 0) -> PaneView:
    """Open the tab and press a button in it; return the tab once it is drawn again."""
    home = await slack.open_home(user)
    before = home.pane.hash
    await home.press(button, number)
    return await slack.home(user, before)


async def opened(slack: FakeSlack, user: str, button: str) -> Form:
    """Open a window of the tab."""
    await pressed(slack, user, button)
    return await slack.form(user)


async def standing(world: World, name: str) -> Standing:
    return await world.running.parts.absences.standing(PersonName(name))


async def trail(world: World, kind: str) -> list[dict[str, Any]]:
    """Return the log's entries of a kind."""
    sealed = await world.running.parts.store.entries(0, 1000)
    bodies = [json.loads(entry.body) for entry in sealed]
    return [body for body in bodies if body["kind"] == kind]


async def refusals(world: World) -> list[dict[str, str]]:
    """Return what the log holds of refused commands."""
    facts = [entry["facts"] for entry in await trail(world, "admin.command")]
    return [one for one in facts if "refusal" in one]


# ── away ─────────────────────────────────────────────────────────────────────────────────────────


async def test_somebody_goes_away_with_a_deputy_sees_it_and_comes_back(
    world: World, slack: FakeSlack
) -> None:
    await directory(world)
    form = await opened(slack, ANA, "Go away…")
    assert form.title == "Go away"
    assert form.offered("deputy") == ["Di <Marchetti> (di)", "bo", "cy"]
    until_at = world.clock.now() + timedelta(days=4, hours=3)
    before = slack.state.homes[ANA].hash
    await form.fill(until=until_at, deputy="Di <Marchetti> (di)")
    assert form.modal.closed
    home = await slack.home(ANA, before)
    assert "🌴 You are away until" in home.text
    assert f"{until_at:%Y-%m-%d %H:%M} UTC" in home.text
    assert "di\n decides in your place" in home.text
    absence = (await standing(world, "ana")).absence
    assert absence is not None
    assert (absence.deputy, absence.until_at, absence.by) == ("di", until_at, "ana")
    assert "You decide in the place of ana." in (await slack.open_home(DI)).text
    home = await pressed(slack, ANA, "I'm back")
    assert home.buttons == ALONE
    assert (await standing(world, "ana")).absence is None
    told = await trail(world, "person.command")
    assert [one["facts"]["command"] for one in told] == ["away", "back"]
    assert {(one["by"]["surface"], one["by"]["proof"]) for one in told} == {("slack", "signature")}


async def test_untouched_the_window_means_until_nine_tomorrow_where_slack_says_they_live_and_no_deputy(
    world: World, slack: FakeSlack
) -> None:
    slack.state.users[ANA]["tz"] = "America/New_York"  # at UTC-5 then, where it is morning at noon
    form = await opened(slack, ANA, "Go away…")
    await form.fill()
    absence = (await standing(world, "ana")).absence
    assert absence is not None
    tomorrow = world.clock.now() + timedelta(days=1)
    assert (absence.until_at, absence.deputy) == (tomorrow.replace(hour=14, minute=0), None)


@pytest.mark.parametrize("said", ["Mars/Base", "", None, "../etc/passwd"])
async def test_a_zone_of_slacks_that_nobody_knows_is_utc(
    world: World, slack: FakeSlack, said: str | None
) -> None:
    slack.state.users[ANA]["tz"] = said
    form = await opened(slack, ANA, "Quiet hours…")
    await form.fill()
    quiet = (await standing(world, "ana")).quiet
    assert quiet is not None
    assert quiet.tz == "UTC"


async def test_who_may_not_stand_in_any_more_is_refused_at_their_field_and_nothing_changes(
    world: World, slack: FakeSlack
) -> None:
    await directory(world)
    form = await opened(slack, ANA, "Go away…")
    await directory(world, DIRECTORY)
    await form.fill(until=world.clock.now() + timedelta(days=1), deputy="Di <Marchetti> (di)")
    assert list(form.modal.errors) == ["deputy"]
    assert "names di as no deputy of ana" in form.errors
    assert not form.modal.closed
    assert (await standing(world, "ana")).absence is None
    [refused] = await refusals(world)
    assert refused == {"command": "away", "refusal": "not-a-deputy"}
    assert await trail(world, "person.command") == []
    before = slack.state.homes[ANA].hash
    await form.fill(until=world.clock.now() + timedelta(days=1), deputy="bo")
    assert "bo\n decides in your place" in (await slack.home(ANA, before)).text


async def test_whose_stand_in_leads_back_is_not_offered(world: World, slack: FakeSlack) -> None:
    form = await opened(slack, BO, "Go away…")
    await form.fill(deputy="ana")
    assert (await opened(slack, ANA, "Go away…")).offered("deputy") == ["cy"]


@pytest.mark.parametrize("days", [0, -1, 367])
async def test_an_end_that_is_over_or_beyond_a_year_is_refused_at_its_field(
    world: World, slack: FakeSlack, days: int
) -> None:
    form = await opened(slack, ANA, "Go away…")
    await form.fill(until=world.clock.now() + timedelta(days=days), deputy="bo")
    assert list(form.modal.errors) == ["until"]
    assert "in the future, and within a year" in form.errors
    assert (await standing(world, "ana")).absence is None


async def test_who_is_away_changes_it_from_what_it_is(world: World, slack: FakeSlack) -> None:
    until_at = world.clock.now() + timedelta(days=2)
    await (await opened(slack, ANA, "Go away…")).fill(until=until_at, deputy="cy")
    form = await opened(slack, ANA, "Change…")
    await form.fill()
    absence = (await standing(world, "ana")).absence
    assert absence is not None
    assert (absence.until_at, absence.deputy) == (until_at, "cy")
    form = await opened(slack, ANA, "Change…")
    await form.fill(deputy=None)
    assert "nobody decides in your place" in (await slack.open_home(ANA)).text


async def test_who_approves_with_nobody_is_offered_nobody_and_may_still_go(
    world: World, slack: FakeSlack
) -> None:
    form = await opened(slack, ED, "Go away…")
    assert "Nobody can decide in your place" in form.text
    await form.fill()
    assert (await standing(world, "ed")).absence is not None


async def test_a_crowd_of_possible_deputies_fits_into_the_window(world: World, slack: FakeSlack) -> None:
    crowd = [f"{'p' * 90}{number:05}" for number in range(DEPUTIES_MAX + 50)]
    people = "".join(f"{name}: {{groups: [crowd], title: '{'象' * 95}{name[-5:]}'}}\n" for name in crowd)
    bundle = BUNDLE.replace("  leads: {", "  crowd: {}\n  leads: {")
    write_policy(
        Path(world.running.parts.settings.policy),
        bundle,
        DIRECTORY.replace("ana: {", "ana: {groups: [crowd], ") + people,
    )
    await world.running.parts.policies.check()
    form = await opened(slack, ANA, "Go away…")
    assert len(form.offered("deputy")) == DEPUTIES_MAX
    assert "Not everybody who may fits in here" in form.text


async def test_who_left_the_directory_meanwhile_says_nothing_and_reads_why(
    world: World, slack: FakeSlack
) -> None:
    form = await opened(slack, BO, "Quiet hours…")
    without = "".join(line for line in DIRECTORY.splitlines(True) if not line.startswith("bo"))
    write_policy(
        Path(world.running.parts.settings.policy), BUNDLE.replace("[ana, bo, cy]", "[ana, cy]"), without
    )
    await world.running.parts.policies.check()
    await form.fill()
    assert list(form.modal.errors) == ["from"]
    assert "belongs to nobody" in form.errors
    assert (await standing(world, "bo")).quiet is None
    assert await refusals(world) == [{"command": "quiet", "refusal": "unknown-person"}]


# ── quiet hours ──────────────────────────────────────────────────────────────────────────────────


async def test_quiet_hours_begin_in_a_window_stand_there_and_end_with_a_button(
    world: World, slack: FakeSlack
) -> None:
    form = await opened(slack, ANA, "Quiet hours…")
    before = slack.state.homes[ANA].hash
    await form.fill(**{"from": "21:30", "until": "06:45"})
    home = await slack.home(ANA, before)
    assert "🌙 Quiet hours from 21:30 to 06:45 (Europe/Paris)" in home.text  # as Slack says of her
    assert home.buttons == ["Go away…", "No quiet hours", "Change…"]
    form = await opened(slack, ANA, "Change…")
    before = slack.state.homes[ANA].hash
    await form.fill(zone="America/New York")
    assert "from 21:30 to 06:45 (America/New_York)" in (await slack.home(ANA, before)).text
    home = await pressed(slack, ANA, "No quiet hours")
    assert home.buttons == ALONE
    told = [one["facts"]["command"] for one in await trail(world, "person.command")]
    assert told == ["quiet", "quiet", "quiet off"]


@pytest.mark.parametrize(
    ("filled", "field", "why"),
    [
        ({"zone": "Mars/Base"}, "zone", "no time zone Mars/Base"),
        ({"zone": "   "}, "zone", "no time zone"),
        ({"zone": "/etc/passwd"}, "zone", "no time zone"),
        ({"zone": "<@U0BO> & off"}, "zone", "no time zone"),
        ({"from": "07:00"}, "until", "another time than they begin"),
    ],
)
async def test_hours_that_cannot_be_are_refused_at_their_field(
    world: World, slack: FakeSlack, filled: dict[str, str], field: str, why: str
) -> None:
    form = await opened(slack, ANA, "Quiet hours…")
    await form.fill(**filled)
    assert list(form.modal.errors) == [field]
    assert why in form.errors
    assert (await standing(world, "ana")).quiet is None
    assert await refusals(world) == [{"command": "quiet", "refusal": "malformed"}]


# ── delegations ──────────────────────────────────────────────────────────────────────────────────


async def test_a_delegation_stands_with_both_sides_and_is_gone_once_it_is_decided(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await directory(world)
    await slack.type(ANA, f"delegate {request_['code']} <@{DI}>", "#ops")
    mine, theirs = await slack.open_home(ANA), await slack.open_home(DI)
    assert "Run a database migration" in mine.text
    assert f"code {request_['code']}" in mine.text
    assert "di may decide in your place, since 2026-03-02 12:00 UTC" in mine.text
    assert mine.buttons == ["Open", "Open", "Take back", *ALONE]
    assert "ana asks you to decide in their place" in theirs.text
    assert "Take back" not in theirs.buttons
    assert "asks you to decide" not in (await slack.open_home(BO)).text
    await theirs.press("Open", theirs.buttons.count("Open") - 1)
    pane = await slack.pane(DI)
    await pane.press("Approve")
    await world.settle()
    for user in (ANA, DI):
        home = await slack.open_home(user)
        assert "You let nobody decide" in home.text
        assert "Take back" not in home.buttons
    assert "Approved by di for ana" in card.text
    assert card.thread
    _all_seen(slack)


async def test_a_delegation_is_taken_back_and_its_deputy_decides_nothing_any_more(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await directory(world)
    await slack.type(ANA, f"delegate {request_['code']} <@{DI}>", "#ops")
    await world.settle()
    home = await slack.open_home(ANA)
    late = slack.pressed_in(home.pane, "Take back")
    home = await pressed(slack, ANA, "Take back")
    assert "You let nobody decide" in home.text
    await world.settle()
    own = slack.chat(DI).card("Run a database migration")
    assert any("ana asks nobody any more to decide in their place" in line for line in own.thread)
    assert any("asks nobody any more" in line for line in card.thread)
    await own.press("Approve", DI)
    assert "Only approvers" in await slack.whisper(DI)
    before = home.pane.hash
    await slack.send(late)
    assert "You have asked nobody" in (await slack.home(ANA, before)).text
    [taken] = await trail(world, "review.reclaimed")
    assert taken["by"]["kind"] == "person"
    request = await world.running.parts.store.get(request_["id"])
    assert (request.state, request.delegations) == ("pending", ())
    _all_seen(slack)


async def test_the_fullest_tab_with_delegations_stays_below_a_hundred_blocks(
    world: World, slack: FakeSlack
) -> None:
    await directory(world)
    for number in range(12):
        asked = await world.agent.asks("payments.refund", payment=f"p-{number}", cents=number + 1)
        await slack.type(ANA, f"delegate {asked['code']} <@{DI}>", "#ops")
    home = await slack.open_home(ANA)
    assert home.buttons.count("Take back") == 10
    assert len(home.blocks) <= 100
    await world.settle()
    _all_seen(slack)


# ── Slack in trouble ─────────────────────────────────────────────────────────────────────────────


async def test_a_window_that_slack_does_not_open_is_told_in_the_tab(world: World, slack: FakeSlack) -> None:
    slack.goes_wrong("views.open", Fault(status=500))
    home = await pressed(slack, ANA, "Go away…")
    assert "Slack did not open the form" in home.text


async def test_what_takes_long_is_acknowledged_in_time_and_its_refusal_stands_in_the_tab(
    world: World, slack: FakeSlack
) -> None:
    form = await opened(slack, ANA, "Quiet hours…")
    world.clock.advance(timedelta(minutes=2))  # what Slack said of people is asked again
    slack.goes_wrong("users.info", Fault(slow=1.4), Fault(slow=1.4))
    before = slack.state.homes[ANA].hash
    answer = await form.fill(zone=f"<@{BO}>")
    assert 2 < answer.seconds < 3
    assert form.modal.closed
    assert "There is no time zone @bo" in (await slack.home(ANA, before)).text


async def test_a_window_of_another_version_says_nothing_and_changes_nothing(
    world: World, slack: FakeSlack
) -> None:
    form = await opened(slack, ANA, "Go away…")
    sent = payloads.view_submission(slack.state, form.modal, {})
    forged: tuple[dict[str, Any], ...] = (
        {},
        {"until": {}},
        {"until": {"at": {"selected_date_time": "soon"}}},
        {"until": {"at": {"selected_date_time": 10**20}}},
    )
    for broken in forged:
        sent["view"]["state"]["values"] = broken
        assert (await slack.send(sent)).status == 200
    assert (await standing(world, "ana")).absence is None


def _all_seen(slack: FakeSlack) -> None:
    """Take note of what everybody was told, which is the subject of other tests."""
    for conversation in slack.state.conversations.values():
        for message in conversation.messages:
            message.seen = True
