"""Slack is not well: nothing is lost, nothing is doubled, an admin is told once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from bot.core.terms import OutboxKind
from bot.ports import Claimed
from bot.services.delivering import LEASE
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import BOT_USER, Conversation, Fault
from tests.handlers.slack.conftest import OUTCOME
from tests.world import World

ANA, ED = "U0ANA", "U0ED"
TITLE = "Run a database migration"
POST = "chat.postMessage"
OTHER = itertools.count()


async def ask(world: World, count: int = 1) -> list[dict[str, Any]]:
    """Ask for migrations of production, no two alike, and let the outbox send what it can."""
    asked = [
        await world.agent.asks("db.migrate", env="prod", sql=f"SELECT {next(OTHER)}", rows=3)
        for _ in range(count)
    ]
    await world.settle()
    return asked


def ops(slack: FakeSlack) -> Conversation:
    return slack.channel("#ops").conversation


def standing(slack: FakeSlack) -> list[str]:
    """Return of which requests a card stands in #ops, and count them as seen."""
    cards = slack.channel("#ops").cards()
    return [card.message.metadata["event_payload"]["request"] for card in cards if card.message.metadata]


def alerts(slack: FakeSlack) -> list[str]:
    """Return what the admin was told, and count it as seen; not how their agent's requests ended."""
    chats = [one for one in slack.state.conversations.values() if one.user == ED]
    lines = [message for chat in chats for message in chat.messages if not message.deleted]
    for line in lines:
        line.seen = True
    return [line.text for line in lines if not OUTCOME.search(line.text)]


def seen(slack: FakeSlack) -> None:
    """Count everything as seen, what Slack refused too."""
    for conversation in slack.state.conversations.values():
        for message in conversation.messages:
            message.seen = True
    slack.state.refusals.clear()


async def test_429_waits_as_long_as_slack_says_and_is_no_attempt(world: World, slack: FakeSlack) -> None:
    slack.goes_wrong(POST, Fault(retry_after=17), Fault(retry_after=3))
    before = world.clock.now()
    [request] = await ask(world)
    assert standing(slack) == [request["id"]]
    assert (world.clock.now() - before).total_seconds() == 20
    assert "conversations.history" not in {method for method, _ in slack.state.calls}


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(status=503), Fault(drop=True)], ids=str)
async def test_after_no_clear_answer_one_card_stands(world: World, slack: FakeSlack, fault: Fault) -> None:
    slack.goes_wrong(POST, fault)
    [request] = await ask(world)
    await world.advance(seconds=5)
    assert standing(slack) == [request["id"]]


async def claimed_by_who_sleeps(world: World) -> Claimed:
    """Claim the next card, as a process does that then stands still for as long as its lease is."""
    claimed = await world.running.parts.store.claim(world.clock.now(), 10, LEASE, {})
    [card] = [row for row in claimed if row.send.kind is OutboxKind.SHOW]
    world.clock.advance(LEASE)
    return card


async def test_who_slept_over_the_lease_posts_nothing_for_it_is_anothers_by_now(
    world: World, slack: FakeSlack
) -> None:
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=3)
    asleep = await claimed_by_who_sleeps(world)
    await world.running.delivering._send(asleep)
    assert standing(slack) == []
    await world.settle()
    assert standing(slack) == [request["id"]]


async def test_who_slept_over_the_lease_shows_no_older_state_again(world: World, slack: FakeSlack) -> None:
    [request] = await ask(world)
    await (await world.person("ana")).approves(request)
    asleep = await claimed_by_who_sleeps(world)
    await world.running.delivering._send(asleep)
    [card] = slack.channel("#ops").cards()
    assert "Approve" in card.buttons
    await world.settle()
    [card] = slack.channel("#ops").cards()
    assert "Approve" not in card.buttons
    seen(slack)


async def test_while_slack_is_down_for_an_hour_cards_wait_and_come_up_as_they_are_by_then(
    world: World, slack: FakeSlack
) -> None:
    slack.goes_wrong(POST, *[Fault(status=503)] * 100)
    asked = await ask(world, 3)
    await (await world.person("ana")).approves(asked[0])
    await world.advance(minutes=20)
    assert standing(slack) == []
    slack.state.faults.clear()
    await world.advance(minutes=9)
    assert sorted(standing(slack)) == sorted(request["id"] for request in asked)
    texts = [card.text for card in slack.channel("#ops").cards()]
    assert sum("Approved by ana" in text for text in texts) == 1
    assert all(len(card.message.shown) == 1 for card in slack.channel("#ops").cards())
    seen(slack)


def archive(channel: Conversation, slack: FakeSlack) -> None:
    channel.archived = True


def delete(channel: Conversation, slack: FakeSlack) -> None:
    del slack.state.conversations[channel.id]


def kick(channel: Conversation, slack: FakeSlack) -> None:
    channel.members.discard(BOT_USER)


@pytest.mark.parametrize("lose", [archive, delete, kick])
async def test_a_channel_that_is_gone_loses_no_request_and_an_admin_is_told_once(
    world: World, slack: FakeSlack, lose: Callable[[Conversation, FakeSlack], None]
) -> None:
    [first] = await ask(world)
    assert standing(slack) == [first["id"]]
    lose(ops(slack), slack)
    asked = await ask(world, 5)
    [told] = alerts(slack)
    assert f"{TITLE} (" in told
    assert "slack:#ops: Slack: " in told
    assert len(await world.running.parts.store.letters(10)) == 5
    for request in asked:
        await (await world.person("ana")).approves(request)
        assert (await world.agent.sees(request))["state"] == "approved"
    await world.settle()
    assert alerts(slack) == [told]
    assert await world.audit() > 0
    seen(slack)


async def test_a_removed_bot_that_is_invited_again_shows_what_waits_at_its_next_change(
    world: World, slack: FakeSlack
) -> None:
    [early] = await ask(world)
    ops(slack).members.discard(BOT_USER)
    [late] = await ask(world)
    assert standing(slack) == [early["id"]]
    assert len(alerts(slack)) == 1
    ops(slack).members.add(BOT_USER)
    slack.state.refusals.clear()
    await (await world.person("ana")).reviews(late, "comment", "Is there a backup?")
    await world.settle()
    assert standing(slack) == [early["id"], late["id"]]
    seen(slack)


async def test_a_deleted_card_is_put_up_anew_and_only_once(world: World, slack: FakeSlack) -> None:
    [request] = await ask(world)
    slack.channel("#ops").card(TITLE).delete()
    ana = await world.person("ana")
    for words in ("one", "two"):
        await ana.reviews(request, "comment", words)
        await world.settle()
    assert standing(slack) == [request["id"]]
    assert slack.channel("#ops").card(TITLE).thread[-1] == "ana commented: two"
    seen(slack)


async def test_a_deleted_card_of_what_is_over_stays_away(world: World, slack: FakeSlack) -> None:
    [request] = await ask(world)
    slack.channel("#ops").card(TITLE).delete()
    await (await world.person("ana")).denies(request)
    await world.advance(minutes=10)
    assert standing(slack) == []
    assert await world.running.parts.store.next_send() is None  # and nothing goes on trying
    [told] = alerts(slack)
    assert "the card is not there any more" in told
    seen(slack)


async def test_a_revoked_token_buries_nothing_and_an_admin_is_told_once(
    world: World, slack: FakeSlack
) -> None:
    slack.goes_wrong(POST, *[Fault(error="token_revoked")] * 500)
    asked = await ask(world, 5)
    await world.advance(minutes=10)
    assert await world.running.parts.store.letters(10) == []
    slack.state.faults.clear()
    await world.advance(minutes=11)
    assert sorted(standing(slack)) == sorted(request["id"] for request in asked)
    [told] = alerts(slack)
    assert "the bot token was revoked; install the app again" in told
    seen(slack)


async def test_an_admin_is_told_once_though_another_admins_chat_is_full(
    world: World, slack: FakeSlack
) -> None:
    slack.goes_wrong(POST, Fault(error="is_archived"), Fault(status=500), Fault(retry_after=5))
    await ask(world)
    await world.settle()
    assert len(alerts(slack)) <= 1  # what may have arrived is not said twice


async def test_a_slow_users_info_refuses_in_time_and_the_next_click_counts(
    world: World, slack: FakeSlack
) -> None:
    [request] = await ask(world)
    card = slack.channel("#ops").card(TITLE)
    slack.goes_wrong("users.info", Fault(slow=2.5))
    answer = await card.press("Approve", ANA)
    assert answer.seconds < 2.5
    assert "try again" in await slack.whisper(ANA)
    await card.press("Approve", ANA)
    assert (await world.agent.sees(request))["state"] == "approved"
    await world.settle()
    assert card.thread
