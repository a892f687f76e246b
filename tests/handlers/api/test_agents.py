"""Agents ask, look, wait, list and cancel."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from multidict import CIMultiDict

from bot.core.terms import PersonName
from tests.handlers.api.world import BACKUP, DEV, OPERATOR, PROD, STAGING, Client, World

SHAPE = {
    "id", "state", "action", "resource", "digest", "code", "subject", "on_behalf_of", "created_at",
    "expires_at", "policy", "stages", "reviews", "decided_at", "grant", "outcome", "links",
}  # fmt: skip
FULL = {
    **PROD,
    "resource": {"type": "database", "id": "orders"},
    "on_behalf_of": "ana",
    "justification": "Ticket OPS-42",
    "summary": "adds an index",
    "context": {"ticket": "OPS-42"},
    "approve_within": "PT10M",
}


async def test_what_people_decide_is_accepted_and_pending(world: World) -> None:
    answer = await world.agent.ask(FULL)
    told = answer.body
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/requests/{told['id']}"
    assert answer.headers["Content-Type"] == "application/json"
    assert set(told) == SHAPE
    assert told["state"] == "pending"
    assert told["action"] == FULL["action"]
    assert told["resource"] == FULL["resource"]
    assert told["subject"] == {"agent": "deployer", "on_behalf_of": "ana"}
    assert told["on_behalf_of"] == "ana"
    assert told["created_at"] == "2026-03-02T09:30:00.000Z"
    assert told["expires_at"] == "2026-03-02T09:40:00.000Z"
    assert told["code"] == told["digest"][:8]
    assert told["policy"]["effect"] == "require_approval"
    assert told["policy"]["rules"] == ["prod-migrate"]
    assert told["policy"]["reason"] is None
    assert told["stages"] == [{"name": "dba", "state": "open", "quorum": 1, "approvals": 0, "denials": 0}]
    assert told["reviews"] == []
    assert [told[name] for name in ("decided_at", "grant", "outcome")] == [None] * 3
    assert told["links"] == {
        "self": f"https://assent.example/v1/requests/{told['id']}",
        "page": f"https://assent.example/requests/{told['id']}",
    }


async def test_what_policy_allows_is_created_and_approved_at_once(world: World) -> None:
    answer = await world.agent.ask(DEV)
    assert (answer.status, answer.body["state"]) == (201, "approved")
    assert answer.body["policy"]["effect"] == "allow"
    assert answer.body["decided_at"] == answer.body["created_at"]


async def test_what_policy_denies_is_created_and_denied_with_its_reason(world: World) -> None:
    answer = await world.agent.ask(STAGING)
    assert (answer.status, answer.body["state"]) == (201, "denied")
    assert answer.body["policy"]["reason"] == "Staging is closed"


async def test_an_agent_sees_that_a_grant_exists_and_never_the_grant(world: World) -> None:
    asked, jti = await world.approved()
    shown = await world.agent.get(f"/v1/requests/{asked['id']}")
    assert shown.body["grant"] == {
        "expires_at": "2026-03-02T09:35:00.000Z",
        "redeemed_at": None,
        "revoked_at": None,
    }
    assert jti not in shown.text


async def test_the_same_key_and_body_give_the_same_request(world: World) -> None:
    first = await world.agent.ask(headers={"Idempotency-Key": "k"})
    again = await world.agent.ask(headers={"Idempotency-Key": "k"})
    assert (first.status, again.status) == (202, 200)
    assert again.body == first.body
    assert again.headers["Location"] == first.headers["Location"]


async def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    await world.agent.ask(headers={"Idempotency-Key": "k"})
    answer = await world.agent.ask(BACKUP, headers={"Idempotency-Key": "k"})
    assert (answer.status, answer.slug) == (409, "key-reused")


async def test_another_agents_key_is_another_key(world: World) -> None:
    first = await world.agent.ask(headers={"Idempotency-Key": "k"})
    other = await world.other_agent.ask(headers={"Idempotency-Key": "k"})
    assert other.status == 202
    assert other.body["id"] != first.body["id"]


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
async def test_a_key_that_is_not_visible_ascii_of_255_at_most_is_refused(world: World, key: str) -> None:
    answer = await world.agent.ask(headers={"Idempotency-Key": key})
    assert (answer.status, answer.slug) == (400, "malformed")


async def test_of_two_idempotency_keys_neither_counts(world: World) -> None:
    bearer = ("Authorization", f"Bearer {world.agent.key}")
    said = CIMultiDict([bearer, ("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    async with world.nobody.session.post("/v1/requests", json=PROD, headers=said) as answer:
        assert answer.status == 400
    assert (await world.agent.get("/v1/requests")).body["requests"] == []


async def test_the_longest_key_is_taken(world: World) -> None:
    assert (await world.agent.ask(headers={"Idempotency-Key": "~" * 255})).status == 202


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({**PROD, "approved": True}, "#/approved"),
        ({"action": {"name": 7, "parameters": {}}}, "#/action/name"),
        ({"action": {"name": "db.migrate", "parameters": []}}, "#/action/parameters"),
        ({**PROD, "approve_within": "soon"}, "#/approve_within"),
        ({**PROD, "resource": {"type": "db"}}, "#/resource/id"),
    ],
)
async def test_a_refused_body_is_told_where(world: World, body: Any, pointer: str) -> None:
    answer = await world.agent.ask(body)
    assert (answer.status, answer.slug) == (400, "malformed")
    assert [error["pointer"] for error in answer.body["errors"]] == [pointer]


async def test_a_body_that_is_not_declared_as_json_is_not_read(world: World) -> None:
    path, headers = "/v1/requests", {"Content-Type": "text/plain"}
    answer = await world.agent.call("POST", path, data=b"{}", headers=headers)
    assert (answer.status, answer.slug) == (415, "unsupported-media-type")


async def test_a_charset_beside_the_content_type_is_fine(world: World) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = await world.agent.call(
        "POST", "/v1/requests", data=b'{"action": {"name": "db.backup"}}', headers=headers
    )
    assert answer.status == 202


async def test_a_compressed_body_is_refused(world: World) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await world.agent.call("POST", "/v1/requests", data=b"x", headers=headers)
    assert answer.status in (400, 415)


async def test_a_body_beyond_the_cap_is_refused_whether_it_says_so_or_not(world: World) -> None:
    async def streamed() -> Any:
        for _ in range(5):
            yield b" " * 65_536

    headers = {"Content-Type": "application/json"}
    told = await world.agent.call("POST", "/v1/requests", data=b" " * 262_145, headers=headers)
    untold = await world.agent.call("POST", "/v1/requests", data=streamed(), headers=headers)
    assert [(answer.status, answer.slug) for answer in (told, untold)] == [(413, "too-large")] * 2


async def test_redacted_parameters_are_nowhere_but_in_the_receipt(world: World) -> None:
    secret = "postgres://u:hunter2@db"  # gitleaks:allow
    body = {"action": {"name": "db.migrate", "parameters": {"env": "prod", "dsn": secret}}}
    asked, jti = await world.approved(body)
    texts = [
        (await world.agent.get(f"/v1/requests/{asked['id']}")).text,
        (await world.agent.get("/v1/requests")).text,
        (await world.executor.get("/v1/executions")).text,
        (await world.bo.get("/v1/inbox")).text,
    ]
    assert asked["action"]["parameters"] == {"env": "prod", "dsn": {"redacted": True}}
    assert all("hunter2" not in text for text in texts)
    receipt = await world.executor.post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    assert receipt.body["action"] == body["action"]


async def test_an_agent_sees_its_own_requests_and_no_others(world: World) -> None:
    asked = (await world.agent.ask()).body
    path = f"/v1/requests/{asked['id']}"
    assert (await world.agent.get(path)).body == asked
    foreign = await world.other_agent.get(path)
    unknown = await world.other_agent.get(f"/v1/requests/req_{'0' * 32}")
    nonsense = await world.other_agent.get("/v1/requests/%00")
    for answer in (foreign, unknown, nonsense):
        answer.body.pop("instance")
    assert foreign.status == unknown.status == nonsense.status == 404
    assert foreign.body == unknown.body == nonsense.body


async def test_a_denials_reason_reaches_the_agent_and_the_reviewers_name_does_not(world: World) -> None:
    asked = (await world.agent.ask()).body
    await world.bo.review(asked, "deny", reason="Not on a Monday")
    shown = (await world.agent.get(f"/v1/requests/{asked['id']}")).body
    assert shown["state"] == "denied"
    assert shown["reviews"] == [
        {
            "verdict": "deny",
            "reason": "Not on a Monday",
            "stage": "dba",
            "at": "2026-03-02T09:30:00.000Z",
            "reviewer": None,
        }
    ]
    assert shown["stages"][0]["state"] == "ended"


async def test_the_reviewers_name_reaches_the_agent_where_the_policy_says_so(world: World) -> None:
    asked = (await world.agent.ask(BACKUP)).body
    await world.bo.review(asked)
    shown = (await world.agent.get(f"/v1/requests/{asked['id']}")).body
    assert [review["reviewer"] for review in shown["reviews"]] == ["bo"]
    assert (shown["stages"][0]["approvals"], shown["state"]) == (1, "pending")


async def test_a_pending_request_can_be_cancelled_and_a_decided_one_not(world: World) -> None:
    asked = (await world.agent.ask()).body
    path = f"/v1/requests/{asked['id']}"
    cancelled = await world.agent.call("DELETE", path)
    again = await world.agent.call("DELETE", path)
    assert (cancelled.status, cancelled.body["state"]) == (200, "cancelled")
    assert (again.status, again.slug) == (409, "already-decided")
    assert (await world.other_agent.call("DELETE", path)).status == 404


async def test_requests_are_listed_newest_first_page_by_page(world: World) -> None:
    ids = []
    for _ in range(5):
        ids.append((await world.agent.ask()).body["id"])
        world.clock.advance(microseconds=1)
    await world.other_agent.ask()
    seen, cursor = [], ""
    while True:
        page = (await world.agent.get(f"/v1/requests?limit=2{cursor}")).body
        seen += [request["id"] for request in page["requests"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ids[::-1]


async def test_a_page_that_is_exactly_full_is_the_last(world: World) -> None:
    for _ in range(2):
        await world.agent.ask()
    page = (await world.agent.get("/v1/requests?limit=2")).body
    assert (len(page["requests"]), page["next_cursor"]) == (2, None)


async def test_requests_are_listed_by_state_given_twice_or_with_a_comma(world: World) -> None:
    for body in (PROD, DEV, STAGING):
        await world.agent.ask(body)
    for question, states in {
        "state=pending": {"pending"},
        "state=approved&state=denied": {"approved", "denied"},
        "state=pending,denied": {"pending", "denied"},
    }.items():
        page = (await world.agent.get(f"/v1/requests?{question}")).body
        assert {request["state"] for request in page["requests"]} == states


@pytest.mark.parametrize(
    "question",
    ["limit=0", "limit=101", "limit=x", "state=gone", "cursor=x", "cursor=", "sort=id", "limit=1&limit=2"],
)
async def test_a_question_we_do_not_understand_is_refused(world: World, question: str) -> None:
    answer = await world.agent.get(f"/v1/requests?{question}")
    assert (answer.status, answer.slug) == (400, "malformed")


async def test_a_wait_ends_the_moment_the_request_is_decided(world: World) -> None:
    asked = (await world.agent.ask()).body
    waiting = asyncio.create_task(world.agent.get(f"/v1/requests/{asked['id']}?wait=25"))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await world.bo.review(asked)
    async with asyncio.timeout(2):
        answer = await waiting
    assert (answer.status, answer.body["state"]) == (200, "approved")


async def test_a_wait_on_a_decided_request_is_answered_at_once(world: World) -> None:
    asked = (await world.agent.ask(DEV)).body
    async with asyncio.timeout(2):
        assert (await world.agent.get(f"/v1/requests/{asked['id']}?wait=25")).body["state"] == "approved"


async def test_a_wait_since_a_state_ends_when_it_is_no_longer_that(world: World) -> None:
    asked, jti = await world.approved()
    waiting = asyncio.create_task(world.agent.get(f"/v1/requests/{asked['id']}?wait=25&since=approved"))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await world.executor.post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    async with asyncio.timeout(2):
        assert (await waiting).body["state"] == "released"


async def test_a_preferred_wait_is_applied_and_says_so(world: World) -> None:
    asked = (await world.agent.ask(DEV)).body
    answer = await world.agent.get(
        f"/v1/requests/{asked['id']}", headers={"Prefer": "respond-async, wait=25"}
    )
    assert answer.headers["Preference-Applied"] == "wait=25"


async def test_a_wait_is_capped_at_thirty_seconds(world: World) -> None:
    asked = (await world.agent.ask(DEV)).body
    answer = await world.agent.get(f"/v1/requests/{asked['id']}", headers={"Prefer": "wait=3600"})
    assert answer.headers["Preference-Applied"] == "wait=30"


@pytest.mark.parametrize("seconds", ["31", "9" * 17, "9" * 60])
async def test_the_longest_wait_is_no_fault(world: World, seconds: str) -> None:
    asked = (await world.agent.ask(DEV)).body
    assert (await world.agent.get(f"/v1/requests/{asked['id']}?wait={seconds}")).status == 200


async def test_a_wait_that_nobody_ends_answers_with_how_things_stand(world: World) -> None:
    asked = (await world.agent.ask()).body
    async with asyncio.timeout(5):
        answer = await world.agent.get(f"/v1/requests/{asked['id']}?wait=1")
    assert (answer.status, answer.body["state"]) == (200, "pending")


async def test_a_client_that_leaves_is_no_longer_waited_for(world: World) -> None:
    asked = (await world.agent.ask()).body
    waiting = asyncio.create_task(world.agent.get(f"/v1/requests/{asked['id']}?wait=25"))
    await until(lambda: len(world.polls) == 1)
    waiting.cancel()
    await until(lambda: len(world.polls) == 0)


async def test_a_thousand_who_wait_all_learn_of_the_decision(world: World) -> None:
    asked = (await world.agent.ask()).body
    path = f"/v1/requests/{asked['id']}?wait=25"
    waiting = [asyncio.create_task(world.agent.get(path)) for _ in range(1000)]
    await until(lambda: len(world.polls) == 1000)
    await world.bo.review(asked)
    async with asyncio.timeout(20):
        states = {answer.body["state"] for answer in await asyncio.gather(*waiting)}
    assert states == {"approved"}
    assert len(world.polls) == 0


async def until(true: Callable[[], bool]) -> None:
    """Wait for what soon holds."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 (it happens in the server)
            await asyncio.sleep(0.01)


async def test_shutdown_answers_those_who_wait(world: World) -> None:
    asked = (await world.agent.ask()).body
    waiting = asyncio.create_task(world.agent.get(f"/v1/requests/{asked['id']}?wait=25"))
    await until(lambda: len(world.polls) == 1)
    async with asyncio.timeout(4):
        await world.runner.cleanup()
        answer = await waiting
    assert (answer.status, answer.body["state"]) == (200, "pending")


async def test_an_agent_that_asks_too_fast_is_told_when_to_come_back(world: World) -> None:
    key = await world.parts.admin.add_agent("hasty", PersonName("ana"), [], False, OPERATOR, per_minute=2)
    hasty = Client(world.agent.session, key)
    answers = [await hasty.ask(DEV) for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    assert answers[2].headers["Retry-After"] == "30"
    world.clock.advance(seconds=30)
    assert (await hasty.ask(DEV)).status == 201


async def test_an_agent_with_too_many_pending_requests_must_wait(world: World) -> None:
    key = await world.parts.admin.add_agent("eager", PersonName("ana"), [], False, OPERATOR, pending_max=1)
    eager = Client(world.agent.session, key)
    assert [(await eager.ask()).status for _ in range(2)] == [202, 429]


async def test_what_nobody_can_approve_says_so_and_why(world: World) -> None:
    asked = await world.agent.ask({"action": {"name": "db.restore"}})
    assert (asked.status, asked.body["state"]) == (202, "pending")
    assert asked.body["reason"]
    assert set(asked.body) == SHAPE | {"reason"}
