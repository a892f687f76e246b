"""Time jumps, sweeps are late, the world stands still over a deadline: it holds, and fires once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app import built
from bot.services.delivering import LEASE
from tests.fixtures.clock import FakeClock
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.tables import rows
from tests.world import Answer, Refused, World, a_replica, a_world

ASK: dict[str, Any] = {"env": "prod", "sql": "SELECT 1", "rows": 1}
DAY = timedelta(days=1)


async def kinds(world: World, request: Answer) -> list[str]:
    """Return what the log tells of a request, in its order."""
    query = f"SELECT kind FROM entries WHERE request_id = '{request['id']}' ORDER BY sequence"
    return [str(row["kind"]) for row in await rows(world.running.parts.settings.database_url, query)]


async def told_kinds(world: World) -> list[str]:
    return [payload["type"] for payload in world.executors["db-runner"].received]


async def test_a_day_that_passes_at_once_settles_everything_due_exactly_once(world: World) -> None:
    ana = await world.person("ana")
    waiting = await world.agent.asks("db.migrate", **ASK)
    approved = await world.agent.asks("db.migrate", **ASK, _body={"context": {"n": 1}})
    await ana.approves(approved)
    running = await world.agent.asks("db.migrate", **ASK, _body={"context": {"n": 2}})
    await ana.approves(running)
    await world.settle()
    runner = world.executors["db-runner"]
    await runner.redeems(next(t for t in runner.told("request.approved") if t["id"] == running["id"]))
    world.clock.advance(DAY)
    await asyncio.gather(*(world.running.parts.sweeping.sweep() for _ in range(3)))
    await world.settle()
    states = [(await world.agent.sees(one))["state"] for one in (waiting, approved, running)]
    assert states == ["expired", "lapsed", "unreported"]
    for request, end in (
        (waiting, "request.expired"),
        (approved, "grant.lapsed"),
        (running, "outcome.overdue"),
    ):
        assert (await kinds(world, request)).count(end) == 1
    assert sorted(await told_kinds(world)) == sorted(
        ["request.approved", "request.approved", "request.expired", "request.lapsed"]
    )
    world.clock.advance(DAY)
    await world.settle()
    assert await rows(world.running.parts.settings.database_url, "SELECT id FROM outbox") == []


async def test_a_late_sweep_fires_reminder_and_escalation_in_their_order_before_anything_else(
    small_world: World,
) -> None:
    request = await small_world.agent.asks("db.migrate", **ASK)
    small_world.clock.advance(timedelta(minutes=29))  # past both escalations, before the end
    await small_world.settle()
    told = await kinds(small_world, request)
    assert told.count("request.escalated") == 2
    assert (await small_world.agent.sees(request))["state"] == "pending"
    assert await (await small_world.person("di")).inbox()
    small_world.clock.advance(timedelta(minutes=1))
    await small_world.settle()
    assert (await kinds(small_world, request))[-2:] == ["request.expired", "callback.delivered"]


@pytest.mark.parametrize("verdict", ["approve", "deny"])
async def test_a_click_after_the_deadline_is_too_late_though_the_sweep_is_an_hour_late(
    world: World, verdict: str
) -> None:
    request = await world.agent.asks("db.migrate", **ASK)
    world.clock.advance(timedelta(minutes=30) + timedelta(hours=1))
    with pytest.raises(Refused) as late:
        await (await world.person("ana")).reviews(request, verdict, "because")
    assert late.value.slug == "too-late"
    with pytest.raises(Refused) as withdrawn:
        await world.agent.cancels(request)
    assert withdrawn.value.slug == "too-late"
    assert await world.running.parts.sweeping.sweep() == 1
    assert (await world.agent.sees(request))["state"] == "expired"


@pytest.mark.parametrize(
    ("early", "slug"),
    [(timedelta(microseconds=1), None), (timedelta(0), "too-late"), (timedelta(microseconds=-1), "too-late")],
)
async def test_the_deadline_is_an_instant_and_not_when_somebody_looked(
    small_world: World, early: timedelta, slug: str | None
) -> None:
    request = await small_world.agent.asks("db.migrate", **ASK)
    ana = await small_world.person("ana")
    small_world.clock.advance(timedelta(minutes=30) - early)
    if slug is None:
        assert (await ana.approves(request))["state"] == "approved"
        return
    with pytest.raises(Refused) as late:
        await ana.approves(request)
    assert late.value.slug == slug


@dataclass
class SlowSlack:
    """Says that ana is in every user group, and takes its time."""

    clock: FakeClock
    takes: timedelta = timedelta(0)

    async def members(self, _usergroup: str) -> frozenset[str]:
        self.clock.advance(self.takes)
        return frozenset({"T0ASSENT/U0ANA"})


async def test_a_group_that_answers_after_the_deadline_lets_no_click_from_before_it_through(
    small_world: World,
) -> None:
    parts, clock = small_world.running.parts, small_world.clock
    slack = parts.policies.usergroups = SlowSlack(clock)
    bundle = BUNDLE.replace("dba: {members: [ana, bo, cy]}", "dba: {slack_usergroup: S0DBA}")
    write_policy(Path(parts.settings.policy), bundle)
    await parts.policies.check()
    request = await small_world.agent.asks("db.migrate", **ASK)
    ana = await small_world.person("ana")
    clock.advance(timedelta(minutes=29, seconds=59))
    slack.takes = timedelta(seconds=1)
    with pytest.raises(Refused) as late:
        await ana.approves(request)
    assert late.value.slug == "too-late"


async def test_a_sweep_never_fires_early(small_world: World) -> None:
    request = await small_world.agent.asks("db.migrate", **ASK)
    small_world.clock.advance(timedelta(minutes=5, microseconds=-1))
    assert await small_world.running.parts.sweeping.sweep() == 0
    small_world.clock.advance(timedelta(microseconds=1))
    assert await small_world.running.parts.sweeping.sweep() == 1
    assert (await kinds(small_world, request)).count("request.escalated") == 1


async def test_a_clock_set_back_brings_nothing_back(small_world: World) -> None:
    request = await small_world.agent.asks("db.migrate", **ASK)
    await small_world.advance(minutes=30)
    small_world.clock.advance(-timedelta(hours=1))
    assert await small_world.running.parts.sweeping.sweep() == 0
    with pytest.raises(Refused) as ended:
        await (await small_world.person("ana")).approves(request)
    assert ended.value.slug == "too-late"


async def test_what_fell_due_while_nothing_ran_happens_at_the_start(
    database_url: str, tmp_path: Path
) -> None:
    async with a_world(database_url, tmp_path, write_policy(tmp_path / "policy")) as world:
        request = await world.agent.asks("db.migrate", **ASK)
        approved = await world.agent.asks("db.migrate", **ASK, _body={"context": {"n": 1}})
        await (await world.person("ana")).approves(approved)
        options, clock = world.running.parts.settings, world.clock
    later = FakeClock(clock.now() + timedelta(minutes=30))
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(built(options, clock=later))
        running.loops.start()
        stack.push_async_callback(running.loops.stop)
        async with asyncio.timeout(3):  # at once, not when the safety net rings
            while (await running.parts.store.get(request["id"])).state != "expired":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (await running.parts.store.get(approved["id"])).state == "lapsed"
        held = await running.parts.store.get(request["id"])
        assert held.decided_at == later.now()


async def test_two_processes_that_ring_at_once_do_no_harm(replicas: tuple[World, World]) -> None:
    one, other = replicas
    asked = [await one.agent.asks("db.migrate", **ASK, _body={"context": {"n": n}}) for n in range(20)]
    one.clock.advance(timedelta(minutes=30))
    for world in replicas:
        world.running.loops.start()
    try:
        async with asyncio.timeout(20):
            while await one.running.parts.store.count_pending():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            while len(one.executors["db-runner"].received) < 20:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        for world in replicas:
            await world.running.loops.stop()
    for request in asked:
        assert (await kinds(other, request)).count("request.expired") == 1
    told = one.executors["db-runner"].told("request.expired")
    assert sorted(one["sequence"] for one in told) == list(range(1, 21))


async def test_a_replica_whose_clock_is_ahead_by_seconds_decides_nothing_of_ours_early(
    replicas: tuple[World, World],
) -> None:
    """In production both follow the database's clock; this is what is left when they differ all the same."""
    one, _ = replicas
    async with a_replica(one, FakeClock(one.clock.now() + timedelta(seconds=2))) as ahead:
        request = await one.agent.asks("db.migrate", **ASK)
        ahead.clock.advance(timedelta(minutes=30, seconds=-3))
        assert await ahead.running.parts.sweeping.sweep() == 1  # the escalations, not the end
        assert (await one.agent.sees(request))["state"] == "pending"


async def test_what_a_killed_process_was_sending_is_sent_by_another_after_its_lease(world: World) -> None:
    request = await world.agent.asks("db.migrate", **ASK)
    await (await world.person("ana")).approves(request)
    store = world.running.parts.store
    claimed = await store.claim(world.clock.now(), 10, LEASE, {})  # and then it is killed
    assert "executor:db-runner" in [row.send.address for row in claimed]
    await world.settle()
    assert await told_kinds(world) == []
    world.clock.advance(LEASE - timedelta(microseconds=1))
    await world.settle()
    assert await told_kinds(world) == []
    world.clock.advance(timedelta(microseconds=1))
    await world.settle()
    assert await told_kinds(world) == ["request.approved"]


async def test_a_receiver_that_fails_is_called_again_until_the_grant_is_of_no_use(world: World) -> None:
    runner = world.executors["db-runner"]
    runner.answers = [503, 500, 429]
    request = await world.agent.asks("db.migrate", **ASK)
    await (await world.person("ana")).approves(request)
    await world.settle()
    assert runner.received == []
    for _ in range(12):
        world.clock.advance(timedelta(seconds=10))
        await world.settle()
    [told] = runner.told("request.approved")
    assert (await runner.redeems(told))["id"] == request["id"]


async def test_after_the_grants_end_the_executor_is_told_of_its_lapse_instead(world: World) -> None:
    runner = world.executors["db-runner"]
    runner.answers = [503] * 100
    request = await world.agent.asks("db.migrate", **ASK)
    await (await world.person("ana")).approves(request)
    for _ in range(6):
        world.clock.advance(timedelta(minutes=1))
        await world.settle()
    runner.answers = []
    for _ in range(6):
        world.clock.advance(timedelta(minutes=10))
        await world.settle()
    assert await told_kinds(world) == ["request.lapsed"]
    [letter] = await world.running.parts.store.letters(10)
    assert letter.request_id == request["id"]


async def told_by_readyz(world: World) -> tuple[int, str | None]:
    """Return the status of `/readyz`, and what it says of the loops."""
    async with world.http.get(f"{world.url}/readyz") as answer:
        return answer.status, (await answer.json())["checks"]["loops"]


async def test_a_minute_in_which_nothing_due_is_done_takes_the_replica_out_until_it_is(world: World) -> None:
    await world.agent.asks("db.migrate", **ASK)
    await world.settle()
    world.clock.advance(timedelta(minutes=5, seconds=60))  # an escalation is due, and nobody sweeps
    assert await told_by_readyz(world) == (200, None)
    world.clock.advance(timedelta(seconds=1))
    assert await told_by_readyz(world) == (503, "a deadline is due, and none was done for 0:01:01")
    await world.running.parts.sweeping.sweep()
    status, told = await told_by_readyz(world)
    assert (status, told) == (200, None)  # what the escalation says is due, though only just
    world.clock.advance(timedelta(seconds=61))
    assert await told_by_readyz(world) == (503, "a message is due, and none was done for 0:01:01")
    world.running.loops.start()
    async with asyncio.timeout(5):
        while await told_by_readyz(world) != (200, None):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await world.running.loops.stop()
