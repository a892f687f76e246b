"""The audit log in the database: append-only, gapless, with two writers too."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bot.core.log import Tree, unseal
from bot.core.terms import Change
from bot.ports import Checkpoint
from storage.sqlite import SqliteDatabase
from storage.store import DatabaseStore
from tests.storage.conftest import Open
from tests.storage.test_commit import verified_size
from tests.storage.values import AGENT, DIGEST, NOON, a_request, admin_entry, asked

MARK = Checkpoint(1, b"\1" * 32, "a note\n", NOON)


async def meddle(store: DatabaseStore, statement: str) -> None:
    """Run a statement that nobody should."""

    def work(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    await store._database.write(work)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET kind = 'x'",
        "UPDATE entries SET body = body WHERE sequence = 0",
        "DELETE FROM entries",
        "DELETE FROM checkpoints",
        "UPDATE checkpoints SET note = 'x'",
    ],
)
async def test_nothing_in_the_log_is_changed_or_deleted(store: DatabaseStore, statement: str) -> None:
    await store.commit(asked(a_request()))
    await store.put_checkpoint(MARK, admin_entry())
    with pytest.raises(DBAPIError, match="append-only"):
        await meddle(store, statement)
    assert await verified_size(store) == 2
    assert await store.checkpoints() == [MARK]


async def test_no_entry_is_replaced(store: DatabaseStore) -> None:
    await store.commit(asked(a_request()))
    conflict = "ON CONFLICT (sequence) DO UPDATE SET leaf = excluded.leaf"
    statements = [f"INSERT INTO entries SELECT * FROM entries WHERE sequence = 0 {conflict}"]
    if isinstance(store._database, SqliteDatabase):
        statements.append("INSERT OR REPLACE INTO entries SELECT * FROM entries")
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"):
            await meddle(store, statement)


async def test_truncating_is_refused_where_it_exists(store: DatabaseStore) -> None:
    await store.commit(asked(a_request()))
    refusal = "syntax error" if isinstance(store._database, SqliteDatabase) else "append-only"
    for table in ("entries", "checkpoints"):
        with pytest.raises(DBAPIError, match=refusal):
            await meddle(store, f"TRUNCATE {table}")


async def test_two_writers_make_one_log(replica: Open) -> None:
    stores = [await replica(), await replica()]
    await asyncio.gather(
        *(store.commit(Change(None, None, (admin_entry(),) * 3)) for _ in range(40) for store in stores)
    )
    assert await verified_size(stores[0]) == 240


async def test_an_entry_says_what_it_must_and_nothing_else(store: DatabaseStore) -> None:
    request = a_request()
    await store.commit(asked(request))
    (sealed,) = await store.entries(0, 10)
    assert unseal(sealed.body, 0) == {
        "version": 1,
        "sequence": 0,
        "at": request.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "kind": "request.received",
        "request_id": request.id,
        "by": {"kind": "agent", "surface": "api", "proof": "key", "name": AGENT, "account": "key-1"},
        "agent": AGENT,
        "action_digest": DIGEST,
        "policy_digest": DIGEST,
    }
    assert (sealed.at, sealed.request_id) == (request.created_at, request.id)


async def test_the_log_is_read_in_pieces(store: DatabaseStore) -> None:
    await store.commit(Change(None, None, (admin_entry(),) * 5))
    assert [one.sequence for one in await store.entries(1, 2)] == [1, 2]
    leaves = await store.leaves(0, 10)
    assert leaves[3:] == await store.leaves(3, 10)
    assert Tree.empty().extend(leaves).size == await store.size() == 5
    assert await store.openings([]) == []
    assert len(await store.openings(range(2000))) == 5


async def test_the_first_checkpoint_of_a_size_stands(store: DatabaseStore) -> None:
    assert await store.last_checkpoint() is None
    later = Checkpoint(3, b"\3" * 32, "three\n", NOON)
    for mark in (MARK, later, Checkpoint(1, b"\2" * 32, "other\n", NOON)):
        await store.put_checkpoint(mark, admin_entry())
    assert await store.checkpoints() == [MARK, later]
    assert await store.last_checkpoint() == later
    assert await store.size() == 2
