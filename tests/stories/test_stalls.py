"""One bad row holds up nobody else: it is set aside, told, and tried again until it can be passed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from bot.app.loops import LATE_MAX
from bot.core.terms import SYSTEM, Entry, EntryKind, OutboxKind, Registry, Request, Roster, Send
from bot.ports import Policies, Stall
from bot.services.delivering import LEASE, postman
from bot.services.sweeping import ASIDE, BATCH, LATE
from bot.settings import STALLED_EVERY
from tests.fakes.slack import FakeSlack
from tests.faults.crowd import Crowd
from tests.fixtures.clock import FakeClock
from tests.fixtures.policy import write_policy
from tests.fixtures.tables import execute, rows
from tests.fixtures.workspace import a_world_in, look_at_all
from tests.world import Answer, Refused, World

MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


async def migration(world: World, number: int = 0) -> Answer:
    """Ask for what is due in five minutes: its reminder."""
    context = {"context": {"n": number}}
    return await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1, _body=context)


async def write(world: World, request: Answer, document: bytes) -> bytes:
    """Put other bytes into a request's document; return what stood there."""
    url, which = world.running.parts.settings.database_url, f"WHERE id = '{request['id']}'"
    [row] = await rows(url, f"SELECT document FROM requests {which}")
    kept = f"X'{document.hex()}'" if url.startswith("sqlite") else rf"'\x{document.hex()}'::bytea"
    await execute(url, f"UPDATE requests SET document = {kept} {which}")
    return bytes(row["document"])


async def change(world: World, statement: str) -> None:
    await execute(world.running.parts.settings.database_url, statement)


async def told(world: World, what: str) -> list[Any]:
    """Return the column `kind` of a request's entries, or the `event` of the alerts that wait."""
    query = {
        "stalled": "SELECT request_id AS found FROM entries WHERE kind = 'request.stalled' ORDER BY sequence",
        "alerts": "SELECT event AS found FROM outbox WHERE kind = 'alert' ORDER BY id",
    }[what]
    return [row["found"] for row in await rows(world.running.parts.settings.database_url, query)]


async def ready(world: World) -> tuple[int, dict[str, str]]:
    """Return the status of `/readyz`, and what it tells beside its checks."""
    async with world.http.get(f"{world.url}/readyz") as answer:
        others = (await answer.json())["others"]
    return answer.status, {name: problem for name, problem in others.items() if problem}


async def reading(world: World, name: str) -> str:
    """Return one of the readings of `/metrics`."""
    async with world.http.get(f"{world.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    [line] = [one for one in lines if f'name="{name}"' in one]
    return line.rpartition(" ")[2]


async def state(world: World, request: Answer) -> str:
    return str((await world.agent.sees(request))["state"])


@pytest.mark.parametrize("document", [b"", b"{}", b'{"id": "\xff"}', b"[" * 100_000, b"null"])
async def test_a_request_that_cannot_be_read_stops_no_sweep(world: World, document: bytes) -> None:
    bad, good = await migration(world), await migration(world, 1)
    before = await write(world, bad, document)
    world.clock.advance(timedelta(minutes=30))
    assert await world.running.parts.sweeping.sweep() == 1
    assert await state(world, good) == "expired"
    assert await told(world, "stalled") == [bad["id"]]
    with pytest.raises(Refused) as unread:
        await world.agent.sees(bad)
    assert (unread.value.status, unread.value.slug) == (503, "unreadable")
    await write(world, bad, before)
    world.clock.advance(ASIDE)
    assert await world.running.parts.sweeping.sweep() == 1
    assert await state(world, bad) == "expired"
    await world.audit()


async def test_what_cannot_be_passed_is_told_once_and_takes_no_replica_out(world: World) -> None:
    bad = await migration(world)
    before = await write(world, bad, b"{}")
    world.clock.advance(timedelta(minutes=30))
    store, sweeping = world.running.parts.store, world.running.parts.sweeping
    alerts = []
    for _ in range(10):  # five minutes in which nothing else is due
        assert await sweeping.sweep() == 0
        due_at = await store.next_tick()
        assert due_at == world.clock.now() + ASIDE  # so nobody asks for it all the time
        alerts += await told(world, "alerts")
        while await world.running.delivering.deliver():
            await world.running.delivering.settle()
        assert await ready(world) == (200, {"deadlines": "1 deadlines cannot be passed; the log says why"})
        world.clock.advance(ASIDE)
    assert await reading(world, "stalled") == "1.0"
    assert await told(world, "stalled") == [bad["id"]]
    assert alerts == ["stalled"]
    await write(world, bad, before)
    assert await sweeping.sweep() == 1
    assert await ready(world) == (200, {})
    assert await reading(world, "stalled") == "0.0"


async def test_more_bad_rows_than_a_sweep_takes_hide_nothing_behind_them(world: World) -> None:
    made, good = world.running.parts, await migration(world)
    crowd = await Crowd.like_one_of(made, world.agent.key)
    await crowd.fill(2 * BATCH, world.clock.now() + timedelta(minutes=1))
    await change(world, f"UPDATE requests SET document = substr(document, 2) WHERE id <> '{good['id']}'")
    world.clock.advance(timedelta(minutes=30))
    for _ in range(3):
        await made.sweeping.sweep()
    assert await state(world, good) == "expired"
    assert await made.store.stalled() == 2 * BATCH + 1  # and the one that the crowd is like
    assert await told(world, "alerts") == ["stalled"]  # of one cause once an hour


async def test_a_request_that_fails_in_us_waits_aside_until_it_does_not(world: World) -> None:
    bad, good = await migration(world), await migration(world, 1)
    before = await write(world, bad, b"{}")
    broken = json.loads(before) | {"escalated": -9}
    await write(world, bad, json.dumps(broken).encode())
    world.clock.advance(timedelta(minutes=10))
    assert await world.running.parts.sweeping.sweep() == 1
    assert await told(world, "stalled") == [bad["id"]]
    assert await state(world, good) == "pending"
    await write(world, bad, before)
    world.clock.advance(ASIDE - MOMENT)
    assert await world.running.parts.sweeping.sweep() == 0
    world.clock.advance(MOMENT)
    assert await world.running.parts.sweeping.sweep() == 1
    assert await world.running.parts.store.stalled() == 0


async def test_a_stuck_deadline_among_others_that_move_is_found(world: World) -> None:
    bad = await migration(world)
    await change(world, f"UPDATE requests SET version = 9 WHERE id = '{bad['id']}'")
    made = world.running.parts
    world.clock.advance(timedelta(minutes=5))
    for number in range(1, 4):  # to each sweep it looks as if another one had just been there
        await migration(world, number)
        assert await made.sweeping.sweep() == 0
        assert await made.sweeping.find_stalled() == 0
        world.clock.advance(LATE / 4)
    world.clock.advance(LATE / 4 - MOMENT)
    assert await made.sweeping.find_stalled() == 0
    world.clock.advance(MOMENT)
    assert await made.sweeping.find_stalled() == 1
    assert await told(world, "stalled") == [bad["id"]]
    assert await told(world, "alerts") == ["stalled"]
    await change(world, f"UPDATE requests SET version = 1 WHERE id = '{bad['id']}'")
    world.clock.advance(ASIDE)
    assert await made.sweeping.sweep() == 1
    assert await made.store.stalled() == 0


async def test_what_is_only_late_is_passed_and_never_set_aside(replicas: tuple[World, World]) -> None:
    one, other = replicas
    crowd = await Crowd.like_one_of(one.running.parts, one.agent.key)
    await crowd.fill(150, one.clock.now() + timedelta(minutes=1))
    one.clock.advance(HOUR)  # nobody was there
    sweepers = [world.running.parts.sweeping for world in replicas]
    for _ in range(3):
        rings = [ring() for each in sweepers for ring in (each.sweep, each.find_stalled)]
        await asyncio.gather(*rings)
    assert await told(other, "stalled") == []
    assert await one.running.parts.store.count_pending() == 0


class Meddling:
    """Somebody comments while a sweep asks who is who: the row changes, and is as due as before."""

    def __init__(self, world: World, request: Answer) -> None:
        self._world, self._request = world, request
        self.asked = 0

    async def roster(self, request: Request, registry: Registry) -> Roster:
        self.asked += 1
        if self.asked == 1:
            await (await self._world.person("ana")).reviews(self._request, "comment", "a moment")
        return await self._world.running.parts.policies.roster(request, registry)


async def test_who_loses_a_race_once_is_not_stuck(small_world: World) -> None:
    request = await migration(small_world)
    small_world.clock.advance(timedelta(minutes=5) + LATE)
    meddling = Meddling(small_world, request)
    sweeping = replace(small_world.running.parts.sweeping, policies=cast("Policies", meddling))
    assert await sweeping.find_stalled() == 0
    assert meddling.asked == 2
    assert await told(small_world, "stalled") == []


async def test_what_somebody_moved_meanwhile_is_not_set_aside(world: World) -> None:
    await migration(world)
    world.clock.advance(timedelta(minutes=5))
    store, now = world.running.parts.store, world.clock.now()
    [due] = await store.due(now, BATCH)
    assert await world.running.parts.sweeping.sweep() == 1
    moved_to = await store.next_tick()
    stall = Stall(
        due, Entry(EntryKind.STALLED, now, SYSTEM), Send(OutboxKind.ALERT, "admins", now, "stalled")
    )
    assert await store.set_aside([stall], now + ASIDE, now) == []
    assert await store.next_tick() == moved_to
    assert (await store.stalled(), await told(world, "stalled")) == (0, [])


async def test_a_deadline_that_was_set_aside_still_decides_at_the_click(world: World) -> None:
    request = await migration(world)
    await change(world, f"UPDATE requests SET version = 9 WHERE id = '{request['id']}'")
    world.clock.advance(timedelta(minutes=29, seconds=50))
    await world.running.parts.sweeping.find_stalled()
    await change(world, f"UPDATE requests SET version = 1 WHERE id = '{request['id']}'")
    world.clock.advance(timedelta(seconds=10))  # its end, and no sweep comes for half a minute
    with pytest.raises(Refused) as late:
        await (await world.person("ana")).approves(request)
    assert late.value.slug == "too-late"


async def test_an_inbox_shows_the_others_beside_one_that_cannot_be_read(world: World) -> None:
    bad, good = await migration(world), await migration(world, 1)
    await write(world, bad, b"{}")
    ana = await world.person("ana")
    assert [one["id"] for one in await ana.inbox()] == [good["id"]]
    with pytest.raises(Refused) as unread:
        await ana.approves(bad)
    assert unread.value.slug == "unreadable"


# ── what is to be sent ───────────────────────────────────────────────────────────────────────────


async def test_a_callback_about_what_cannot_be_read_is_told_waits_and_arrives(world: World) -> None:
    bad, good = await migration(world), await migration(world, 1)
    for request in (bad, good):
        await (await world.person("ana")).approves(request)
    before = await write(world, bad, b"{}")
    await world.running.delivering.deliver()
    await world.running.delivering.settle()
    runner = world.executors["db-runner"]
    assert [one["id"] for one in runner.told("request.approved")] == [good["id"]]
    assert await told(world, "alerts") == ["unreadable"]
    [waits] = await rows(
        world.running.parts.settings.database_url, "SELECT token, problem FROM outbox WHERE kind = 'tell'"
    )
    assert waits["token"] is None  # put off by the table, not only until its lease ends
    await write(world, bad, before)
    await world.advance(seconds=10)
    assert len(runner.told("request.approved")) == 2


async def test_a_message_of_a_kind_that_only_a_newer_version_knows_stops_no_other(world: World) -> None:
    request = await migration(world)
    await (await world.person("ana")).approves(request)
    await change(world, "UPDATE outbox SET kind = 'fax' WHERE kind = 'show'")
    await world.running.delivering.deliver()
    await world.running.delivering.settle()
    assert world.executors["db-runner"].told("request.approved")
    assert "unknown: fax" in await told(world, "alerts")
    left = "SELECT kind, token, attempts FROM outbox WHERE kind = 'fax'"
    [waits] = await rows(world.running.parts.settings.database_url, left)
    assert (waits["token"], waits["attempts"]) == (None, 0)
    assert await world.running.parts.store.next_send() is not None
    await change(world, "UPDATE outbox SET kind = 'show'")  # a newer version takes it
    world.clock.advance(LEASE)
    await world.settle()
    assert await rows(world.running.parts.settings.database_url, "SELECT id FROM outbox") == []


async def test_a_message_that_nobody_came_back_for_is_told_until_it_is_taken_again(world: World) -> None:
    request = await migration(world)
    await (await world.person("ana")).approves(request)
    await world.running.parts.store.claim(world.clock.now(), 100, LEASE, {})  # and then it is killed
    world.clock.advance(LEASE + timedelta(minutes=1))
    assert await reading(world, "stranded") == "0.0"
    world.clock.advance(MOMENT)
    assert float(await reading(world, "stranded")) >= 1
    assert "were taken and never sent" in (await ready(world))[1]["messages"]
    await world.settle()
    assert await ready(world) == (200, {})


async def test_a_send_that_hangs_for_ever_keeps_its_place_for_a_lease(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postman, "LEASE", timedelta(seconds=0.2))
    delivering = small_world.running.delivering
    never = replace(delivering, outside=replace(delivering.outside, caller=Silent()))
    await (await small_world.person("ana")).approves(await migration(small_world))
    await never.deliver()
    await asyncio.wait_for(never.settle(), 5)
    small_world.clock.advance(timedelta(seconds=3))
    await small_world.settle()
    assert small_world.executors["db-runner"].told("request.approved")


class Silent:
    """An executor's address that takes a call and never ends it."""

    async def call(self, *_: object) -> None:
        await asyncio.Event().wait()


async def test_the_look_for_what_does_not_move_rings_beside_the_sweep(small_world: World) -> None:
    loops = small_world.running.loops
    loops.start()
    try:
        job = loops._postman._scheduler.get_job("stalled")
        assert job.trigger.interval == STALLED_EVERY
        assert LATE + STALLED_EVERY < LATE_MAX  # before `/readyz` calls it a stall of this replica
    finally:
        await loops.stop()


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    """A workspace with #ops."""
    fake = FakeSlack(FakeClock().now)
    await fake.start()
    fake.add_channel("#ops")
    yield fake
    look_at_all(fake)
    await fake.stop()


async def test_an_admin_reads_which_request_it_is(sqlite_url: str, tmp_path: Path, slack: FakeSlack) -> None:
    async with a_world_in(slack, sqlite_url, tmp_path, write_policy(tmp_path / "policy")) as world:
        bad = await migration(world)
        await world.settle()
        await write(world, bad, b"{}")
        await world.advance(minutes=5)
        lines = [message.text for chat in slack.state.conversations.values() for message in chat.messages]
        [line] = [one for one in lines if one and bad["id"] in one and "cannot be read" in one]
        assert (
            line
            == f"{bad['id']} cannot be read by this version: it is not shown, sent or decided until it can."
        )
        look_at_all(slack)
