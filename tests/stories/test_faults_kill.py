"""Servers are killed between two instructions and connections cut while clients hammer them."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from bot.app import parts
from tests.faults.database import a_mortal_postgres
from tests.faults.harness import Hammer, Site, a_site, hammered
from tests.faults.power import Disk
from tests.fixtures.postgres import Postgres
from tests.fixtures.tables import rows

ONCE = ("request.received", "review.given", "request.approved", "request.denied", "grant.redeemed")


async def disturb(site: Site, times: int, cut: bool) -> None:
    """Kill a server at random instants and bring it back; `cut`: or cut every connection of the database."""
    for number in range(times):
        await asyncio.sleep(random.uniform(0.15, 0.6))
        if cut and number % 2:
            await cut_connections(site.settings.database_url)
            continue
        victim = random.choice(site.replicas)
        await victim.kill()
        await victim.start()


async def cut_connections(url: str) -> None:
    connected = await asyncpg.connect(url)
    try:
        await connected.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connected.close()


async def assert_nothing_is_lost_or_doubled(site: Site, hammer: Hammer) -> None:
    """Hold the database, opened cold, against everything that was acknowledged."""
    known = hammer.known
    url = site.settings.database_url
    held = await rows(url, "SELECT id, idempotency_key, state FROM requests")
    assert {row["idempotency_key"]: row["id"] for row in held} == known.requests
    assert len(held) == len(known.requests)
    ends = {"approve": {"released", "unreported"}, "deny": {"denied"}}
    states = {row["id"]: row["state"] for row in held}
    assert all(states[request] in ends[verdict] for request, verdict in known.reviews.items())
    assert known.redeemed == {request for request, state in states.items() if state == "released"}
    kinds = ", ".join(f"'{kind}'" for kind in ONCE)
    told = await rows(url, f"SELECT request_id, kind FROM entries WHERE kind IN ({kinds})")
    counted = Counter((row["request_id"], row["kind"]) for row in told)
    assert set(counted.values()) == {1}
    assert sum(kind == "review.given" for _, kind in counted) == len(known.reviews)
    assert sum(kind == "grant.redeemed" for _, kind in counted) == len(known.redeemed)
    async with parts(site.settings) as cold:
        assert await cold.auditing.distrust() is None
        assert (await cold.auditing.verify()).size == await cold.store.size()


async def killed(url: str, folder: Path, kills: int) -> Hammer:
    """Kill so often; return what was acknowledged, none of which is missing."""
    on_postgresql = not url.startswith("sqlite")
    folder.mkdir()  # noqa: ASYNC240
    async with a_site(url, folder, 2 if on_postgresql else 1) as site:
        async with hammered(site) as hammer:
            await disturb(site, kills, on_postgresql)
        for replica in site.replicas:
            await replica.kill()
        await assert_nothing_is_lost_or_doubled(site, hammer)
    return hammer


async def test_nothing_acknowledged_is_lost_when_servers_are_killed(
    database_url: str, tmp_path: Path
) -> None:
    hammer = await killed(database_url, tmp_path / "site", 5)
    assert len(hammer.known.redeemed) > 5
    assert hammer.unclear > 0


@pytest.mark.soak
async def test_nothing_is_lost_in_three_hundred_kills(database_url: str, tmp_path: Path) -> None:
    await killed(database_url, tmp_path / "site", 300)


# ── the power goes ───────────────────────────────────────────────────────────────────────────────


async def without_power(folder: Path, cuts: int) -> Hammer:
    """Cut the power so often; return what was acknowledged, none of which is missing."""
    disk = Disk.made(folder / "disk")
    async with a_site(disk.url, folder, 1, disk) as site:
        [server] = site.replicas
        async with hammered(site) as hammer:
            for _ in range(cuts):
                await asyncio.sleep(random.uniform(0.15, 0.6))
                await server.kill()
                disk.cut()
                await server.start()
        await server.kill()
        disk.cut()
        await assert_nothing_is_lost_or_doubled(site, hammer)
    return hammer


async def test_nothing_acknowledged_is_lost_when_the_power_goes(tmp_path: Path) -> None:
    hammer = await without_power(tmp_path / "site", 3)
    assert len(hammer.known.redeemed) > 5
    assert hammer.unclear > 0


@pytest.mark.soak
async def test_nothing_is_lost_in_a_hundred_power_cuts(tmp_path: Path) -> None:
    await without_power(tmp_path / "site", 100)


# ── the database dies ────────────────────────────────────────────────────────────────────────────


async def without_database(binaries: Path, folder: Path, deaths: int) -> Hammer:
    """Kill PostgreSQL so often; return what was acknowledged, none of which is missing."""
    folder.mkdir()  # noqa: ASYNC240
    async with a_mortal_postgres(binaries) as mortal:
        url = await asyncio.to_thread(mortal.postgres.create, "assent")
        async with a_site(url, folder, 2) as site:
            async with hammered(site) as hammer:
                for number in range(deaths):
                    await asyncio.sleep(random.uniform(0.3, 1.0))
                    await mortal.die(signal.SIGQUIT if number % 2 else signal.SIGKILL)
            for replica in site.replicas:
                await replica.kill()
            await assert_nothing_is_lost_or_doubled(site, hammer)
    return hammer


async def test_nothing_acknowledged_is_lost_when_postgresql_is_killed(
    postgres: Postgres, tmp_path: Path
) -> None:
    hammer = await without_database(postgres.binaries, tmp_path / "site", 3)
    assert len(hammer.known.redeemed) > 5
    assert hammer.unclear > 0


@pytest.mark.soak
async def test_nothing_is_lost_in_fifty_deaths_of_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    await without_database(postgres.binaries, tmp_path / "site", 50)


# ── the disk is full ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 MiB: what the test writes must never fill it by itself."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("NO MOUNT: a small file system takes root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Leave no room; return what is in the way."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return ballast


async def test_a_disk_that_is_full_for_a_while_costs_nothing_that_was_acknowledged(
    small_disk: Path, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    url = f"sqlite:///{small_disk}/assent.db"
    async with a_site(url, tmp_path / "site", 1) as site:
        async with hammered(site) as hammer:
            for _ in range(3):
                await asyncio.sleep(0.5)
                before, ballast = hammer.unclear, await asyncio.to_thread(fill, small_disk)
                async with asyncio.timeout(20):
                    while hammer.unclear < before + 10:  # noqa: ASYNC110  # refused; nobody tells when
                        await asyncio.sleep(0.05)
                ballast.unlink()
        await site.replicas[0].kill()
        await assert_nothing_is_lost_or_doubled(site, hammer)
    assert len(hammer.known.redeemed) > 5
