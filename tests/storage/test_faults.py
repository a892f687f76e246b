"""Kills, full disks, lost connections: what was acknowledged stays, and the store recovers by itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url

from bot.core.errors import NotReady, Unknown
from bot.core.terms import RequestId
from storage.schema import migrate
from storage.sqlite import WAL_PAGES_MAX
from storage.store import DatabaseStore, open_store
from tests.faults.power import Disk
from tests.fixtures.postgres import Postgres
from tests.storage.conftest import Open
from tests.storage.test_commit import verified_size
from tests.storage.values import a_request, approved, asked, salt

TOP = Path(__file__).resolve().parents[2]


async def acknowledged_before_the_kill(
    url: str, lines: int, environment: dict[str, str] | None = None
) -> list[tuple[RequestId, int]]:
    """Run a writer, kill it after so many acknowledgements; return those that it got out."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.storage.writing", url),
        cwd=TOP,
        env=os.environ | {"PYTHONPATH": str(TOP)} | (environment or {}),
        stdout=asyncio.subprocess.PIPE,
    )
    assert writer.stdout is not None
    said = [await writer.stdout.readline() for _ in range(lines)]
    writer.send_signal(signal.SIGKILL)
    said += (await writer.stdout.read()).splitlines(keepends=True)
    await writer.wait()
    whole = [line.split() for line in said if line.endswith(b"\n")]
    return [(RequestId(name.decode()), int(version)) for name, version in whole]


async def kill_and_count(url: str, kills: int) -> None:
    """Kill a writer again and again, beside one that lives; nothing acknowledged may be missing."""
    store = await open_store(url, salt=salt)
    for number in range(kills):
        killed = asyncio.create_task(acknowledged_before_the_kill(url, 40 + 7 * number % 60))
        ours = []
        while not killed.done():
            ours.append((await store.commit(asked(a_request()))).request)
            await asyncio.sleep(0.005)
        for request_id, version in await killed:
            assert (await store.get(request_id)).version >= version
        for request in ours:
            assert request is not None
            assert await store.get(request.id) == request
    size = await verified_size(store)
    versions = [one.version for one in await store.recent(size, None)]
    assert size == len(versions) + versions.count(2)
    await store.close()


async def test_a_killed_writer_loses_nothing_that_it_acknowledged(migrated_url: str) -> None:
    await kill_and_count(migrated_url, 2)


@pytest.mark.soak
async def test_two_hundred_killed_writers_lose_nothing(migrated_url: str) -> None:
    await kill_and_count(migrated_url, 200)


async def missing(store: DatabaseStore, told: Iterable[tuple[RequestId, int]]) -> int:
    """Count the acknowledgements that the store knows nothing of."""
    lost = 0
    for name, version in told:
        try:
            lost += (await store.get(name)).version < version
        except Unknown:
            lost += 1
    return lost


async def cut_and_count(disk: Disk, cuts: int, synchronous: str) -> tuple[int, int]:
    """Cut the power again and again; return how many acknowledgements there were, and how many were lies."""
    told: list[tuple[RequestId, int]] = []
    lost = number = 0
    while number < cuts and not lost:
        lines, environment = 60 + 17 * number % 90, disk.environment(synchronous)
        said = await acknowledged_before_the_kill(disk.url, lines, environment)
        disk.cut()
        number, told = number + 1, told + said
        store = await open_store(disk.url, salt=salt)
        lost = await missing(store, told if number == cuts else said)  # at the end once more from the start
        await verified_size(store)  # whatever is there is whole
        await store.close()
        disk.settle()
    return len(told), lost


@pytest.fixture
def disk(migrated_file: Path, tmp_path: Path) -> Disk:
    """A disk that forgets, with a migrated database on it."""
    made = Disk.made(tmp_path / "disk")
    shutil.copy(migrated_file, made.live / "assent.db")
    made.settle()
    return made


async def test_a_power_cut_loses_nothing_that_was_acknowledged(disk: Disk) -> None:
    told, lost = await cut_and_count(disk, 3, "FULL")
    assert (told > 60, lost) == (True, 0)


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
async def test_the_same_power_cut_shows_a_database_that_does_not_wait_for_its_disk(
    disk: Disk, synchronous: str
) -> None:
    assert (await cut_and_count(disk, 3, synchronous))[1] > 0


@pytest.mark.soak
async def test_two_hundred_power_cuts_lose_nothing(disk: Disk) -> None:
    assert (await cut_and_count(disk, 200, "FULL"))[1] == 0


async def test_a_full_disk_changes_nothing_and_passes(migrated_sqlite_url: str) -> None:
    store = await open_store(migrated_sqlite_url, salt=salt)

    async def allow(pages: int) -> None:
        limit = f"PRAGMA max_page_count = {pages}"
        await store._database.write(lambda connection: connection.exec_driver_sql(limit).scalar_one())

    first = a_request()
    await store.commit(asked(first))
    await allow(1)
    with pytest.raises(NotReady):
        await store.commit(asked(a_request(summary="x" * 1_000_000)))
    size = await verified_size(store)
    assert (await store.get(first.id)) == first
    await allow(1_000_000)
    await store.commit(approved(first))
    assert await verified_size(store) == size + 1
    await store.close()


async def test_a_backup_that_reads_for_long_stops_no_commit_however_much_is_written(
    migrated_sqlite_url: str,
) -> None:
    store, file = await open_store(migrated_sqlite_url, salt=salt), make_url(migrated_sqlite_url).database
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as backup:
        backup.execute("BEGIN")
        backup.execute("SELECT count(*) FROM sqlite_master").fetchall()
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("CREATE TABLE ballast (filling BLOB)")
            other.execute(f"INSERT INTO ballast VALUES (zeroblob({70 * 2**20}))")
        for _ in range(30):  # longer than the log of pages is left alone
            async with asyncio.timeout(4):
                await store.commit(asked(a_request()))
            await asyncio.sleep(0.1)
    assert pages_logged(file) > WAL_PAGES_MAX
    async with asyncio.timeout(20):
        while pages_logged(file) > WAL_PAGES_MAX:  # begins again once nobody reads, though all go on writing
            await store.commit(asked(a_request()))
    await store.close()


def pages_logged(file: str) -> int:
    """Return how many pages SQLite's log holds."""
    with closing(sqlite3.connect(file)) as held:
        _, pages, _ = held.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(pages)


async def test_another_process_that_writes_is_waited_for(replica: Open) -> None:
    one, two = await replica(), await replica()
    await asyncio.gather(
        *(store.commit(asked(a_request())) for _ in range(30) for store in (one, two)),
    )
    assert await verified_size(two) == 60


async def drop_connections(postgres: Postgres, url: str) -> None:
    """End every session of a database, as a restart would."""
    name = make_url(url).database
    end = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"
    await asyncio.to_thread(postgres.run, end)


async def committed(store: DatabaseStore) -> bool:
    """Try to commit; False if the database was out of reach."""
    try:
        await store.commit(asked(a_request()))
    except NotReady:
        return False
    return True


async def test_a_restart_between_two_commits_is_not_noticed(
    migrated_postgresql_url: str, postgres: Postgres
) -> None:
    store = await open_store(migrated_postgresql_url, salt=salt)
    assert await committed(store)
    await drop_connections(postgres, migrated_postgresql_url)
    await asyncio.sleep(0.1)
    assert await committed(store)
    assert await verified_size(store) == 2
    await store.close()


async def test_a_restart_while_writing_fails_some_loses_none_and_passes(
    migrated_postgresql_url: str, postgres: Postgres
) -> None:
    store = await open_store(migrated_postgresql_url, salt=salt)
    acknowledged = 0
    for _ in range(3):
        calls = [asyncio.create_task(committed(store)) for _ in range(200)]
        await drop_connections(postgres, migrated_postgresql_url)
        acknowledged += sum(await asyncio.gather(*calls))
    assert await committed(store)
    assert await verified_size(store) >= acknowledged + 1
    request = a_request()
    with store.watch(request.id) as watch:
        await store.commit(asked(request))
        assert await watch.changed(timedelta(seconds=20))
    await store.close()


async def test_a_database_that_is_not_there_is_not_ready(tmp_path: Path) -> None:
    for url in (
        f"postgresql://postgres@/x?host={tmp_path}",
        "postgresql://postgres@127.0.0.1:1/x",
        f"sqlite:///{tmp_path}",
    ):
        with pytest.raises((NotReady, OSError)):
            await open_store(url, salt=salt)


async def test_a_database_that_nobody_made_is_not_ready(postgres: Postgres) -> None:
    url = postgres.url("nobody_made_this")
    with pytest.raises(NotReady):
        await migrate(url)
    with pytest.raises(NotReady):
        await open_store(url, salt=salt)


async def test_a_closed_store_writes_no_more(store: DatabaseStore) -> None:
    await store.close()
    with pytest.raises(NotReady):
        await store.commit(asked(a_request()))


async def test_a_replica_that_stalls_in_a_transaction_is_cut_off(
    migrated_postgresql_url: str,
) -> None:
    def limits(connection: Connection) -> list[str]:
        names = ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout")
        return [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]

    store = await open_store(migrated_postgresql_url, salt=salt)
    assert await store._database.write(limits) == ["10s", "10s", "12s"]
    await store.close()
