"""What must hold while things go wrong: RELIABILITY's scorecard, where no other story tells it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.app import parts
from bot.core.terms import PersonName
from tests.faults.crowd import Crowd
from tests.faults.harness import Site, a_site
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.tables import rows
from tests.world import OPERATOR, Answer, Refused, World

Pair = tuple[World, World]
ASK: dict[str, Any] = {"env": "prod", "sql": "SELECT 1", "rows": 1}
MANY = 30
DAY = timedelta(hours=12)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)
LATE_MAX = 5.0  # seconds after a deadline, beside the time that a killed server takes to be back


async def outcome(world: World, told: Answer) -> str:
    """Redeem what the executor was told; return what came of it."""
    try:
        await world.executors["db-runner"].redeems(told)
    except Refused as refused:
        return refused.slug
    return "ok"


async def test_every_approval_arrives_through_a_failing_receiver_and_is_redeemed_once(replicas: Pair) -> None:
    one, other = replicas
    runner, ana = one.executors["db-runner"], await one.person("ana")
    asked = [
        await one.agent.asks("db.migrate", **ASK, _body={"context": {"n": number}}) for number in range(MANY)
    ]
    runner.answers[:] = random.Random(4).choices([500, 503, 429, 302, 404], k=2 * MANY)
    await asyncio.gather(*(ana.approves(request) for request in asked))
    for _ in range(24):  # the grants end after five minutes
        await asyncio.gather(one.settle(), other.settle())
        one.clock.advance(timedelta(seconds=10))
    told = {data["id"]: data for data in runner.told("request.approved")}
    assert told.keys() == {request["id"] for request in asked}
    doors = [(world, data) for data in told.values() for world in replicas for _ in range(2)]
    came = await asyncio.gather(*(outcome(world, data) for world, data in doors))
    assert Counter(came) == {"ok": MANY, "already-redeemed": 3 * MANY}


async def test_a_running_request_keeps_the_policy_it_was_made_under(
    small_world: World, tmp_path: Path
) -> None:
    before = small_world.running.parts.policies.current().bundle.digest
    request = await small_world.agent.asks("payments.refund", payment="p1", cents=5)
    await (await small_world.person("cy")).approves(request)
    laxer = BUNDLE.replace("quorum: 2", "quorum: 1").replace("[group:leads, person:ana]", "[person:bo]")
    assert laxer != BUNDLE
    write_policy(tmp_path / "policy", laxer)
    assert await small_world.running.parts.policies.check()
    after = small_world.running.parts.policies.current().bundle.digest
    assert (await small_world.agent.sees(request))["state"] == "pending"  # one of two, as it was asked under
    with pytest.raises(Refused):
        await (await small_world.person("bo")).approves(request)
    await (await small_world.person("di")).approves(request)
    assert (await small_world.agent.sees(request))["state"] == "approved"
    entries = await small_world.running.parts.auditing.story(request["id"])
    assert {fields.get("policy_digest") for _, fields in entries} == {before}
    assert before != after


async def test_a_loop_that_stopped_is_seen_within_seconds_and_no_other_hides_it(small_world: World) -> None:
    loops = small_world.running.loops
    loops.start()
    try:
        async with asyncio.timeout(5):
            while await loops.problem() is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert loops._postman._loop is not None
        loops._postman._loop.cancel()  # whatever ended it
        loops._postman._monotonic = lambda: loops._sweeper._monotonic() + 10.1
        assert await loops.problem() == "delivery went silent"
        async with small_world.http.get(f"{small_world.url}/readyz") as answer:
            assert answer.status == 503
    finally:
        await loops.stop()


@asynccontextmanager
async def disturbed(site: Site, seconds: float) -> AsyncIterator[None]:
    """Kill a server each second while the body waits."""

    async def disturb() -> None:
        while True:
            for replica in site.replicas:
                await asyncio.sleep(seconds)
                await replica.kill()
                await replica.start()

    disturbing = asyncio.create_task(disturb())
    yield
    disturbing.cancel()
    await asyncio.gather(disturbing, return_exceptions=True)


async def test_deadlines_pass_in_time_and_never_early_while_servers_are_killed(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    replicas = 1 if database_url.startswith("sqlite") else 2
    async with a_site(database_url, tmp_path / "site", replicas) as site:
        async with parts(site.settings) as made:
            crowd = await Crowd.like_one_of(made, site.keys.agent)
            begins_at = await made.store.now() + timedelta(seconds=1)
            instants = [begins_at + number * timedelta(seconds=0.25) for number in range(32)]
            for instant in instants:
                await crowd.fill(5, instant)
        async with disturbed(site, 1.0), asyncio.timeout(60):
            while len(ended := await expired(database_url)) < 5 * len(instants):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    late = [(at - expires_at).total_seconds() for expires_at, at in ended]
    assert len(late) == 5 * len(instants)  # each once
    assert min(late) >= 0
    assert max(late) < LATE_MAX + 2 * (replicas == 1)


async def expired(url: str) -> list[tuple[datetime, datetime]]:
    """Return when each expiry was due, and when it was decided."""
    found = await rows(
        url,
        "SELECT requests.expires_at AS due, entries.at AS at FROM entries "
        "JOIN requests ON requests.id = entries.request_id WHERE kind = 'request.expired'",
    )
    return [(instant(row["due"]), instant(row["at"])) for row in found]


def instant(kept: datetime | int) -> datetime:
    """Return an instant as either database keeps it."""
    return kept if isinstance(kept, datetime) else EPOCH + timedelta(microseconds=kept)


async def test_a_server_that_is_read_by_everybody_at_once_stays_ready(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    async with a_site(database_url, tmp_path / "site", 1) as site:
        async with parts(site.settings) as made:
            await (await Crowd.like_one_of(made, site.keys.agent)).fill(500, FAR)
            tokens = [await made.admin.person_token(PersonName("cy"), DAY, OPERATOR)]
        told = await asyncio.wait_for(probed_under_load(site, tokens[0]), 60)
    assert {status for status, _ in told} == {200}, told


async def probed_under_load(site: Site, token: str) -> set[tuple[int, str]]:
    """Ask for the largest pages with sixty hands; return what `/readyz` said meanwhile."""
    [server] = site.replicas
    headers, told = {"Authorization": f"Bearer {token}"}, set[tuple[int, str]]()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as hands:

        async def read() -> None:
            async with http.get(f"{server.url}/v1/inbox?limit=100", headers=headers) as answer:
                await answer.read()

        for _ in range(60):
            hands.create_task(read())
        for _ in range(10):
            async with http.get(f"{server.url}/readyz") as answer:
                told.add((answer.status, await answer.text()))
            await asyncio.sleep(0.05)
    return told
