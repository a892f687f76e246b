"""A storm to one channel: it is held at Slack's pace, others are not, and everyone can decide meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bot.core.terms import PersonName
from bot.ports import EACH_MAX
from handlers.slack.pace import CHANNEL, TIER_3
from tests.fakes.slack import FakeSlack
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.workspace import a_world_in
from tests.world import OPERATOR, AgentFake, World

ANA = "U0ANA"
MANY = 150  # `make bench` has the thousands
RULES = """\
  - id: quiet
    match: {action: payments.refund}
    effect: require_approval
    stages:
      - {name: leads, approvers: [group:leads], quorum: 1}
    show: [{slack: "#quiet"}, {web: inbox}]
"""


@pytest.fixture
async def world(slack: FakeSlack, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The bot, with a second channel that has nothing to do with the first."""
    slack.add_channel("#quiet")
    people = ("ana", "cy", "di", "ed")
    bundle = BUNDLE[: BUNDLE.index("  - id: refunds")] + RULES
    bundle = bundle.replace("defaults:\n", "defaults:\n  roundup_after: 1000000\n", 1)  # cards, all of them
    policy = write_policy(tmp_path / "policy", bundle)
    async with a_world_in(slack, sqlite_url, tmp_path, policy, people) as made:
        admin = made.running.parts.admin
        own = [PersonName("ed")]
        key = await admin.add_agent(
            "storm", PersonName("ed"), own, False, OPERATOR, pending_max=10**6, per_minute=10**6
        )
        made.agent = AgentFake(made, key)
        yield made


async def storm(world: World, count: int, first: int = 0) -> list[dict[str, Any]]:
    """Ask so often at once, for something else each time."""
    numbers = range(first, first + count)
    asks = [world.agent.asks("db.migrate", env="prod", sql=f"SELECT {n}", rows=3) for n in numbers]
    return list(await asyncio.gather(*asks))


async def deliver(world: World) -> None:
    """Send what can be sent at this instant."""
    while await world.running.delivering.deliver():
        pass
    await world.running.delivering.settle()


async def seconds(world: World, count: int) -> None:
    """Let so many seconds pass, delivering ten times a second, as the server's own loop would."""
    for _ in range(count * 10):
        await deliver(world)
        world.clock.advance(timedelta(seconds=0.1))


def cards(slack: FakeSlack, channel: str) -> list[Any]:
    return list(slack.channel(channel).cards())


def see_everything(slack: FakeSlack) -> None:
    for conversation in slack.state.conversations.values():
        for message in conversation.messages:
            message.seen = True


def posts(slack: FakeSlack, channel: str) -> int:
    return len(slack.channel(channel).conversation.messages)


async def test_a_channel_gets_a_message_a_second_and_slack_never_refuses_one(
    world: World, slack: FakeSlack
) -> None:
    await storm(world, 40)
    counts = []
    for _ in range(30):
        await seconds(world, 1)
        counts.append(posts(slack, "#ops"))
    assert counts[0] <= CHANNEL.burst + 1
    assert counts[-1] - counts[0] in (28, 29)
    assert max(after - before for before, after in pairwise(counts)) <= 2
    await seconds(world, 15)
    assert posts(slack, "#ops") == 40
    assert not slack.state.refusals
    see_everything(slack)


async def test_others_first_card_does_not_wait_for_the_storm(world: World, slack: FakeSlack) -> None:
    await storm(world, MANY)
    await seconds(world, 2)
    before = world.clock.now()
    await world.agent.asks("payments.refund", payment="p1", cents=1)
    await deliver(world)
    assert len(cards(slack, "#quiet")) == 1
    assert world.clock.now() == before
    see_everything(slack)


async def test_a_channel_that_is_minutes_behind_takes_no_replica_out(world: World, slack: FakeSlack) -> None:
    await storm(world, MANY)
    world.running.loops.start()
    for _ in range(8):
        before = posts(slack, "#ops")
        world.clock.advance(timedelta(seconds=10))
        async with asyncio.timeout(5):
            while posts(slack, "#ops") == before:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await world.running.loops.problem() is None
    assert posts(slack, "#ops") < MANY
    await world.running.loops.stop()
    see_everything(slack)


async def test_cards_come_in_the_order_of_their_requests(world: World, slack: FakeSlack) -> None:
    asked = []
    for number in range(EACH_MAX + 8):
        asked.append(await world.agent.asks("db.migrate", env="prod", sql=f"SELECT {number}", rows=3))
        world.clock.advance(timedelta(milliseconds=1))
    await seconds(world, EACH_MAX + 10)
    shown = [card.message.metadata["event_payload"]["request"] for card in cards(slack, "#ops")]
    wanted = [request["id"] for request in asked]
    assert shown[EACH_MAX:] == wanted[EACH_MAX:]
    # The first are sent at once, side by side.
    assert all(abs(shown.index(one) - wanted.index(one)) < EACH_MAX for one in wanted)


async def test_a_decision_shows_on_its_card_at_once_though_hundreds_wait_to_be_posted(
    world: World, slack: FakeSlack
) -> None:
    asked = {request["id"]: request for request in await storm(world, MANY)}
    await seconds(world, 3)
    card = cards(slack, "#ops")[0]
    answer = await card.press("Approve", ANA)
    assert answer.seconds < 1
    await seconds(world, 1)
    assert "Approved by ana" in card.text
    request = asked[card.message.metadata["event_payload"]["request"]]
    assert (await world.agent.sees(request))["state"] == "approved"
    see_everything(slack)


async def test_cards_that_wait_go_before_lines_and_before_cards_of_what_is_over(
    world: World, slack: FakeSlack
) -> None:
    first = await storm(world, 8)
    await seconds(world, 1)
    shown = {card.message.metadata["event_payload"]["request"] for card in cards(slack, "#ops")}
    unseen = [request for request in first if request["id"] not in shown]
    ana = await world.person("ana")
    for request in unseen:
        await ana.denies(request)
    late = await storm(world, 4, first=100)
    await seconds(world, 6)
    conversation = slack.channel("#ops").conversation
    posted = [message.metadata["event_payload"]["request"] for message in conversation.messages[len(shown) :]
              if message.metadata and message.thread_ts is None]  # fmt: skip
    assert set(posted[:4]) == {request["id"] for request in late}
    await seconds(world, 20)
    see_everything(slack)


async def test_everyone_finds_and_decides_each_one_while_the_channel_is_behind(
    world: World, slack: FakeSlack
) -> None:
    asked = await storm(world, 30)
    await seconds(world, 1)
    ana = await world.person("ana")
    assert len(await ana.inbox()) == 30
    for request in asked:
        await ana.approves(request)
    assert await ana.inbox() == []
    await seconds(world, 70)
    texts = [card.text for card in cards(slack, "#ops")]
    assert len(texts) == 30
    assert all("Approved by ana" in text for text in texts)
    see_everything(slack)


async def test_changes_of_many_cards_keep_the_methods_pace_and_the_newest_state_wins(
    world: World, slack: FakeSlack
) -> None:
    asked = await storm(world, 60)
    await seconds(world, 62)
    assert posts(slack, "#ops") == 60
    ana = await world.person("ana")
    slack.state.calls.clear()
    for request in asked:
        await ana.reviews(request, "comment", "one")
        await ana.reviews(request, "comment", "two")
        await ana.approves(request)
    await seconds(world, 1)
    updates = sum(method == "chat.update" for method, _ in slack.state.calls)
    assert updates <= TIER_3.burst + 1
    await seconds(world, 20)
    updates = sum(method == "chat.update" for method, _ in slack.state.calls)
    assert updates == 60  # one for each card, not one for each of its three changes
    assert all("Approved by ana" in card.text for card in cards(slack, "#ops"))
    see_everything(slack)
