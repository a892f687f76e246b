"""Identical pending requests share one card; each is decided by itself, and the next takes the card over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Fault
from tests.fakes.slack_views import CardView
from tests.world import World

ANA, BO = "U0ANA", "U0BO"
TITLE = "Run a database migration"
PAGE = "http://assent.test/requests/"


async def asked(world: World, count: int, sql: str = "ALTER TABLE x", **body: Any) -> list[dict[str, Any]]:
    """Ask so often for the same, a moment apart."""
    found = []
    for _ in range(count):
        found.append(await world.agent.asks("db.migrate", env="prod", sql=sql, rows=3, **body))
        world.clock.advance(timedelta(milliseconds=1))
    return found


def shows(card: CardView, request: dict[str, Any]) -> bool:
    """Say whether this request is the one that the card's buttons decide."""
    return f"{request['id']} {request['digest']}" in str(card.element("Approve")["value"])


async def state(world: World, request: dict[str, Any]) -> str:
    return str((await world.agent.sees(request))["state"])


def forget(slack: FakeSlack) -> None:
    """Everything that was said counts as expected."""
    for conversation in slack.state.conversations.values():
        for message in conversation.messages:
            message.seen = True


async def test_identical_requests_share_the_oldest_ones_card(world: World, slack: FakeSlack) -> None:
    first, second, third = await asked(world, 3)
    await world.settle()
    card = slack.channel("#ops").card(TITLE)
    assert shows(card, first)
    assert "2 identical requests wait behind this one" in card.text
    assert second["id"] in card.text
    assert third["id"] in card.text
    assert all(f"'url': '{PAGE}{one['id']}'" in str(card.blocks) for one in (second, third))


async def test_others_of_the_agent_and_of_other_agents_have_their_own(world: World, slack: FakeSlack) -> None:
    await asked(world, 1)
    await asked(world, 1, "ALTER TABLE y")
    await asked(world, 1, _body={"on_behalf_of": "bo"})
    await world.settle()
    cards = slack.channel("#ops").cards()
    assert len(cards) == 3
    assert not [card for card in cards if "identical" in card.text]


async def test_each_is_decided_by_itself_and_the_next_takes_the_card_over(
    world: World, slack: FakeSlack
) -> None:
    requests = await asked(world, 3)
    await world.settle()
    card = slack.channel("#ops").card(TITLE)
    for number, request in enumerate(requests):
        assert shows(card, request)
        await card.press("Approve", ANA)
        await world.settle()
        assert [await state(world, one) for one in requests] == (
            ["approved"] * (number + 1) + ["pending"] * (2 - number)
        )
        assert len(slack.channel("#ops").cards()) == 1
    assert "Approved by ana" in card.text
    assert "identical" not in card.text
    forget(slack)


async def test_a_click_that_comes_again_after_the_card_changed_hands_decides_nothing_more(
    world: World, slack: FakeSlack
) -> None:
    first, second = await asked(world, 2)
    await world.settle()
    card = slack.channel("#ops").card(TITLE)
    click = slack.pressed(card, "Approve", ANA)
    await slack.send(click)
    await world.settle()
    await slack.send(click)
    assert "already approved" in await slack.whisper(ANA)
    assert (await state(world, first), await state(world, second)) == ("approved", "pending")
    forget(slack)


async def test_what_is_decided_elsewhere_leaves_the_count(world: World, slack: FakeSlack) -> None:
    first, second, third = await asked(world, 3)
    await world.settle()
    card = slack.channel("#ops").card(TITLE)
    await (await world.person("ana")).denies(second)
    await world.settle()
    assert shows(card, first)
    assert "1 identical request waits behind this one" in card.text
    assert second["id"] not in card.text
    assert third["id"] in card.text
    assert any(second["id"] in line and "Denied. ana denied" in line for line in card.thread)
    forget(slack)


async def test_lines_about_each_stand_in_the_thread_of_the_card_they_share(
    world: World, slack: FakeSlack
) -> None:
    first, second = await asked(world, 2)
    await world.settle()
    card = slack.channel("#ops").card(TITLE)
    await card.press("Approve", ANA)
    await world.settle()
    told = world.executors["db-runner"].told("request.approved")
    await world.executors["db-runner"].redeems(told[0])
    await world.executors["db-runner"].reports(first["id"])
    await world.settle()
    assert shows(card, second)
    about = [line for line in card.thread if first["id"] in line]
    assert [part for line in about for part in ("Running", "Succeeded") if part in line] == [
        "Running",
        "Succeeded",
    ]
    await card.press("Approve", BO)
    await world.settle()
    own = [line for line in card.thread if "bo approved" in line]
    assert len(own) == 1
    assert second["id"] not in own[0]
    forget(slack)


async def test_people_are_reminded_of_the_card_once(world: World, slack: FakeSlack) -> None:
    await asked(world, 4)
    await world.settle()
    card = slack.channel("#ops").card(TITLE)
    await world.advance(minutes=5, seconds=1)
    assert sum("Still waiting" in line for line in card.thread) == 1
    forget(slack)


async def test_when_all_expire_one_card_says_so_and_no_other_is_put_up(
    world: World, slack: FakeSlack
) -> None:
    await asked(world, 4)
    await world.settle()
    await world.advance(minutes=31)
    cards = slack.channel("#ops").cards()
    assert len(cards) == 1
    assert "Expired" in cards[0].text
    assert "identical" not in cards[0].text
    forget(slack)


async def test_the_next_one_asked_after_all_are_over_gets_a_card_of_its_own(
    world: World, slack: FakeSlack
) -> None:
    await asked(world, 2)
    await world.settle()
    old = slack.channel("#ops").card(TITLE)
    for _ in range(2):
        await old.press("Approve", ANA)
        await world.settle()
    [new] = await asked(world, 1)
    await world.settle()
    cards = slack.channel("#ops").cards()
    assert len(cards) == 2
    assert shows(cards[1], new)
    assert "Approved by ana" in cards[0].text
    forget(slack)


async def test_who_was_added_by_an_escalation_shares_their_card_too(world: World, slack: FakeSlack) -> None:
    await asked(world, 3)
    await world.settle()
    await world.advance(minutes=10, seconds=1)
    cards = slack.chat("U0DI").cards()
    assert len(cards) == 1
    assert "2 identical requests wait" in cards[0].text
    forget(slack)


async def test_a_crash_between_the_hand_over_and_the_card_leaves_one_card(
    world: World, slack: FakeSlack
) -> None:
    first, second = await asked(world, 2)
    await world.settle()
    card = slack.channel("#ops").card(TITLE)
    slack.goes_wrong("chat.update", Fault(status=500), Fault(drop=True))
    await card.press("Approve", ANA)
    await world.settle()
    await world.advance(minutes=1)
    assert len(slack.channel("#ops").cards()) == 1
    assert shows(card, second)
    assert await state(world, first) in ("approved", "lapsed")
    forget(slack)


async def test_a_shared_card_that_somebody_deleted_is_put_up_anew_for_who_leads(
    world: World, slack: FakeSlack
) -> None:
    _, second, third = await asked(world, 3)
    await world.settle()
    card = slack.channel("#ops").card(TITLE)
    card.delete()
    await card.press("Approve", ANA)
    await world.settle()
    assert any("message_not_found" in one for one in slack.state.refusals)
    slack.state.refusals.clear()
    fresh = slack.channel("#ops").card(TITLE)
    assert shows(fresh, second)
    assert third["id"] in fresh.text
    forget(slack)


async def test_a_storm_of_the_same_is_one_card_and_everyone_can_decide_each(
    world: World, slack: FakeSlack
) -> None:
    requests = list(
        await asyncio.gather(
            *(world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=3) for _ in range(45))
        )
    )
    await world.settle()
    card = slack.channel("#ops").card(TITLE)
    assert "44 identical requests wait behind this one" in card.text
    ana = await world.person("ana")
    assert {one["id"] for one in await ana.inbox()} == {one["id"] for one in requests}
    for request in requests[:10]:
        await ana.approves(request)
    await world.settle()
    for _ in range(10):
        await card.press("Approve", BO)
        await world.settle()
    states = [await state(world, one) for one in requests]
    assert (states.count("approved"), states.count("pending")) == (20, 25)
    assert len(slack.channel("#ops").cards()) == 1
    assert "24 identical requests wait behind this one" in card.text
    forget(slack)
