"""The sample executor: whatever crashes, an approved action runs once; approved SQL reaches nothing else."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core import signing
from examples.executor.__main__ import signed, work_of
from examples.executor.journal import Journal, Work
from tests.world import World

ROOT = Path(__file__).parent.parent.parent
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "whsec_" + "a" * 43 + "="


async def _start(world: World, database: Path) -> Process:
    runner = world.executors["db-runner"]
    arguments = ("--assent", world.url, "--database", str(database), "--port", "0")
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.executor", *arguments),
        cwd=ROOT,
        env={**os.environ, "EXECUTOR_KEY": runner.key, "EXECUTOR_SECRET": runner.secret},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
    )


def _rows(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as held:
        return held.execute(query).fetchall()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    database = tmp_path / "shop.db"
    with closing(sqlite3.connect(database)) as held, held:
        held.execute("CREATE TABLE hits (n INTEGER)")
    return database


async def test_killed_again_and_again_it_runs_each_action_once_and_tells_each_outcome(
    small_world: World, shop: Path
) -> None:
    world, chance = small_world, random.Random(7)
    asked = []
    process = await _start(world, shop)
    for n in range(8):
        request = await world.agent.asks(
            "db.migrate", env="prod", sql=f"INSERT INTO hits VALUES ({n})", rows=1
        )
        await asyncio.sleep(chance.uniform(0.2, 0.6))
        asked.append(await (await world.person("ana")).approves(request))
        await asyncio.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        await process.wait()
        process = await _start(world, shop)
    states = [await _end(world, request) for request in asked]
    assert process.stdout is not None
    assert b"listening" in await process.stdout.readline()  # only now does it know how to stop
    process.terminate()
    assert await process.wait() == 0
    assert states == ["succeeded"] * 8
    assert sorted(_rows(shop, "SELECT n FROM hits")) == [(n,) for n in range(8)]


async def _end(world: World, request: dict[str, object]) -> str:
    async with asyncio.timeout(60):
        state = "approved"
        while state in ("approved", "released"):
            seen = await world.agent.call("GET", f"/v1/requests/{request['id']}?wait=5&since={state}")
            state = str(seen["state"])
    return state


def _taken(shop: Path) -> Journal:
    journal = Journal(shop)
    journal.take("req_1", "jti", "digest")
    return journal


def test_a_second_run_changes_nothing(shop: Path) -> None:
    journal = _taken(shop)
    journal.run("req_1", Work("INSERT INTO hits VALUES (1)"))
    journal.run("req_1", Work("INSERT INTO hits VALUES (1)"))
    assert _rows(shop, "SELECT n FROM hits") == [(1,)]
    assert journal.unfinished()[0].state == "succeeded"


def test_what_fails_halfway_changes_nothing(shop: Path) -> None:
    journal = _taken(shop)
    journal.run("req_1", Work("INSERT INTO hits VALUES (1); INSERT INTO nowhere VALUES (2)"))
    assert _rows(shop, "SELECT n FROM hits") == []
    assert journal.unfinished()[0].state == "failed"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO hits VALUES (1); COMMIT; INSERT INTO hits VALUES (2)",
        "ROLLBACK",
        "SAVEPOINT x",
        "ATTACH DATABASE '/tmp/other.db' AS other",
        "PRAGMA journal_mode = OFF",
        "UPDATE assent_journal SET told = 1",
        "DELETE FROM ASSENT_CURSOR",
        "DROP TABLE assent_journal",
        "VACUUM INTO '/tmp/stolen.db'",
    ],
)
def test_approved_sql_ends_no_transaction_reaches_no_file_and_leaves_the_journal_alone(
    shop: Path, sql: str
) -> None:
    journal = _taken(shop)
    journal.run("req_1", Work(sql))
    assert journal.unfinished()[0].state == "failed"
    assert _rows(shop, "SELECT n FROM hits") == []


@pytest.mark.parametrize("sql", ["DELETE FROM hits", "CREATE TABLE x (y)", "INSERT INTO hits VALUES (1)"])
def test_a_query_only_reads(shop: Path, sql: str) -> None:
    work = work_of({"name": "db.query", "parameters": {"sql": sql}})
    assert work is not None
    journal = _taken(shop)
    journal.run("req_1", work)
    assert journal.unfinished()[0].state == "failed"


def test_semicolons_within_text_divide_nothing(shop: Path) -> None:
    journal = _taken(shop)
    journal.run(
        "req_1", Work("CREATE TABLE notes (t TEXT); INSERT INTO notes VALUES ('a;b'); -- done; really")
    )
    assert _rows(shop, "SELECT t FROM notes") == [("a;b",)]


def test_an_action_it_does_not_know_is_not_run() -> None:
    assert work_of({"name": "dns.delete", "parameters": {"zone": "example.com"}}) is None


def test_only_a_fresh_call_under_its_own_secret_is_heard() -> None:
    body = b'{"type":"request.approved"}'
    headers = signing.sign("msg_1", NOON, body, [SECRET])
    now = NOON.timestamp()
    assert signed(body, headers, SECRET, now)
    assert not signed(body + b" ", headers, SECRET, now)
    assert not signed(body, headers, "whsec_" + "b" * 43 + "=", now)
    assert not signed(body, headers, SECRET, now + 301)
    assert not signed(body, {}, SECRET, now)
    for odd in ("²", "9" * 5000, "", "\udc80"):
        assert not signed(body, headers | {"webhook-timestamp": odd}, SECRET, now)
        assert not signed(body, headers | {"webhook-id": odd}, SECRET, now)
        assert not signed(body, headers | {"webhook-signature": f"v1,{odd}"}, SECRET, now)
