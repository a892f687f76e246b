"""A replica loses its way to the database and does not know; the others go on."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import Connection

from bot.app import parts
from storage.store import open_store
from tests.faults.crowd import Crowd
from tests.faults.database import a_mortal_postgres
from tests.faults.harness import UNCLEAR, Replica, Site, a_site
from tests.faults.wire import Wire, a_wire
from tests.fixtures.postgres import Postgres
from tests.fixtures.tables import rows
from tests.storage.values import salt
from tests.stories.test_reliability import expired

LIMITS = {
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "10s",
    "statement_timeout": "12s",
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "8000",  # milliseconds, as the kernel says them
}
LOCK = b"FROM log_head FOR UPDATE"  # the words with which a writer takes the log's lock
STOPPED_MAX = 15.0  # seconds that a replica which is cut off may stop the others
SPAN = 12  # seconds over which deadlines fall, from before the cut to after its end
EACH = 2  # deadlines a second
IN_HAND = "SELECT count(*) AS held FROM pg_stat_activity WHERE state = 'idle in transaction'"


async def limits(url: str) -> dict[str, str]:
    """Return what the server says of a connection of ours."""

    def shown(connection: Connection) -> dict[str, str]:
        return {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in LIMITS}

    store = await open_store(url, salt=salt)
    try:
        written = await store._database.write(shown)
        assert await store._database.read(shown) == written
    finally:
        await store.close()
    return written


async def asks(site: Site, replica: Replica, key: str) -> str:
    """Ask one replica until it answers; return the request's id."""
    body = {"action": {"name": "db.migrate", "parameters": {"env": "prod", "sql": key, "rows": 1}}}
    headers = {"Authorization": f"Bearer {site.keys.agent}", "Idempotency-Key": key}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        while True:
            with suppress(*UNCLEAR):
                async with http.post(f"{replica.url}/v1/requests", json=body, headers=headers) as answer:
                    told: Mapping[str, Any] = await answer.json()
                    assert answer.status in (200, 202, 503), told
                    if answer.status != 503:
                        return str(told["id"])
            await asyncio.sleep(0.05)


async def readiness(replica: Replica) -> int:
    """Return the status of `/readyz`."""
    async with aiohttp.ClientSession() as http, http.get(f"{replica.url}/readyz") as answer:
        return answer.status


async def fill(site: Site) -> None:
    """Have deadlines fall from now on."""
    async with parts(site.settings) as made:
        crowd = await Crowd.like_one_of(made, site.keys.agent)
        now = await made.store.now()
        for number in range(SPAN * EACH):
            await crowd.fill(1, now + timedelta(seconds=1 + number / EACH))


async def cut_in_hand(site: Site, wire: Wire, victim: Replica) -> asyncio.Task[str]:
    """Cut the line while the victim writes; return what goes on asking it."""
    wire.cut_after = LOCK
    asking = asyncio.create_task(asks(site, victim, "to-the-victim"))
    await asyncio.wait_for(wire.cut.wait(), 10)
    async with asyncio.timeout(2):
        while not (await rows(site.settings.database_url, IN_HAND))[0]["held"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return asking


async def test_a_replica_that_is_cut_off_with_the_log_s_lock_stops_the_others_for_seconds(
    postgres: Postgres, tmp_path: Path
) -> None:
    address = f"127.{1 + os.getpid() % 250}.{1 + os.getpid() // 250 % 250}.2"  # nobody else's loopback
    (tmp_path / "site").mkdir()
    async with a_mortal_postgres(postgres.binaries, address) as mortal, a_wire(address) as wire:
        await asyncio.to_thread(mortal.postgres.create, "assent")
        url = f"postgresql://postgres@{address}/assent"
        async with a_site(url, tmp_path / "site", 2) as site:
            assert await limits(url) == LIMITS
            victim, other = site.replicas
            await victim.kill()
            victim.options["database_url"] = wire.url("assent")
            await victim.start()
            await fill(site)
            asking = await cut_in_hand(site, wire, victim)
            clock = asyncio.get_running_loop().time
            cut_at = clock()
            served = await asyncio.wait_for(asks(site, other, "to-the-other"), STOPPED_MAX)
            assert clock() - cut_at > 3  # the lock was in its way
            async with asyncio.timeout(STOPPED_MAX):
                while len(await expired(url)) < SPAN * EACH:  # noqa: ASYNC110
                    await asyncio.sleep(0.5)
            assert await readiness(victim) == 503
            wire.heal()
            asked = await asyncio.wait_for(asking, STOPPED_MAX)
            assert await asks(site, other, "to-the-victim") == asked
            assert await asks(site, victim, "to-the-other") == served
            for replica in site.replicas:
                await replica.kill()
            await assert_each_happened_once(site, {asked, served})


async def assert_each_happened_once(site: Site, asked: set[str]) -> None:
    """Hold the log against what was asked, and every deadline against its instant."""
    url = site.settings.database_url
    late = [(at - due_at).total_seconds() for due_at, at in await expired(url)]
    assert len(late) == SPAN * EACH
    assert min(late) >= 0
    assert max(late) < STOPPED_MAX
    told = await rows(url, "SELECT kind, request_id FROM entries WHERE request_id IS NOT NULL")
    once = Counter((one["kind"], one["request_id"]) for one in told)
    assert set(once.values()) == {1}
    assert {request for kind, request in once if kind == "request.planned"} >= asked
    keyed = await rows(url, "SELECT id FROM requests WHERE idempotency_key IS NOT NULL")
    assert {str(row["id"]) for row in keyed} == asked
    async with parts(site.settings) as cold:
        assert await cold.auditing.distrust() is None
        assert (await cold.auditing.verify()).size == await cold.store.size()
