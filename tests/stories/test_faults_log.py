"""Somebody who holds the database cuts, rewrites or rolls back the log; and two who sign it at once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncpg
import pytest

from bot.app.parts import parts
from bot.core.log import LogBroken
from storage.schema import backup
from tests.world import Answer, Refused, World, a_replica

TRIGGERS = ("update", "delete")


async def attack(world: World, *statements: str) -> None:
    """Run SQL as somebody who owns the database: past the triggers, past the bot."""
    url = world.running.parts.settings.database_url
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as connection, connection:
            for trigger in TRIGGERS:
                connection.execute(f"DROP TRIGGER IF EXISTS entries_refuse_{trigger}")
                connection.execute(f"DROP TRIGGER IF EXISTS checkpoints_refuse_{trigger}")
            for statement in statements:
                connection.execute(statement)
        return
    connected = await asyncpg.connect(url)
    try:
        await connected.execute("SET session_replication_role = replica")  # triggers do not fire
        for statement in statements:
            await connected.execute(statement)
    finally:
        await connected.close()


async def approved_and_told(world: World) -> Answer:
    """Return the callback of an approved request, under a checkpoint."""
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1)
    await (await world.person("ana")).approves(request)
    await world.settle()
    [told] = world.executors["db-runner"].told("request.approved")
    await world.running.parts.auditing.checkpoint()
    return told


async def assert_no_grant_is_issued(replica: World, told: Answer) -> None:
    """A replica that starts now refuses grants, takes itself out, and says why."""
    with pytest.raises(Refused) as refused:
        await replica.executors["db-runner"].redeems(told)
    assert (refused.value.status, refused.value.slug) == (503, "log-cut")
    async with replica.http.get(f"{replica.url}/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["checks"]["log"]


async def test_a_log_cut_short_is_noticed_at_the_start_and_no_grant_is_issued(world: World) -> None:
    told = await approved_and_told(world)
    size = await world.audit()
    await attack(world, f"DELETE FROM entries WHERE sequence >= {size - 3}")
    async with a_replica(world) as replica:
        await assert_no_grant_is_issued(replica, told)
    with pytest.raises(LogBroken) as broken:
        await world.audit()
    assert broken.value.sequence == size - 3


async def test_a_log_cut_short_with_its_head_and_its_checkpoints_is_caught_by_the_copy_outside(
    world: World,
) -> None:
    told = await approved_and_told(world)
    size = await world.audit()
    kept = size - 4
    await attack(
        world,
        f"DELETE FROM entries WHERE sequence >= {kept}",
        "DELETE FROM checkpoints",
        f"UPDATE log_head SET size = {kept}",
    )
    async with a_replica(world) as replica:
        await assert_no_grant_is_issued(replica, told)
        with pytest.raises(LogBroken):
            await replica.audit()


async def test_a_database_brought_back_from_a_backup_is_caught_by_a_later_checkpoint(
    small_world: World, tmp_path: Path
) -> None:
    """Such a log is whole in itself: nothing but a note from outside the database tells."""
    made = small_world.running.parts
    notes = list[str]()
    for copy in ("early.db", "late.db"):
        await small_world.agent.asks("db.migrate", env="prod", sql=copy, rows=1)
        await made.auditing.checkpoint()
        notes.append(made.auditing.kept.newest() or "")
        await backup(made.settings.database_url, tmp_path / copy)
    restored = made.settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'early.db'}"})
    async with parts(restored, small_world.clock) as found:
        with pytest.raises(LogBroken):
            await found.auditing.verify()
    elsewhere = restored.model_copy(update={"checkpoints": tmp_path / "lost"})
    async with parts(elsewhere, small_world.clock) as found:
        early, late = notes
        assert await found.auditing.verify((early,))
        with pytest.raises(LogBroken):
            await found.auditing.verify((late,))


async def test_an_entry_rewritten_with_its_hash_is_noticed_at_the_start(world: World) -> None:
    told = await approved_and_told(world)
    await attack(
        world,
        "UPDATE entries SET body = (SELECT body FROM entries WHERE sequence = 2), "
        "leaf = (SELECT leaf FROM entries WHERE sequence = 2) WHERE sequence = 3",
    )
    async with a_replica(world) as replica:
        await assert_no_grant_is_issued(replica, told)
    with pytest.raises(LogBroken) as broken:
        await world.audit()
    assert broken.value.sequence == 3


@pytest.mark.parametrize(
    "forged",
    [
        "at = (SELECT max(at) FROM entries)",
        "request_id = 'req_x'",
        "kind = 'request.denied'",
        "kind = 'agent'",
    ],
)
async def test_a_column_that_says_other_than_its_entry_is_named(world: World, forged: str) -> None:
    await approved_and_told(world)
    await world.advance(minutes=1)
    await world.agent.asks("db.migrate", env="prod", sql="SELECT 2", rows=1)
    entries = await world.running.parts.store.entries(0, 100)
    received = next(entry.sequence for entry in entries if entry.kind == "request.received")
    await attack(world, f"UPDATE entries SET {forged} WHERE sequence = {received}")
    with pytest.raises(LogBroken) as broken:
        await world.audit()
    assert broken.value.sequence == received


async def test_from_a_log_that_was_cut_no_grant_leaves_by_callback_or_to_who_asks(world: World) -> None:
    await approved_and_told(world)
    size = await world.audit()
    await attack(world, f"DELETE FROM entries WHERE sequence >= {size - 3}")
    async with a_replica(world) as replica:
        request = await replica.agent.asks("db.migrate", env="dev", sql="SELECT 2", rows=1)
        assert request["state"] == "approved"
        await replica.settle()
        assert len(replica.executors["db-runner"].told("request.approved")) == 1
        with pytest.raises(Refused) as refused:
            await replica.executors["db-runner"].call("GET", "/v1/executions?after=0")
        assert refused.value.slug == "log-cut"


async def test_a_log_that_only_grew_since_its_checkpoint_is_trusted(world: World) -> None:
    told = await approved_and_told(world)
    await world.agent.asks("db.migrate", env="prod", sql="SELECT 2", rows=1)
    async with a_replica(world) as replica:
        await replica.executors["db-runner"].redeems(told)


async def test_the_bots_own_connection_cannot_change_the_log(world: World) -> None:
    await approved_and_told(world)
    url = world.running.parts.settings.database_url
    statements = (
        "UPDATE entries SET kind = 'x' WHERE sequence = 1",
        "DELETE FROM entries WHERE sequence = 1",
        "DELETE FROM checkpoints",
    )
    for statement in statements:
        if url.startswith("sqlite"):
            with (
                closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as connection,
                pytest.raises(sqlite3.DatabaseError, match="append-only"),
            ):
                connection.execute(statement)
        else:
            connected = await asyncpg.connect(url)
            try:
                with pytest.raises(asyncpg.PostgresError, match="append-only"):
                    await connected.execute(statement)
            finally:
                await connected.close()


async def test_checkpoints_signed_at_the_same_time_sign_the_same_log(world: World) -> None:
    auditing = world.running.parts.auditing
    for number in range(3):
        asks = [world.agent.asks("db.migrate", env="prod", sql=f"{number}.{n}", rows=1) for n in range(5)]
        await asyncio.gather(*asks, *(auditing.checkpoint() for _ in range(4)))
    await asyncio.gather(*(auditing.checkpoint() for _ in range(4)))
    await world.audit()


async def test_a_proof_is_given_while_somebody_else_signs_too(world: World) -> None:
    auditing = world.running.parts.auditing
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1)
    proofs = [auditing.prove(request["id"], opened=False) for _ in range(3)]
    bundles = await asyncio.gather(*proofs, auditing.checkpoint())
    assert all(bundles)


async def test_two_replicas_that_sign_at_the_same_time_leave_a_log_that_holds(world: World) -> None:
    async with a_replica(world) as other:
        for number in range(5):
            asks = [w.agent.asks("db.migrate", env="prod", sql=f"{number}", rows=1) for w in (world, other)]
            await asyncio.gather(*asks, *(w.running.parts.auditing.checkpoint() for w in (world, other)))
        await world.audit()
        assert await other.running.parts.auditing.distrust() is None


@contextmanager
def a_full_disk(folder: Path) -> Iterator[None]:
    """Make the folder for checkpoints one into which nothing can be written."""
    moved = folder.with_name("away")
    if folder.exists():
        folder.rename(moved)
    folder.write_text("not a folder")
    yield
    folder.unlink()
    if moved.exists():
        moved.rename(folder)


async def test_a_checkpoint_that_could_not_be_kept_outside_is_kept_with_the_next(
    world: World, tmp_path: Path
) -> None:
    auditing = world.running.parts.auditing
    await approved_and_told(world)
    await world.agent.asks("db.migrate", env="prod", sql="SELECT 2", rows=1)
    with a_full_disk(tmp_path / "checkpoints"), pytest.raises(OSError, match=os.strerror(17)):
        await auditing.checkpoint()
    await world.agent.asks("db.migrate", env="prod", sql="SELECT 3", rows=1)
    assert await auditing.checkpoint() is not None
    await world.audit()


@pytest.mark.parametrize(
    "change",
    ["request_id = NULL WHERE request_id IS NOT NULL", "request_id = 'req_0' WHERE sequence = 2"],
    ids=["hidden", "elsewhere"],
)
async def test_an_entry_that_was_filed_under_another_request_is_found(world: World, change: str) -> None:
    await approved_and_told(world)
    await attack(world, f"UPDATE entries SET {change}")
    with pytest.raises(LogBroken, match="columns"):
        await world.audit()


async def test_a_log_cut_while_the_server_runs_stops_its_grants(world: World) -> None:
    told = await approved_and_told(world)
    await attack(world, "DELETE FROM entries WHERE sequence > 3", "UPDATE log_head SET size = 4")
    await world.running.loops.checkpoint()
    await assert_no_grant_is_issued(world, told)
