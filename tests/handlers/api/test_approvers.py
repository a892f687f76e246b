"""Approvers find their inbox and give their verdict."""

import asyncio
from typing import Any

import pytest

from tests.handlers.api.world import BACKUP, PROD, World


async def test_the_inbox_has_all_that_a_decision_needs(world: World) -> None:
    body = {**PROD, "justification": "OPS-42", "summary": "harmless", "context": {"ticket": "OPS-42"}}
    asked = (await world.agent.ask(body)).body
    [waiting] = (await world.bo.get("/v1/inbox")).body["requests"]
    assert waiting == {
        **asked,
        "title": "Run a database migration",
        "reversibility": "reversible",
        "context": {"ticket": "OPS-42"},
        "justification": "OPS-42",
        "summary": "harmless",
    }
    assert (await world.di.get("/v1/inbox")).body == {"requests": []}


async def test_an_approval_ends_what_needed_one(world: World) -> None:
    asked = (await world.agent.ask()).body
    answer = await world.bo.review(asked, reason="Looks right")
    assert (answer.status, answer.body["state"]) == (200, "approved")
    assert answer.body["reviews"][0]["reviewer"] == "bo"
    assert answer.body["stages"][0] == {
        "name": "dba",
        "state": "met",
        "quorum": 1,
        "approvals": 1,
        "denials": 0,
    }


async def test_a_quorum_of_two_counts_people_and_not_clicks(world: World) -> None:
    asked = (await world.agent.ask(BACKUP)).body
    first = await world.bo.review(asked)
    again = await world.bo.review(asked)
    second = await world.cy.review(asked)
    assert (first.status, first.body["state"]) == (200, "pending")
    assert (again.status, again.slug) == (409, "already-reviewed")
    assert (second.status, second.body["state"]) == (200, "approved")


async def test_two_at_once_meet_a_quorum_of_two_exactly_once(world: World) -> None:
    asked = (await world.agent.ask(BACKUP)).body
    answers = await asyncio.gather(world.bo.review(asked), world.cy.review(asked))
    assert [answer.status for answer in answers] == [200, 200]
    assert sorted(answer.body["state"] for answer in answers) == ["approved", "pending"]


async def test_a_review_of_another_action_is_refused(world: World) -> None:
    asked = (await world.agent.ask()).body
    answer = await world.bo.review({**asked, "digest": "0" * 64})
    assert (answer.status, answer.slug) == (409, "other-digest")


async def test_a_review_after_the_deadline_is_refused_even_before_the_sweep(world: World) -> None:
    asked = (await world.agent.ask()).body
    world.clock.advance(minutes=30)
    answer = await world.bo.review(asked)
    assert (answer.status, answer.slug) == (409, "too-late")


async def test_the_agents_owner_may_look_and_not_review(world: World) -> None:
    asked = (await world.agent.ask()).body
    answer = await world.ana.review(asked)
    assert (answer.status, answer.slug) == (403, "own-request")


@pytest.mark.parametrize("verdict", ["approve", "deny", "comment"])
async def test_to_somebody_it_is_not_shown_to_a_request_does_not_exist(world: World, verdict: str) -> None:
    asked = (await world.agent.ask()).body
    foreign = await world.di.review(asked, verdict, reason="because")
    unknown = await world.di.review({**asked, "id": f"req_{'0' * 32}"}, verdict, reason="because")
    assert foreign.status == unknown.status == 404
    assert foreign.body["detail"] == unknown.body["detail"]
    shown = (await world.agent.get(f"/v1/requests/{asked['id']}")).body
    assert (shown["state"], shown["reviews"]) == ("pending", [])


async def test_a_comment_needs_words_and_decides_nothing(world: World) -> None:
    asked = (await world.agent.ask()).body
    wordless = await world.bo.review(asked, "comment")
    said = await world.bo.review(asked, "comment", reason="Why today?")
    assert (wordless.status, wordless.slug) == (409, "reason-missing")
    assert (said.status, said.body["state"]) == (200, "pending")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"verdict": "maybe"}, "#/verdict"),
        ({"digest": "abc"}, "#/digest"),
        ({"reason": 7}, "#/reason"),
        ({"reason": "x" * 4001}, "#/reason"),
        ({"reviewer": "cy"}, "#/reviewer"),
    ],
)
async def test_a_refused_review_is_told_where(world: World, change: Any, pointer: str) -> None:
    asked = (await world.agent.ask()).body
    body = {"verdict": "approve", "digest": asked["digest"], **change}
    answer = await world.bo.post(f"/v1/requests/{asked['id']}/reviews", body)
    assert (answer.status, answer.slug) == (400, "malformed")
    assert [error["pointer"] for error in answer.body["errors"]] == [pointer]
