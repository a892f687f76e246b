"""People ask the agent for information, it answers, and approvers say that they are looking."""

import asyncio
from typing import Any

import pytest

from tests.handlers.api.world import BACKUP, PROD, Answer, Client, World

WHY = {"text": "Why today?"}


async def asked_about(world: World, body: object = BACKUP) -> str:
    """Ask for an action, and return where its request is."""
    return f"/v1/requests/{(await world.agent.ask(body)).body['id']}"


async def questions(world: World, at: str) -> Any:
    return (await world.agent.get(at)).body.get("questions")


async def test_a_question_reaches_the_agent_and_its_answer_the_approver(world: World) -> None:
    at = await asked_about(world)
    assert "questions" not in (await world.agent.get(at)).body
    asked = await world.bo.post(f"{at}/questions", WHY)
    assert (asked.status, asked.body["state"]) == (201, "pending")
    [heard] = await questions(world, at)
    assert heard == {
        "number": 1,
        "text": "Why today?",
        "asked_at": "2026-03-02T09:30:00.000Z",
        "asked_by": "bo",
        "answer": None,
        "answered_at": None,
    }
    world.clock.advance(minutes=1)
    answered = await world.agent.post(f"{at}/answers", {"question": 1, "text": "The disk is full"})
    assert answered.status == 200
    [waiting] = (await world.cy.get("/v1/inbox")).body["requests"]
    assert waiting["questions"] == [
        heard | {"answer": "The disk is full", "answered_at": "2026-03-02T09:31:00.000Z"}
    ]


async def test_who_asks_is_told_only_where_the_policy_reveals_names(world: World) -> None:
    at = await asked_about(world, {"action": {"name": "disk.check", "parameters": {}}})
    asked = await world.bo.post(f"{at}/questions", WHY)
    assert asked.body["questions"][0]["asked_by"] == "bo"
    assert [one["asked_by"] for one in await questions(world, at)] == [None]


async def test_a_poll_answers_when_there_are_more_questions_than_it_knows_of(world: World) -> None:
    at = await asked_about(world)
    poll = asyncio.create_task(world.agent.get(f"{at}?wait=20&questions=0"))
    await asyncio.sleep(0.1)
    assert not poll.done()
    await world.bo.post(f"{at}/questions", WHY)
    assert len((await asyncio.wait_for(poll, 5)).body["questions"]) == 1
    known = await world.agent.get(f"{at}?wait=0&questions=1")
    assert known.body["state"] == "pending"


async def test_a_poll_that_says_nothing_of_questions_is_not_woken_by_them(world: World) -> None:
    at = await asked_about(world)
    poll = asyncio.create_task(world.agent.get(f"{at}?wait=2"))
    await asyncio.sleep(0.1)
    await world.bo.post(f"{at}/questions", WHY)
    await asyncio.sleep(0.3)
    assert not poll.done()
    assert (await poll).body["state"] == "pending"


async def test_the_same_answer_again_changes_nothing_and_another_is_refused(world: World) -> None:
    at = await asked_about(world)
    await world.bo.post(f"{at}/questions", WHY)
    for _ in range(2):
        assert (await world.agent.post(f"{at}/answers", {"question": 1, "text": "So"})).status == 200
    other = await world.agent.post(f"{at}/answers", {"question": 1, "text": "Otherwise"})
    assert (other.status, other.slug) == (409, "already-answered")
    none = await world.agent.post(f"{at}/answers", {"question": 2, "text": "So"})
    assert (none.status, none.slug) == (404, "unknown")
    assert (await questions(world, at))[0]["answer"] == "So"


async def test_another_agent_neither_sees_nor_answers(world: World) -> None:
    at = await asked_about(world)
    await world.bo.post(f"{at}/questions", WHY)
    answer = await world.other_agent.post(f"{at}/answers", {"question": 1, "text": "So"})
    assert (answer.status, answer.slug) == (404, "unknown")


@pytest.mark.parametrize("path", ["questions", "looks"])
async def test_to_somebody_it_is_not_shown_to_there_is_nothing_to_ask_about(world: World, path: str) -> None:
    at = await asked_about(world)
    body = WHY if path == "questions" else {}
    answer = await world.di.post(f"{at}/{path}", body)
    assert (answer.status, answer.slug) == (404, "unknown")


async def test_the_same_question_again_is_refused_and_so_is_one_too_many(world: World) -> None:
    at = await asked_about(world)
    for number in range(20):
        assert (await world.bo.post(f"{at}/questions", {"text": f"What of {number}?"})).status == 201
    again = await world.bo.post(f"{at}/questions", {"text": " What of 3? "})
    more = await world.bo.post(f"{at}/questions", {"text": "And now?"})
    assert [(one.status, one.slug) for one in (again, more)] == [
        (409, "already-asked"),
        (409, "enough-asked"),
    ]


@pytest.mark.parametrize("text", ["", "x" * 2001, 7])
async def test_a_question_is_of_one_to_2000_characters(world: World, text: object) -> None:
    at = await asked_about(world)
    answer = await world.bo.post(f"{at}/questions", {"text": text})
    assert (answer.status, answer.slug) == (400, "malformed")
    assert [one["pointer"] for one in answer.body["errors"]] == ["#/text"]


async def test_nothing_is_asked_answered_or_looked_at_once_it_is_decided(world: World) -> None:
    at = await asked_about(world)
    await world.bo.post(f"{at}/questions", WHY)
    asked = (await world.agent.get(at)).body
    await world.bo.review(asked, "deny", reason="No")
    late: list[Answer] = [
        await world.cy.post(f"{at}/questions", {"text": "Still?"}),
        await world.cy.post(f"{at}/looks", {}),
        await world.agent.post(f"{at}/answers", {"question": 1, "text": "So"}),
    ]
    assert [(one.status, one.slug) for one in late] == [(409, "already-decided")] * 3


async def test_an_approver_asks_another_to_decide_and_nobody_who_may_not(world: World) -> None:
    at = await asked_about(world)
    asks: list[tuple[Client, str, int, str]] = [
        (world.bo, "cy", 201, ""),
        (world.bo, "bo", 403, "not-a-deputy"),
        (world.bo, "di", 403, "not-a-deputy"),
        (world.bo, "nobody", 403, "not-a-deputy"),
        (world.ana, "cy", 403, "own-request"),
    ]
    for who, deputy, status, slug in asks:
        answer = await who.post(f"{at}/delegations", {"deputy": deputy})
        assert answer.status == status
        assert not slug or answer.slug == slug
    for body in ({}, {"deputy": ""}, {"deputy": 1}, {"deputy": "cy", "stage": "dba"}):
        assert (await world.bo.post(f"{at}/delegations", body)).status == 400


async def test_a_delegation_is_taken_back_by_who_made_it_and_by_nobody_else(world: World) -> None:
    at = await asked_about(world)
    await world.bo.post(f"{at}/delegations", {"deputy": "cy"})
    reclaims: list[tuple[Client, int, str]] = [
        (world.cy, 404, "unknown"),  # who was asked
        (world.ana, 404, "unknown"),
        (world.agent, 403, ""),
        (world.bo, 200, ""),
        (world.bo, 404, "unknown"),
    ]
    for who, status, slug in reclaims:
        answer = await who.call("DELETE", f"{at}/delegations")
        assert answer.status == status
        assert not slug or answer.slug == slug
    assert (await world.bo.call("DELETE", f"{at}/delegations?all=1")).status == 400
    kinds = [entry.kind for entry in await world.parts.store.entries(0, 1000)]
    assert kinds.count("review.reclaimed") == 1


async def test_what_the_deputy_has_used_is_taken_back_no_more(world: World) -> None:
    at = await asked_about(world, PROD)
    await world.bo.post(f"{at}/delegations", {"deputy": "cy"})
    asked = (await world.agent.get(at)).body
    await world.cy.review(asked, "approve")
    assert (await world.bo.call("DELETE", f"{at}/delegations")).status == 409


async def test_an_approver_looks_once_and_the_requesters_side_never(world: World) -> None:
    at = await asked_about(world)
    looks: list[tuple[Client, int, str]] = [(world.bo, 201, ""), (world.bo, 409, "already-looking")]
    looks += [(world.ana, 403, "own-request"), (world.cy, 201, "")]
    for who, status, slug in looks:
        answer = await who.post(f"{at}/looks", {})
        assert answer.status == status
        assert not slug or answer.slug == slug
