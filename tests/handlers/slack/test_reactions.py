"""Emoji on cards: a look, or a verdict where the policy takes it; elsewhere people are shown the buttons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import slack_payloads as payloads
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Fault
from tests.fakes.slack_views import CardView
from tests.fixtures.policy import write_policy
from tests.fixtures.workspace import a_world_in
from tests.handlers.slack.conftest import BUNDLE
from tests.world import World

ANA, BO, CY, DI, ED = "U0ANA", "U0BO", "U0CY", "U0DI", "U0ED"
YES, NO, EYES = "white_check_mark", "x", "eyes"
Request = dict[str, Any]
# The rules of the other tests, and beside them some that take reactions.
TAKING = (
    BUNDLE
    + """\
  - id: flags
    match: {action: flag.set}
    effect: require_approval
    reactions: true
    stages: [{name: dba, approvers: [group:dba], quorum: 2, deny: 2}]
    show: [{slack: "#ops"}]
  - id: drops
    match: {action: flag.drop}
    effect: require_approval
    reactions: true
    stages: [{name: dba, approvers: [group:dba]}]
    show: [{slack: "#ops"}]
  - id: keeps
    match: {action: flag.keep}
    effect: require_approval
    reactions: true
    justification: {reviewer: on_deny}
    stages: [{name: dba, approvers: [group:dba]}]
    show: [{slack: "#ops"}]
"""
).replace(
    "groups:\n",
    """\
  flag.set: {title: Set a flag, reversibility: reversible, params: {name: {type: text, max: 20000}}}
  flag.drop: {title: Drop a flag, reversibility: irreversible, params: {name: {type: text}}}
  flag.keep: {title: Keep a flag, reversibility: reversible, params: {name: {type: text}}}
groups:
""",
    1,
)


@pytest.fixture
async def world(slack: FakeSlack, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole bot with rules that take reactions."""
    policy = write_policy(tmp_path / "policy", TAKING)
    async with a_world_in(slack, sqlite_url, tmp_path, policy) as made:
        yield made
        await made.settle()


async def a_flag(
    world: World, slack: FakeSlack, action: str = "flag.set", name: str = "dark"
) -> tuple[Request, CardView]:
    """Ask, and return the request and its card."""
    request = await world.agent.asks(action, name=name)
    await world.settle()
    return request, slack.channel("#ops").card(" a flag")


async def reacts(world: World, slack: FakeSlack, card: CardView, emoji: str, user: str) -> None:
    """Put an emoji on a card, and let it be worked on."""
    assert (await slack.react(card, emoji, user)).status == 200
    await quiet(world)


async def quiet(world: World) -> None:
    """Wait until nothing is worked on: an event is acknowledged before it is."""
    await asyncio.sleep(0.3)
    await world.settle()


async def reviews(world: World, request: Request) -> list[tuple[str, str]]:
    return [(r.person, r.verdict) for r in (await world.running.parts.store.get(request["id"])).reviews]


async def test_check_marks_of_two_approvers_meet_a_quorum_of_two(world: World, slack: FakeSlack) -> None:
    request, card = await a_flag(world, slack)
    await reacts(world, slack, card, YES, ANA)
    assert await reviews(world, request) == [("ana", "approve")]
    await reacts(world, slack, card, YES, BO)
    assert (await world.agent.sees(request))["state"] == "approved"
    assert "Approved by ana and bo" in card.text
    assert len(card.thread) == 2


async def test_crosses_deny(world: World, slack: FakeSlack) -> None:
    request, card = await a_flag(world, slack)
    for user in (ANA, BO):
        await reacts(world, slack, card, NO, user)
    assert (await world.agent.sees(request))["state"] == "denied"
    assert card.thread


async def test_the_same_reaction_again_is_one_review_and_taking_it_away_changes_nothing(
    world: World, slack: FakeSlack
) -> None:
    request, card = await a_flag(world, slack)
    event = payloads.event(slack.state, payloads.reaction(slack.state, ANA, card.message, YES))
    before = await world.audit()
    await asyncio.gather(*(slack.send(event) for _ in range(3)))
    await quiet(world)
    await slack.send(event)
    removed = {**event["event"], "type": "reaction_removed"}
    assert (await slack.event(removed)).status in (200, 404)
    await quiet(world)
    assert await reviews(world, request) == [("ana", "approve")]
    assert await world.audit() > before
    assert len(card.thread) == 1
    for whisper in slack.state.whispers:  # who came a moment later may hear that it had counted
        assert "already" in whisper.text
        whisper.seen = True


@pytest.mark.parametrize(
    ("action", "emoji", "why"),
    [
        ("flag.drop", YES, "cannot be undone"),
        ("flag.drop", NO, "cannot be undone"),
        ("flag.keep", NO, "wants a reason"),
    ],
)
async def test_where_yes_or_no_is_not_all_the_person_is_shown_the_buttons(
    world: World, slack: FakeSlack, action: str, emoji: str, why: str
) -> None:
    request, card = await a_flag(world, slack, action)
    await reacts(world, slack, card, emoji, ANA)
    said = await slack.whisper(ANA)
    assert why in said
    assert "buttons" in said
    assert await reviews(world, request) == []


async def test_a_check_mark_needs_no_reason_where_only_a_denial_does(world: World, slack: FakeSlack) -> None:
    request, card = await a_flag(world, slack, "flag.keep")
    await reacts(world, slack, card, YES, ANA)
    assert (await world.agent.sees(request))["state"] == "approved"
    assert card.thread


async def test_a_rule_that_is_silent_takes_no_reactions(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await reacts(world, slack, card, YES, ANA)
    assert "Reactions do not count for this" in await slack.whisper(ANA)
    assert await reviews(world, request_) == []


async def test_what_the_card_cannot_show_is_not_decided_by_emoji(world: World, slack: FakeSlack) -> None:
    request, card = await a_flag(world, slack, name="dark" + " " * 9000 + "and light")
    assert card.buttons[0] == "Review full"
    for emoji in (YES, NO):
        await reacts(world, slack, card, emoji, ANA)
        assert "does not show everything" in await slack.whisper(ANA)
    assert await reviews(world, request) == []


async def test_on_a_shared_card_no_reaction_counts_not_even_one_from_before_it_was_handed_on(
    world: World, slack: FakeSlack
) -> None:
    first, card = await a_flag(world, slack)
    world.clock.advance(timedelta(seconds=1))
    second = await world.agent.asks("flag.set", name="dark")
    await world.settle()
    event = payloads.event(slack.state, payloads.reaction(slack.state, ANA, card.message, YES))
    await slack.send(event)
    await quiet(world)
    assert "Several requests share this card" in await slack.whisper(ANA)
    world.clock.advance(timedelta(seconds=30))
    await world.agent.cancels(first)
    await world.settle()
    card = slack.channel("#ops").card(" a flag")
    assert second["id"] in card.text
    await slack.send(event)
    await quiet(world)
    assert "Several requests share this card" in await slack.whisper(ANA)
    assert await reviews(world, first) == await reviews(world, second) == []
    assert card.thread


async def test_a_roundup_is_nobodys_card(world: World, slack: FakeSlack) -> None:
    requests = [await world.agent.asks("flag.set", name=f"flag {number}") for number in range(15)]
    await world.settle()
    [roundup] = [card for card in slack.channel("#ops").cards() if "more waiting" in card.title]
    await reacts(world, slack, roundup, EYES, ANA)
    await reacts(world, slack, roundup, YES, ANA)
    assert "each is decided by itself" in await slack.whisper(ANA)
    store = world.running.parts.store
    held = [await store.get(request["id"]) for request in requests]
    assert [(one.reviews, one.looks) for one in held] == [((), ())] * 15


@pytest.mark.parametrize(("user", "why"), [(DI, "Only approvers"), (ED, "Nobody may review a request they")])
async def test_who_may_not_review_is_told_alone(world: World, slack: FakeSlack, user: str, why: str) -> None:
    request, card = await a_flag(world, slack)
    await reacts(world, slack, card, YES, user)
    assert why in await slack.whisper(user)
    assert await reviews(world, request) == []


@pytest.mark.parametrize("differs", [{"is_restricted": True}, {"deleted": True}, {"team_id": "T0X"}], ids=str)
async def test_guests_the_deleted_and_strangers_are_refused_with_an_audit_entry(
    world: World, slack: FakeSlack, differs: dict[str, Any]
) -> None:
    request, card = await a_flag(world, slack)
    slack.state.users[ANA].update(differs)
    before = await world.audit()
    await reacts(world, slack, card, YES, ANA)
    assert "can" in await slack.whisper(ANA)
    assert await world.audit() == before + 1
    assert await reviews(world, request) == []


async def test_a_bots_check_mark_is_on_record_and_nothing_more(world: World, slack: FakeSlack) -> None:
    request, card = await a_flag(world, slack)
    slack.state.users[ANA]["is_bot"] = True
    before = await world.audit()
    await reacts(world, slack, card, YES, ANA)
    assert await world.audit() == before + 1
    assert await reviews(world, request) == []
    assert slack.state.whispers == []


async def test_eyes_are_a_look_and_twice_are_one(world: World, slack: FakeSlack) -> None:
    request, card = await a_flag(world, slack)
    for _ in range(2):
        await reacts(world, slack, card, EYES, ANA)
    await reacts(world, slack, card, EYES, DI)  # whose look nobody asked for
    assert "ana is looking" in card.text
    assert "di is looking" not in card.text
    assert len((await world.running.parts.store.get(request["id"])).looks) == len(card.thread) == 1


async def test_other_emoji_and_other_messages_are_nothing_to_us(world: World, slack: FakeSlack) -> None:
    request, card = await a_flag(world, slack)
    before = await world.audit()
    await reacts(world, slack, card, "tada", ANA)
    event = payloads.reaction(slack.state, ANA, card.message, YES)
    for item in ({"ts": "1700000000.000001"}, {"channel": "C0OTHERXX"}, {"type": "file", "file": "F1"}):
        other = {key: value for key, value in event["item"].items() if "file" not in item} | item
        await slack.event({**event, "item": other})
    await quiet(world)
    assert await world.audit() == before
    assert "users.info" not in [method for method, _ in slack.state.calls]
    assert await reviews(world, request) == []


async def test_a_line_in_the_thread_is_no_card(world: World, slack: FakeSlack) -> None:
    request, card = await a_flag(world, slack)
    await reacts(world, slack, card, EYES, ANA)
    assert card.thread
    lines = slack.state.conversations[card.message.channel].messages
    line = next(message for message in lines if message.thread_ts)
    await slack.event(payloads.reaction(slack.state, ANA, line, YES))
    await quiet(world)
    assert await reviews(world, request) == []


async def test_after_the_deadline_a_check_mark_is_too_late(world: World, slack: FakeSlack) -> None:
    request, card = await a_flag(world, slack)
    await world.advance(minutes=30)
    await reacts(world, slack, card, YES, ANA)
    assert "deadline" in await slack.whisper(ANA)
    assert (await world.agent.sees(request))["state"] == "expired"
    assert card.thread


async def test_while_slack_does_not_say_who_it_was_nobody_reacted(world: World, slack: FakeSlack) -> None:
    request, card = await a_flag(world, slack)
    slack.goes_wrong("users.info", Fault(slow=5))
    answer = await slack.react(card, YES, ANA)
    assert answer.seconds < 1
    await asyncio.sleep(1.6)
    assert "does not say who you are" in await slack.whisper(ANA)
    assert await reviews(world, request) == []
