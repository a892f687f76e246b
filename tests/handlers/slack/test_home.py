"""The home tab and what is opened from it; the whole bot on real sockets."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from bot.core.terms import Actor, ActorKind, PersonName, Proof, Surface
from tests.fakes import slack_payloads as payloads
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_blocks import texts
from tests.fakes.slack_state import Fault
from tests.fakes.slack_views import CardView
from tests.world import World

ANA, BO, CY, DI, ED = "U0ANA", "U0BO", "U0CY", "U0DI", "U0ED"
Request = dict[str, Any]


async def state(world: World, request: Request) -> str:
    return str((await world.agent.sees(request))["state"])


async def test_it_lists_what_waits_what_was_asked_for_you_and_what_you_decided(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    home = await slack.open_home(ANA)
    assert home.buttons == ["Open", "Go away…", "Quiet hours…"]
    assert f"code {request_['code']}" in home.text
    assert "Nothing was asked for you." in home.text
    assert "You have decided nothing yet." in home.text
    owner = await slack.open_home(ED)
    assert "Nothing waits for you." in owner.text
    assert owner.buttons == ["Open", "Go away…", "Quiet hours…"]
    await card.press("Approve", ANA)
    await world.settle()
    decided = await slack.open_home(ANA)
    assert "Nothing waits for you." in decided.text
    assert "Approved by ana" in decided.text
    assert card.thread


async def test_open_shows_the_whole_card_and_approve_decides_there(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    home = await slack.open_home(ANA)
    await home.press("Open")
    await asyncio.sleep(0.2)
    pane = await slack.pane(ANA)
    assert "ALTER TABLE x" in pane.text
    assert pane.buttons == ["Approve", "Deny", "View full"]
    before = home.pane.hash
    await pane.press("Approve")
    assert await state(world, request_) == "approved"
    await slack.home(ANA, before)
    assert "Approved by ana" in pane.text
    assert pane.buttons == ["View full"]
    assert "Nothing waits for you." in home.text
    await world.settle()
    assert card.thread


async def test_a_form_opened_in_it_lies_on_top_and_what_is_below_is_renewed(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    home = await slack.open_home(ANA)
    await home.press("Open")
    pane = await slack.pane(ANA)
    await pane.press("Deny")
    form = await slack.form(ANA)
    assert form.title == "Deny"
    await form.submit("Not on a Friday")
    assert await state(world, request_) == "denied"
    await asyncio.sleep(0.5)
    assert "Denied by ana" in pane.text
    await world.settle()
    assert card.thread


async def test_a_refusal_is_told_in_the_pane(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    home = await slack.open_home(ED)
    await home.press("Open")
    pane = await slack.pane(ED)
    await pane.press("Approve")
    await asyncio.sleep(0.5)
    assert "Nobody may review a request they made" in pane.text
    assert await state(world, request_) == "pending"


async def test_two_who_open_it_at_once_each_see_their_own(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    ana, di = await asyncio.gather(slack.open_home(ANA), slack.open_home(DI))
    assert request_["code"] in ana.text
    assert request_["code"] not in di.text


async def test_who_is_nobody_sees_why_and_nothing_else(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    slack.add_user("eve", "U0EVE")
    slack.state.users[BO]["is_restricted"] = True
    for user, why in (("U0EVE", "belongs to nobody"), (BO, "Guests")):
        home = await slack.open_home(user)
        assert why in home.text
        assert home.buttons == []
        assert request_["code"] not in home.text


async def test_what_another_replica_published_meanwhile_is_not_undone_by_what_was_older(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    await slack.open_home(ANA)
    slack.state.homes[ANA].hash = "another.replica"
    home = await slack.open_home(ANA)
    assert home.buttons[:1] == ["Open"]
    tries = [arguments.get("hash") for method, arguments in slack.state.calls if method == "views.publish"]
    assert len(tries) == 3
    assert tries[1] is not None
    assert tries[2] is None
    slack.state.refusals.clear()


async def test_many_openings_at_once_end_with_how_things_stand(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await slack.open_home(ANA)
    events = [payloads.event(slack.state, payloads.home_opened(slack.state, ANA)) for _ in range(5)]
    await asyncio.gather(*(slack.send(event) for event in events), card.press("Approve", ANA))
    home = await slack.open_home(ANA)
    await asyncio.sleep(0.3)
    home.pane.seen = True
    assert "Approved by ana" in home.text
    assert slack.state.refusals == []
    await world.settle()
    assert card.thread


async def test_absence_and_quiet_hours_stand_there_and_end_with_a_button(
    world: World, slack: FakeSlack
) -> None:
    ana, by = PersonName("ana"), Actor(ActorKind.PERSON, "ana", Surface.WEB, "", Proof.SESSION)
    absences = world.running.parts.absences
    await absences.away(ana, world.clock.now() + timedelta(days=2), PersonName("bo"), by)
    await absences.quiet(ana, "22:00", "07:00", "Europe/Paris", by)
    home = await slack.open_home(ANA)
    assert "bo\n decides in your place" in home.text
    assert "Quiet hours from 22:00 to 07:00 (Europe/Paris)" in home.text
    assert home.buttons == ["I'm back", "Change…", "No quiet hours", "Change…"]
    assert "You decide in the place of ana." in (await slack.open_home(BO)).text
    for button in ("I'm back", "No quiet hours"):
        before = home.pane.hash
        await home.press(button)
        home = await slack.home(ANA, before)
    assert home.buttons == ["Go away…", "Quiet hours…"]
    assert "You are here" in home.text
    assert "No quiet hours:" in home.text
    stands = await absences.standing(ana)
    assert (stands.absence, stands.quiet) == (None, None)


async def test_a_button_that_was_pressed_before_is_told_off_in_the_tab(
    world: World, slack: FakeSlack
) -> None:
    ana, by = PersonName("ana"), Actor(ActorKind.PERSON, "ana", Surface.WEB, "", Proof.SESSION)
    await world.running.parts.absences.quiet(ana, "22:00", "07:00", "UTC", by)
    home = await slack.open_home(ANA)
    again = slack.pressed_in(home.pane, "No quiet hours")
    for _ in range(2):
        before = home.pane.hash
        await slack.send(again)
        await slack.home(ANA, before)
    assert "has no quiet hours" in home.text


async def test_the_fullest_tab_stays_below_a_hundred_blocks_and_says_that_there_is_more(
    world: World, slack: FakeSlack
) -> None:
    for number in range(25):
        await world.agent.asks("payments.refund", payment=f"p-{number}", cents=number + 1)
    home = await slack.open_home(ANA)
    assert home.buttons == [*["Open"] * 20, "Go away…", "Quiet hours…"]
    assert "There are more" in home.text
    assert (await slack.open_home(ED)).buttons.count("Open") == 10
    assert len(home.blocks) <= 100
    assert max(len(text) for text in texts(home.blocks)) <= 3000
    await world.settle()
    for conversation in slack.state.conversations.values():
        for message in conversation.messages:  # their turn, told to each approver
            message.seen |= "Your turn" in message.text


async def test_the_messages_tab_is_nothing_to_us(world: World, slack: FakeSlack) -> None:
    await slack.event(payloads.home_opened(slack.state, ANA, "messages"))
    await asyncio.sleep(0.2)
    assert slack.state.homes == {}


async def test_a_slow_slack_does_not_hold_up_the_acknowledgement(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    slack.goes_wrong("views.publish", Fault(slow=1))
    answer = await slack.event(payloads.home_opened(slack.state, ANA))
    assert answer.seconds < 1
    assert (await slack.home(ANA, "")).buttons[:1] == ["Open"]
