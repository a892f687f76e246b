"""What happens before people decide: they ask, the agent answers, they look; then they react."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.slack import FakeSlack
from tests.fixtures.clock import FakeClock
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.tables import rows
from tests.fixtures.workspace import a_world_in
from tests.world import Answer, Refused, World

Pair = tuple[World, World]
TAKES_REACTIONS = BUNDLE.replace(
    "    justification: {reviewer: on_deny}\n",
    "    justification: {reviewer: on_deny}\n    reactions: true\n",
)


async def migration(world: World) -> Answer:
    """Ask for what one of dba decides; its reminder comes after five minutes."""
    return await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1)


async def entries(world: World, request: Answer) -> list[str]:
    """Return the kinds of the request's audit entries."""
    query = f"SELECT kind FROM entries WHERE request_id = '{request['id']}' ORDER BY sequence"
    return [str(row["kind"]) for row in await rows(world.running.parts.settings.database_url, query)]


async def test_a_question_its_answer_a_look_and_an_approval_leave_their_trace(world: World) -> None:
    request, bo = await migration(world), await world.person("bo")
    at = f"/v1/requests/{request['id']}"
    await bo.call("POST", f"{at}/questions", {"text": "Which table?"})
    await world.agent.call("POST", f"{at}/answers", {"question": 1, "text": "orders"})
    await bo.call("POST", f"{at}/looks", {})
    await bo.approves(request)
    await world.settle()
    seen = await world.agent.sees(request)
    assert (seen["state"], seen["questions"][0]["answer"]) == ("approved", "orders")
    kinds = [
        kind for kind in await entries(world, request) if kind not in ("card.shown", "callback.delivered")
    ]
    assert kinds == [
        "request.received",
        "request.planned",
        "question.asked",
        "question.answered",
        "request.looked",
        "review.given",
        "stage.met",
        "request.approved",
    ]
    [told] = world.executors["db-runner"].told("request.approved")
    assert "questions" not in told
    assert await world.audit() > len(kinds)


async def test_looks_hold_the_reminder_and_not_the_people_who_are_added(world: World) -> None:
    request = await migration(world)
    await world.advance(minutes=4)
    for name in ("ana", "bo"):
        await (await world.person(name)).call("POST", f"/v1/requests/{request['id']}/looks", {})
        await world.advance(minutes=2)
    assert "request.escalated" not in await entries(world, request)
    await world.advance(minutes=2)  # ten minutes after it was asked, though bo looks for one more
    assert (await entries(world, request)).count("request.escalated") == 2
    assert [one["id"] for one in await (await world.person("di")).inbox()] == [request["id"]]
    await world.advance(minutes=20)
    assert (await world.agent.sees(request))["state"] == "expired"


async def test_who_asked_on_one_replica_wakes_the_agent_that_waits_on_another(replicas: Pair) -> None:
    one, other = replicas
    request = await migration(one)
    at = f"/v1/requests/{request['id']}"
    poll = asyncio.create_task(other.agent.call("GET", f"{at}?wait=20&questions=0"))
    await asyncio.sleep(0.3)
    await (await one.person("bo")).call("POST", f"{at}/questions", {"text": "Which table?"})
    heard = await asyncio.wait_for(poll, 10)
    assert [question["text"] for question in heard["questions"]] == ["Which table?"]


async def test_two_answers_at_once_are_one_and_so_are_two_looks(replicas: Pair) -> None:
    one, other = replicas
    request, bo = await migration(one), await one.person("bo")
    at = f"/v1/requests/{request['id']}"
    await bo.call("POST", f"{at}/questions", {"text": "Which table?"})
    bodies = [{"question": 1, "text": text} for text in ("orders", "prices")]
    calls = [
        here.agent.call("POST", f"{at}/answers", body) for here, body in zip(replicas, bodies, strict=True)
    ]
    calls += [person.call("POST", f"{at}/looks", {}) for person in (bo, await other.person("bo"))]
    came = await asyncio.gather(*calls, return_exceptions=True)
    refused = sorted(one.slug for one in came if isinstance(one, Refused))
    assert refused == ["already-answered", "already-looking"]
    kinds = await entries(one, request)
    assert (kinds.count("question.answered"), kinds.count("request.looked")) == (1, 1)


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    """A workspace with #ops."""
    fake = FakeSlack(FakeClock().now)
    await fake.start()
    fake.add_channel("#ops")
    yield fake
    await fake.stop()


async def test_from_the_card_alone(database_url: str, tmp_path: Path, slack: FakeSlack) -> None:
    policy = write_policy(tmp_path / "policy", TAKES_REACTIONS)
    async with a_world_in(slack, database_url, tmp_path, policy) as world:
        request = await migration(world)
        await world.settle()
        card = slack.channel("#ops").card("Run a database migration")
        await slack.react(card, "eyes", "U0ANA")
        await card.press("Ask for information", "U0BO")
        await (await slack.form("U0BO")).submit("Which table?")
        await asyncio.sleep(0.5)
        await world.agent.call(
            "POST", f"/v1/requests/{request['id']}/answers", {"question": 1, "text": "orders"}
        )
        await world.settle()
        assert "ana is looking" in card.text
        assert "orders" in card.text
        home = await slack.open_home("U0ANA")
        assert request["code"] in home.text
        await slack.react(card, "white_check_mark", "U0ANA")
        await asyncio.sleep(0.5)
        await world.settle()
        assert (await world.agent.sees(request))["state"] == "approved"
        assert card.buttons == ["View full"]
        assert len(card.thread) == 4
        assert "Approved" in slack.chat("U0ED").line(request["code"])
        assert await world.audit() > 0
