"""Beyond so many cards a minute in one place, requests are lines of one message, each its own decision."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.card import RoundupLine, Tone
from bot.core.terms import Digest, PersonName, RequestId
from bot.ports import ROUNDUP_MAX
from handlers.slack.limits import MESSAGE_TEXT_MAX
from handlers.slack.roundups import roundup
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_blocks import check_message, check_types, texts
from tests.fakes.slack_state import Fault
from tests.fakes.slack_views import CardView, PaneView
from tests.fixtures.clock import NOON
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.workspace import a_world_in, look_at_all
from tests.handlers.slack.cards import RENDERER
from tests.world import OPERATOR, AgentFake, World

ANA = "U0ANA"
AFTER = 3  # cards a minute
CARD = "Run a database migration"


@pytest.fixture
async def world(slack: FakeSlack, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The bot, where three cards a minute are enough."""
    bundle = BUNDLE.replace("defaults:\n", f"defaults:\n  roundup_after: {AFTER}\n", 1)
    policy = write_policy(tmp_path / "policy", bundle)
    async with a_world_in(slack, sqlite_url, tmp_path, policy) as made:
        admin, ed = made.running.parts.admin, PersonName("ed")
        key = await admin.add_agent("storm", ed, [ed], False, OPERATOR, pending_max=10**6, per_minute=10**6)
        made.agent = AgentFake(made, key)
        yield made
        await made.settle()
        look_at_all(slack)


async def storm(world: World, count: int, first: int = 0) -> list[dict[str, Any]]:
    """Ask so often at once, for something else each time; then let everything be sent."""
    numbers = range(first, first + count)
    asks = [world.agent.asks("db.migrate", env="prod", sql=f"SELECT {n}", rows=3) for n in numbers]
    found = list(await asyncio.gather(*asks))
    await world.settle()
    return found


def cards(slack: FakeSlack) -> list[CardView]:
    return [card for card in slack.channel("#ops").cards() if CARD in card.title]


def roundups(slack: FakeSlack) -> list[CardView]:
    return [card for card in slack.channel("#ops").cards() if "more waiting" in card.title]


def listed(view: CardView) -> list[str]:
    """Return the requests on a roundup's lines, in order."""
    return [block["block_id"] for block in view.blocks if block["type"] == "section"]


async def opens(slack: FakeSlack, view: CardView, request_id: str, user: str) -> None:
    """Press Open on one of the lines."""
    line = next(block for block in view.blocks if block.get("block_id") == request_id)
    click = slack.pressed(view, "Open", user)
    click["actions"] = [{"block_id": request_id, **line["accessory"]}]
    assert (await slack.send(click)).status == 200


async def closed(pane: PaneView) -> None:
    """Close the modal once it shows the decision."""
    async with asyncio.timeout(3):
        while "Approved by ana" not in pane.text:  # noqa: ASYNC110  # the server's doing
            await asyncio.sleep(0.01)
    await pane.close()


async def state(world: World, request: dict[str, Any]) -> str:
    return str((await world.agent.sees(request))["state"])


async def test_so_many_get_a_card_and_the_others_a_line_each(world: World, slack: FakeSlack) -> None:
    requests = await storm(world, 10)
    assert len(cards(slack)) == AFTER
    [one] = roundups(slack)
    assert one.title == "7 more waiting, of 7"
    assert len(listed(one)) == 7
    shown = {str(card.element("Approve")["value"]).split()[0] for card in cards(slack)}
    assert shown | set(listed(one)) == {request["id"] for request in requests}
    for request in requests:
        if request["id"] in listed(one):
            assert f"Agent storm · code {request['code']}" in one.text
    assert one.buttons == ["Open"] * 7


async def test_a_line_opens_into_its_request_where_it_is_decided(world: World, slack: FakeSlack) -> None:
    requests = {request["id"]: request for request in await storm(world, 5)}
    [one] = roundups(slack)
    first, second = listed(one)
    await one.press("Open", ANA)
    pane = await slack.pane(ANA)
    assert requests[first]["code"] in pane.text
    await pane.press("Approve")
    await world.settle()
    assert (await state(world, requests[first]), await state(world, requests[second])) == (
        "approved",
        "pending",
    )
    assert one.title == "1 more waiting, of 2"
    assert "Approved by ana" in one.text
    assert one.buttons == ["View full", "Open"]


async def test_nothing_on_a_roundup_decides_and_nothing_decides_several(
    world: World, slack: FakeSlack
) -> None:
    await storm(world, 8)
    [one] = roundups(slack)
    actions = {block["accessory"]["action_id"] for block in one.blocks if "accessory" in block}
    assert actions == {"open"}
    assert "Approve" not in one.text.replace("approve", "")


async def test_lines_follow_decisions_from_anywhere_in_one_message(world: World, slack: FakeSlack) -> None:
    requests = {request["id"]: request for request in await storm(world, 9)}
    [one] = roundups(slack)
    ana = await world.person("ana")
    for request_id in listed(one)[:3]:
        await ana.denies(requests[request_id])
    await world.settle()
    assert one.title == "3 more waiting, of 6"
    assert one.text.count("Denied by ana") == 3
    assert len(roundups(slack)) == 1


async def test_lines_in_the_thread_say_which_request_they_are_about(world: World, slack: FakeSlack) -> None:
    requests = {request["id"]: request for request in await storm(world, 5)}
    [one] = roundups(slack)
    request_id = listed(one)[1]
    await (await world.person("ana")).denies(requests[request_id])
    await world.settle()
    assert [line for line in one.thread if request_id in line and "Denied. ana denied" in line]


async def test_after_a_minute_cards_stand_alone_again_and_a_later_crowd_begins_anew(
    world: World, slack: FakeSlack
) -> None:
    await storm(world, 5)
    await world.advance(minutes=1, seconds=5)
    await storm(world, 5, first=100)
    assert len(cards(slack)) == 2 * AFTER
    assert [len(listed(one)) for one in roundups(slack)] == [2, 2]


async def test_a_roundup_takes_so_many_lines_and_the_next_the_others(world: World, slack: FakeSlack) -> None:
    await storm(world, AFTER + 2 * ROUNDUP_MAX + 5)
    assert [len(listed(one)) for one in roundups(slack)] == [ROUNDUP_MAX, ROUNDUP_MAX, 5]
    assert len(cards(slack)) == AFTER


async def test_everyone_finds_and_decides_each_one_of_a_storm(world: World, slack: FakeSlack) -> None:
    requests = {request["id"]: request for request in await storm(world, 40)}
    for one in roundups(slack):
        for number, request_id in enumerate(listed(one)):
            if number % 2:
                continue
            await opens(slack, one, request_id, ANA)
            pane = await slack.pane(ANA)
            assert requests[request_id]["code"] in pane.text
            await pane.press("Approve")
            await closed(pane)
    for card in cards(slack):
        await card.press("Approve", ANA)
    await world.settle()
    states = [await state(world, request) for request in requests.values()]
    waiting = sum(len(listed(one)) // 2 for one in roundups(slack))
    assert states.count("approved") == 40 - waiting


async def test_identical_requests_take_one_line_and_the_next_takes_its_place(
    world: World, slack: FakeSlack
) -> None:
    await storm(world, AFTER)
    same = []
    for _ in range(3):
        same.append(await world.agent.asks("db.migrate", env="prod", sql="SELECT 'same'", rows=3))
        world.clock.advance(timedelta(milliseconds=1))
    await world.settle()
    [one] = roundups(slack)
    assert listed(one) == [same[0]["id"]]
    assert "2 identical behind it" in one.text
    await (await world.person("ana")).approves(same[0])
    await world.settle()
    assert listed(one) == [same[0]["id"], same[1]["id"]]
    assert "1 identical behind it" in one.text
    assert one.buttons == ["View full", "Open"]


async def test_a_crash_after_the_post_leaves_one_roundup(world: World, slack: FakeSlack) -> None:
    await storm(world, AFTER)
    slack.goes_wrong("chat.postMessage", Fault(drop=True))
    await storm(world, 4, first=50)
    await world.advance(minutes=1)
    assert [len(listed(one)) for one in roundups(slack)] == [4]


async def test_a_roundup_that_somebody_deleted_is_put_up_anew(world: World, slack: FakeSlack) -> None:
    requests = {request["id"]: request for request in await storm(world, 6)}
    [one] = roundups(slack)
    one.delete()
    await (await world.person("ana")).approves(requests[listed(one)[0]])
    await world.settle()
    assert any("message_not_found" in refusal for refusal in slack.state.refusals)
    slack.state.refusals.clear()
    [fresh] = roundups(slack)
    assert fresh.title == "2 more waiting, of 3"


def a_line(**changes: Any) -> RoundupLine:
    usual: dict[str, Any] = {
        "request_id": RequestId("req_1"), "tone": Tone.DANGER, "title": "S-title", "status": "S-status",
        "agent": "S-agent", "code": "S-code", "digest": Digest("S-digest"), "expires_at": NOON,
        "waits": True, "alike": 53, "page": "https://assent.test/S-page",
    }  # fmt: skip
    return RoundupLine(**(usual | changes))


def test_every_field_of_a_line_reaches_slack() -> None:
    waiting = roundup([a_line()], RENDERER).blocks
    over = roundup([a_line(waits=False)], RENDERER).blocks
    parts = "🚨", "req_1", "S-title", "S-status", "S-agent", "S-code", "S-digest", "53 identical", "Open"
    assert [part for part in parts if part not in str(waiting)] == []
    assert f"{NOON:%Y-%m-%d %H:%M} UTC" in str(waiting)
    assert "S-page" in str(over)
    assert "Open" not in str(over[2])


def test_slack_takes_the_fullest_roundup_and_all_of_it_is_literal() -> None:
    hostile = "*x* <!channel> :boom: {{ 7 }} \" ' \\"
    lines = [
        a_line(request_id=RequestId(f"req_{n}"), title=hostile * 30, status=hostile * 30, agent=hostile * 30)
        for n in range(ROUNDUP_MAX)
    ]
    shown = roundup(lines, RENDERER)
    check_message(shown.blocks)
    check_types(shown.blocks)
    assert sum(map(len, texts(shown.blocks))) <= MESSAGE_TEXT_MAX
    assert "mrkdwn" not in {str(block.get("text", {}).get("type")) for block in shown.blocks}
    assert "channel" not in shown.text


async def test_who_may_not_see_a_request_opens_nothing_and_the_try_is_on_record(
    world: World, slack: FakeSlack
) -> None:
    await storm(world, AFTER + 1)
    [one] = roundups(slack)
    [request_id] = listed(one)
    await opens(slack, one, request_id, "U0DI")
    assert "nothing here" in await slack.whisper("U0DI")
    *_, (_, refused) = await world.running.parts.auditing.story(RequestId(request_id))
    assert (refused["kind"], refused["decision"], refused["facts"]) == (
        "review.refused",
        "open",
        {"refusal": "unknown"},
    )
