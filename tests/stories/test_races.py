"""Two replicas on one PostgreSQL, and everybody at once: one decision, the same everywhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from bot.core.terms import PersonName
from tests.fixtures.clock import FakeClock
from tests.fixtures.tables import rows
from tests.world import OPERATOR, AgentFake, Answer, World, a_replica, outcome

Pair = tuple[World, World]
TERMINAL = {"approved", "denied", "cancelled", "expired"}
ENDS = ("request.approved", "request.denied", "request.cancelled", "request.expired")


async def entries(world: World, request: Answer, *kinds: str) -> int:
    named = ", ".join(f"'{kind}'" for kind in kinds)
    query = f"SELECT kind FROM entries WHERE request_id = '{request['id']}' AND kind IN ({named})"
    return len(await rows(world.running.parts.settings.database_url, query))


async def a_request(world: World, number: int = 0) -> Answer:
    return await world.agent.asks("db.migrate", env="prod", sql=f"SELECT {number}", rows=1)


async def four_way_race(one: World, other: World, number: int) -> str:
    """Let approval, denial, cancellation and expiry race through both replicas; return how it ended."""
    request = await a_request(one, number)
    ana, bo = await one.person("ana"), await other.person("bo")
    # The replicas' clocks differ, so to one of them the deadline has come and to the other it has not.
    one.clock.advance(timedelta(minutes=30, milliseconds=-1))
    other.clock.advance(timedelta(minutes=30, milliseconds=number % 3 - 1))
    doors = [
        outcome(ana.approves(request)),
        outcome(bo.denies(request)),
        outcome((one if number % 2 else other).agent.cancels(request)),
        one.running.parts.sweeping.sweep(),
        other.running.parts.sweeping.sweep(),
    ]
    doors = doors[number % 5 :] + doors[: number % 5]
    came = await asyncio.gather(*doors)
    here, there = await asyncio.gather(one.agent.sees(request), other.agent.sees(request))
    assert here == there
    if here["state"] == "pending":  # everybody was too early or too late
        assert "ok" not in came
        other.clock.advance(timedelta(minutes=1))
        await other.running.parts.sweeping.sweep()
        here = await one.agent.sees(request)
    assert here["state"] in TERMINAL
    assert came.count("ok") == (here["state"] != "expired")
    assert await entries(one, request, *ENDS) == 1
    for world in (one, other):  # tokens last twelve hours of a clock that races ahead
        world.people.clear()
    return str(here["state"])


async def race_rounds(one: World, rounds: int) -> Counter[str]:
    """Race so often, on a second replica with its own clock; the log must hold in the end."""
    own = FakeClock(one.clock.now())
    ended: Counter[str] = Counter()
    async with a_replica(one, own) as other:
        for number in range(rounds):
            ended[await four_way_race(one, other, number)] += 1
            latest = max(one.clock.now(), own.now())
            for clock in (one.clock, own):
                clock.advance(latest - clock.now())
        await one.running.parts.auditing.checkpoint()
        assert await one.audit() == await other.audit()
    return ended


async def test_approve_deny_cancel_and_expiry_at_once_end_in_one_state(replicas: Pair) -> None:
    ended = await race_rounds(replicas[0], 50)
    assert ended.total() == 50
    assert len(ended) > 1  # not always the same door


@pytest.mark.soak
async def test_one_terminal_state_in_two_thousand_races(replicas: Pair) -> None:
    assert (await race_rounds(replicas[0], 2000)).total() == 2000


async def test_two_simultaneous_reviews_meet_a_quorum_of_two_exactly_once(replicas: Pair) -> None:
    one, other = replicas
    ana, cy = await one.person("ana"), await other.person("cy")
    for number in range(20):
        request = await one.agent.asks("payments.refund", payment=f"p{number}", cents=1)
        came = list(await asyncio.gather(outcome(ana.approves(request)), outcome(cy.approves(request))))
        assert came == ["ok", "ok"]
        here, there = await asyncio.gather(one.agent.sees(request), other.agent.sees(request))
        assert here == there
        assert (here["state"], here["stages"][0]["approvals"]) == ("approved", 2)
        assert await entries(one, request, "request.approved") == 1
        assert await entries(one, request, "review.given") == 2


async def test_one_person_on_both_replicas_at_once_is_one_review(replicas: Pair) -> None:
    one, other = replicas
    here, there = await one.person("ana"), await other.person("ana")
    for number in range(10):
        request = await one.agent.asks("payments.refund", payment=f"p{number}", cents=1)
        came = await asyncio.gather(outcome(here.approves(request)), outcome(there.approves(request)))
        assert sorted(came) == ["already-reviewed", "ok"]
        assert (await one.agent.sees(request))["stages"][0]["approvals"] == 1


async def test_a_long_poll_on_one_replica_is_answered_by_a_decision_on_the_other(replicas: Pair) -> None:
    one, other = replicas
    bo = await other.person("bo")
    loop = asyncio.get_running_loop()
    for number in range(3):
        request = await a_request(one, number)
        waiting = asyncio.create_task(one.agent.sees(request, wait=20))
        await asyncio.sleep(0.1)
        began = loop.time()
        await bo.approves(request)
        assert (await waiting)["state"] == "approved"
        assert loop.time() - began < 3


async def test_executions_waited_for_on_one_replica_come_from_the_other(replicas: Pair) -> None:
    one, other = replicas
    request = await a_request(one)
    waiting = asyncio.create_task(one.executors["db-runner"].call("GET", "/v1/executions?after=0&wait=20"))
    await asyncio.sleep(0.1)
    await (await other.person("bo")).approves(request)
    async with asyncio.timeout(4):
        [told] = (await waiting)["executions"]
    assert told["data"]["id"] == request["id"]


async def test_one_grant_through_both_replicas_is_redeemed_once(replicas: Pair) -> None:
    one, other = replicas
    ana = await one.person("ana")
    for number in range(5):
        request = await a_request(one, number)
        await ana.approves(request)
        await one.settle()
        told = one.executors["db-runner"].told("request.approved")[-1]
        doors = [w.executors["db-runner"].redeems(told) for w in (one, other) for _ in range(5)]
        came = Counter(await asyncio.gather(*map(outcome, doors)))
        assert came == {"ok": 1, "already-redeemed": 9}
        assert await entries(one, request, "grant.redeemed") == 1


async def test_a_redemption_against_its_revocation_ends_as_one_of_them(replicas: Pair) -> None:
    one, other = replicas
    ana = await one.person("ana")
    for number in range(10):
        request = await a_request(one, number)
        await ana.approves(request)
        await one.settle()
        told = one.executors["db-runner"].told("request.approved")[-1]
        redeeming = outcome(one.executors["db-runner"].redeems(told))
        revoking = other.running.parts.withdrawing.revoke(request["id"], "stop", OPERATOR)
        came, revoked = await asyncio.gather(redeeming, revoking, return_exceptions=True)
        state = (await other.agent.sees(request))["state"]
        assert (came == "ok") == (state == "released")
        assert isinstance(revoked, BaseException) == (state == "released")
        assert await entries(one, request, "grant.redeemed", "grant.revoked") == 1


async def test_one_key_through_both_replicas_makes_one_request(replicas: Pair) -> None:
    one, other = replicas
    for number in range(5):
        ask = {"env": "prod", "sql": f"SELECT {number}"}
        doors = [w.agent.asks("db.migrate", key=f"k{number}", **ask) for w in (one, other) for _ in range(4)]
        assert len({request["id"] for request in await asyncio.gather(*doors)}) == 1
    assert len((await one.agent.call("GET", "/v1/requests"))["requests"]) == 5


async def test_an_allow_limit_is_spent_once_across_replicas(replicas: Pair) -> None:
    one, other = replicas
    doors = [w.agent.asks("db.migrate", env="dev", sql="SELECT 1") for w in (one, other) for _ in range(6)]
    states = Counter(request["state"] for request in await asyncio.gather(*doors))
    assert states == {"approved": 2, "pending": 10}


async def test_both_replicas_sweep_two_hundred_due_rows_and_each_happens_once(replicas: Pair) -> None:
    one, other = replicas
    admin = one.running.parts.admin
    agents = []
    for name in ("flood-1", "flood-2"):
        key = await admin.add_agent(name, PersonName("ed"), [], False, OPERATOR, per_minute=10_000)
        agents.append(AgentFake(one, key))
    for agent in agents:
        for _ in range(10):
            await asyncio.gather(
                *(agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1) for _ in range(10))
            )
    one.clock.advance(timedelta(minutes=30))
    swept = 0
    while done := sum(await asyncio.gather(*(w.running.parts.sweeping.sweep() for w in (one, other) * 2))):
        swept += done
    assert swept == 200
    query = "SELECT request_id FROM entries WHERE kind = 'request.expired'"
    expired = await rows(one.running.parts.settings.database_url, query)
    assert len(expired) == len({row["request_id"] for row in expired}) == 200
    assert await one.running.parts.store.count_pending() == 0


async def test_two_replicas_deliver_each_callback_once(replicas: Pair) -> None:
    one, other = replicas
    ana = await one.person("ana")
    for number in range(40):
        await ana.approves(await a_request(one, number))
    await asyncio.gather(one.settle(), other.settle())
    told = [payload["data"]["sequence"] for payload in one.executors["db-runner"].received]
    assert sorted(told) == list(range(1, 41))
    query = "SELECT request_id FROM entries WHERE kind = 'callback.delivered'"
    assert len(await rows(one.running.parts.settings.database_url, query)) == 40
    assert await rows(one.running.parts.settings.database_url, "SELECT id FROM outbox") == []


async def test_the_agents_cap_holds_across_replicas(replicas: Pair) -> None:
    one, other = replicas
    admin = one.running.parts.admin
    key = await admin.add_agent("small", PersonName("ed"), [], False, OPERATOR, pending_max=5)
    agents = [AgentFake(one, key), AgentFake(other, key)]
    doors = [outcome(a.asks("db.migrate", env="prod", sql="SELECT 1")) for a in agents for _ in range(10)]
    assert Counter(await asyncio.gather(*doors)) == {"ok": 5, "too-many": 15}
