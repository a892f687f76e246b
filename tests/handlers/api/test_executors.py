"""Executors redeem, report, and ask what there is to run."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from bot.core import signing
from bot.core.terms import PersonName, RequestId
from handlers.api import shapes
from tests.fixtures.received import received
from tests.handlers.api.world import OPERATOR, PROD, World

SELF = {"action": {"name": "disk.check", "parameters": {}}}
SECRET = {"action": {"name": "db.migrate", "parameters": {"env": "prod", "dsn": "postgres://db"}}}


async def test_an_approved_action_is_released_once_and_the_receipt_has_all_of_it(world: World) -> None:
    asked, jti = await world.approved(
        {**SECRET, "resource": {"type": "database", "id": "orders"}, "context": {"ticket": "OPS-42"}}
    )
    answer = await world.executor.post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    assert answer.status == 200
    assert answer.body == {
        "id": asked["id"],
        "jti": jti,
        "state": "released",
        "executor": "db-runner",
        "subject": {"agent": "deployer", "on_behalf_of": None},
        "action": SECRET["action"],
        "resource": {"type": "database", "id": "orders"},
        "context": {"ticket": "OPS-42"},
        "digest": asked["digest"],
        "policy": asked["policy"],
        "redeemed_at": "2026-03-02T09:30:00.000Z",
        "execute_before": "2026-03-02T09:35:00.000Z",
        "report_before": "2026-03-02T09:45:00.000Z",
        "links": asked["links"],
    }
    again = await world.executor.post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    assert (again.status, again.slug) == (409, "already-redeemed")


async def test_the_action_itself_redeems_with_the_requests_own_subject(world: World) -> None:
    body = {**PROD, "on_behalf_of": "ana", "context": {"b": 1.5, "a": "é"}}
    _, jti = await world.approved(body)
    about = {"context": {"a": "é", "b": 1.5}, "action": body["action"], "resource": None}
    answer = await world.executor.post(f"/v1/grants/{jti}/redeem", about)
    assert (answer.status, answer.body["subject"]["on_behalf_of"]) == (200, "ana")


async def test_another_action_than_the_approved_one_is_refused(world: World) -> None:
    _, jti = await world.approved()
    other = {"action": {"name": "db.migrate", "parameters": {"env": "prod", "sql": "DROP TABLE t"}}}
    answer = await world.executor.post(f"/v1/grants/{jti}/redeem", other)
    assert (answer.status, answer.slug) == (409, "digest-mismatch")


async def test_the_same_key_gets_the_same_receipt_even_after_the_outcome(world: World) -> None:
    asked, jti = await world.approved()
    path, body = f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]}
    key = {"Idempotency-Key": "run-1"}
    first = await world.executor.post(path, body, headers=key)
    world.clock.advance(minutes=1)
    await world.executor.post(f"/v1/requests/{asked['id']}/outcome", {"status": "succeeded"})
    again = await world.executor.post(path, body, headers=key)
    other = await world.executor.post(path, body, headers={"Idempotency-Key": "run-2"})
    assert (first.status, again.status, other.status) == (200, 200, 409)
    assert again.text == first.text


async def test_of_many_at_once_exactly_one_redeems(world: World) -> None:
    asked, jti = await world.approved()
    body = {"digest": asked["digest"]}
    tries = [world.executor.post(f"/v1/grants/{jti}/redeem", body) for _ in range(20)]
    answers = await asyncio.gather(*tries)
    assert sorted(answer.status for answer in answers) == [200] + [409] * 19


async def test_a_grant_that_was_not_used_in_time_has_lapsed(world: World) -> None:
    asked, jti = await world.approved()
    world.clock.advance(minutes=5)
    answer = await world.executor.post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    assert (answer.status, answer.slug) == (409, "lapsed")


async def test_a_revoked_grant_is_refused(world: World) -> None:
    asked, jti = await world.approved()
    await world.parts.withdrawing.revoke(RequestId(asked["id"]), "changed our mind", OPERATOR)
    answer = await world.executor.post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    assert (answer.status, answer.slug) == (409, "revoked")


async def test_another_executors_grant_does_not_exist(world: World) -> None:
    asked, jti = await world.approved()
    for body in ({"digest": asked["digest"]}, PROD):
        foreign = await world.other_executor.post(f"/v1/grants/{jti}/redeem", body)
        unknown = await world.other_executor.post(f"/v1/grants/{'0' * 32}/redeem", body)
        assert foreign.status == unknown.status == 404
        assert foreign.body["detail"] == unknown.body["detail"]


async def test_a_receipt_is_for_its_own_executor_even_under_the_key_that_redeemed(world: World) -> None:
    asked, jti = await world.approved()
    path, body = f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]}
    key = {"Idempotency-Key": "run-1"}
    assert (await world.executor.post(path, body, headers=key)).status == 200
    foreign = await world.other_executor.post(path, body, headers=key)
    assert (foreign.status, foreign.slug) == (404, "unknown")


@pytest.mark.parametrize(
    "body",
    [{}, {"digest": "0" * 64, **PROD}, {"digest": "short"}, {"resource": None}, [], {**PROD, "subject": {}}],
)
async def test_a_redemption_names_the_action_or_its_digest_and_nothing_else(world: World, body: Any) -> None:
    _, jti = await world.approved()
    answer = await world.executor.post(f"/v1/grants/{jti}/redeem", body)
    assert (answer.status, answer.slug) == (400, "malformed")


async def test_an_outcome_is_reported_once_and_only_after_redemption(world: World) -> None:
    asked, jti = await world.approved()
    path = f"/v1/requests/{asked['id']}/outcome"
    body = {"status": "failed", "note": "Lock timeout", "output_digest": "ab" * 32}
    early = await world.executor.post(path, body)
    await world.executor.post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    foreign = await world.other_executor.post(path, body)
    told = await world.executor.post(path, body)
    again = await world.executor.post(path, body)
    changed = await world.executor.post(path, {"status": "succeeded"})
    assert (early.status, foreign.status, told.status, again.status, changed.status) == (
        409,
        404,
        200,
        200,
        409,
    )
    assert told.body["state"] == "failed"
    assert told.body["outcome"] == {**body, "at": "2026-03-02T09:30:00.000Z"}


@pytest.mark.parametrize("body", [{}, {"status": "released"}, {"status": "failed", "more": 1}])
async def test_an_outcome_is_succeeded_or_failed(world: World, body: Any) -> None:
    answer = await world.executor.post(f"/v1/requests/req_{'0' * 32}/outcome", body)
    assert (answer.status, answer.slug) == (400, "malformed")


async def test_executions_are_the_callbacks_in_sequence_with_the_grant(world: World) -> None:
    asked, jti = await world.approved({**PROD, "context": {"ticket": "OPS-42"}})
    cancelled = (await world.agent.ask()).body
    await world.agent.call("DELETE", f"/v1/requests/{cancelled['id']}")
    answer = await world.executor.get("/v1/executions")
    told = msgspec.convert(answer.body, shapes.ExecutionsShape)
    first, second = told.executions
    assert [first.type, second.type] == ["request.approved", "request.cancelled"]
    assert [first.data.sequence, second.data.sequence, told.next_after] == [1, 2, 2]
    assert (first.data.id, first.data.state, first.data.context) == (
        asked["id"],
        "approved",
        {"ticket": "OPS-42"},
    )
    assert second.data.grant is None
    keys = KeySet.import_key_set((await world.nobody.get("/.well-known/jwks.json")).body)
    assert first.data.grant is not None
    claims = jwt.decode(first.data.grant, keys, algorithms=["Ed25519"]).claims
    assert (claims["jti"], claims["aud"]) == (jti, "db-runner")
    rest = (await world.executor.get("/v1/executions?after=1")).body
    assert [one["data"]["sequence"] for one in rest["executions"]] == [2]


async def test_a_used_grant_is_not_handed_out_again(world: World) -> None:
    asked, jti = await world.approved()
    await world.executor.post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    [told] = (await world.executor.get("/v1/executions")).body["executions"]
    assert (told["data"]["state"], told["data"]["grant"]) == ("released", None)


async def test_waiting_for_executions_ends_with_the_first_one(world: World) -> None:
    waiting = asyncio.create_task(world.executor.get("/v1/executions?wait=25"))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    asked, _ = await world.approved()
    async with asyncio.timeout(2):
        answer = await waiting
    assert [one["data"]["id"] for one in answer.body["executions"]] == [asked["id"]]


async def test_an_executor_sees_only_its_own_executions(world: World) -> None:
    await world.approved()
    assert (await world.other_executor.get("/v1/executions?after=0")).body == {
        "executions": [],
        "next_after": 0,
    }


async def test_an_agent_that_executes_redeems_and_reports_with_the_key_it_asks_with(world: World) -> None:
    key = await world.parts.admin.add_agent("shell", PersonName("ana"), [], True, OPERATOR)
    shell = replace(world.agent, key=key)
    asked = (await shell.ask(SELF)).body
    assert (await world.bo.review(asked)).status == 200
    answer = await shell.get(f"/v1/executions?request={asked['id']}")
    [execution] = answer.body["executions"]
    keys = KeySet.import_key_set((await world.nobody.get("/.well-known/jwks.json")).body)
    jti = jwt.decode(execution["data"]["grant"], keys, algorithms=["Ed25519"]).claims["jti"]
    receipt = await shell.post(f"/v1/grants/{jti}/redeem", SELF)
    assert (receipt.status, receipt.body["executor"]) == (200, "shell")
    told = await shell.post(f"/v1/requests/{asked['id']}/outcome", {"status": "succeeded"})
    assert (told.status, told.body["state"]) == (200, "succeeded")


async def test_an_agent_that_does_not_execute_may_not_use_an_executors_door(world: World) -> None:
    asked, jti = await world.approved()
    answer = await world.agent.post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    assert (answer.status, answer.slug) == (403, "forbidden")


async def test_an_agent_is_not_the_executor_that_only_shares_its_name(world: World) -> None:
    key = await world.parts.admin.add_agent("db-runner", PersonName("ana"), [], False, OPERATOR)
    asked, jti = await world.approved()
    answer = await replace(world.agent, key=key).post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    assert (answer.status, answer.slug) == (403, "forbidden")


async def test_an_agent_that_executes_redeems_no_grant_of_another_executor(world: World) -> None:
    key = await world.parts.admin.add_agent("shell", PersonName("ana"), [], True, OPERATOR)
    asked, jti = await world.approved()
    answer = await replace(world.agent, key=key).post(f"/v1/grants/{jti}/redeem", {"digest": asked["digest"]})
    assert (answer.status, answer.slug) == (404, "unknown")


async def test_executions_of_one_request_leave_the_others_out(world: World) -> None:
    first, _ = await world.approved()
    second, _ = await world.approved()
    for asked in (first, second):
        told = (await world.executor.get(f"/v1/executions?request={asked['id']}")).body
        assert [one["data"]["id"] for one in told["executions"]] == [asked["id"]]
    unknown = await world.executor.get(f"/v1/executions?request=req_{'0' * 32}")
    assert (unknown.status, unknown.body["executions"]) == (200, [])
    foreign = await world.other_executor.get(f"/v1/executions?request={first['id']}")
    assert foreign.body["executions"] == []
    assert (await world.executor.get("/v1/executions?request=nonsense")).status == 400


async def test_a_callbacks_own_signature_is_checked_with_the_keys_that_are_served(world: World) -> None:
    keys, at = world.parts.keys, world.clock.now()
    body = b'{"type":"request.approved","data":{}}'
    attested = keys.attest(signing.content("msg_1", at, body))
    signed = signing.sign("msg_1", at, body, ["whsec_" + "A" * 32], attested)
    served = (await world.nobody.get("/.well-known/webhook-keys.json")).body["keys"]
    assert received(signed, body, at, public_keys=served) == "msg_1"
    keys.rotate()
    again = (await world.nobody.get("/.well-known/webhook-keys.json")).body["keys"]
    assert again[1:] == served  # the key before it verifies for as long as somebody may hold it
