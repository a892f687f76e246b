"""An agent asks, people decide, the executor runs it once."""

from __future__ import annotations

import asyncio

import pytest

from tests.world import OPERATOR, Refused, World


async def test_an_approved_action_runs_exactly_once_and_its_outcome_is_known(world: World) -> None:
    request = await world.agent.asks(
        "db.migrate", env="prod", sql="ALTER TABLE orders ADD note text", rows=12
    )
    assert request["state"] == "pending"
    waiting = asyncio.create_task(world.agent.sees(request, wait=20))
    ana = await world.person("ana")
    assert [r["id"] for r in await ana.inbox()] == [request["id"]]
    approved = await ana.approves(request)
    assert approved["state"] == "approved"
    assert (await waiting)["state"] == "approved"
    await world.settle()
    runner = world.executors["db-runner"]
    [told] = runner.told("request.approved")
    receipt = await runner.redeems(told)
    assert receipt["action"]["parameters"]["sql"] == "ALTER TABLE orders ADD note text"
    with pytest.raises(Refused) as again:
        await runner.redeems(told)
    assert again.value.slug == "already-redeemed"
    await runner.reports(request["id"], "succeeded", "1 table altered")
    seen = await world.agent.sees(request)
    assert (seen["state"], seen["outcome"]["note"]) == ("succeeded", "1 table altered")
    assert await world.audit() > 6


async def test_a_denied_action_never_gets_a_grant_and_the_agent_learns_why(world: World) -> None:
    request = await world.agent.asks("db.migrate", env="prod", sql="DROP TABLE orders")
    bo = await world.person("bo")
    with pytest.raises(Refused) as wordless:
        await bo.denies(request, "")
    assert wordless.value.slug == "reason-missing"
    await bo.denies(request, "we still need it")
    seen = await world.agent.sees(request)
    assert (seen["state"], seen["grant"]) == ("denied", None)
    assert [review["reason"] for review in seen["reviews"]] == ["we still need it"]
    await world.settle()
    assert not world.executors["db-runner"].told("request.approved")
    assert len(world.executors["db-runner"].told("request.denied")) == 1


async def test_policy_allows_at_once_until_its_limit_is_spent(world: World) -> None:
    states = [(await world.agent.asks("db.migrate", env="dev", sql="SELECT 1"))["state"] for _ in range(3)]
    assert states == ["approved", "approved", "pending"]


async def test_policy_denies_at_once_and_says_why(world: World) -> None:
    request = await world.agent.asks("db.migrate", env="staging", sql="SELECT 1")
    assert (request["state"], request["policy"]["reason"]) == ("denied", "Staging is being rebuilt")


async def test_two_stages_want_two_people(world: World) -> None:
    request = await world.agent.asks("db.migrate", env="prod", sql="UPDATE orders SET x=1", rows=200_000)
    cy, di = await world.person("cy"), await world.person("di")
    assert (await cy.approves(request))["state"] == "pending"
    with pytest.raises(Refused) as twice:  # cy is a lead too, but one person counts in one stage
        await cy.approves(request)
    assert twice.value.slug == "already-reviewed"
    assert (await di.approves(request))["state"] == "approved"


async def test_nobody_answers_so_people_are_reminded_added_and_it_expires(world: World) -> None:
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1)
    di = await world.person("di")
    assert await di.inbox() == []
    await world.advance(minutes=10)
    assert [r["id"] for r in await di.inbox()] == [request["id"]]
    await world.advance(minutes=20)
    seen = await world.agent.sees(request)
    assert seen["state"] == "expired"
    with pytest.raises(Refused) as late:
        await di.approves(request)
    assert late.value.slug == "too-late"
    assert len(world.executors["db-runner"].told("request.expired")) == 1


async def test_an_approval_nobody_redeems_lapses(world: World) -> None:
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1)
    await (await world.person("ana")).approves(request)
    await world.settle()
    runner = world.executors["db-runner"]
    [told] = runner.told("request.approved")
    await world.advance(minutes=5)
    assert (await world.agent.sees(request))["state"] == "lapsed"
    with pytest.raises(Refused) as late:
        await runner.redeems(told)
    assert late.value.slug == "lapsed"


async def test_the_agents_owner_and_the_person_it_acts_for_may_not_review(world: World) -> None:
    body = {"on_behalf_of": "bo"}
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1, _body=body)
    with pytest.raises(Refused) as own:
        await (await world.person("bo")).approves(request)
    assert own.value.slug == "own-request"
    assert (await world.agent.sees(request))["state"] == "pending"


async def test_an_approval_that_was_revoked_before_it_could_be_told_is_told_no_more(world: World) -> None:
    runner = world.executors["db-runner"]
    runner.answers[:] = [503]
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1)
    await (await world.person("ana")).approves(request)
    await world.settle()
    assert runner.answers == []  # the first try failed; the next is due in some seconds
    await world.running.parts.withdrawing.revoke(request["id"], "the wrong database", OPERATOR)
    await world.advance(minutes=1)
    assert runner.told("request.approved") == []
    assert len(runner.told("request.revoked")) == 1
