"""Where a surface's app is installed, and leave to install it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from storage.store import DatabaseStore
from tests.storage.conftest import Open
from tests.storage.values import MINUTE, NOON, admin_entry

MOMENT = timedelta(microseconds=1)


async def test_an_installation_is_remembered_replaced_and_forgotten(store: DatabaseStore) -> None:
    await store.put_installation("T1", b"one", admin_entry())
    await store.put_installation("T2", b"two", admin_entry())
    await store.put_installation("T1", b"new", admin_entry())
    assert await store.installations() == {"T1": b"new", "T2": b"two"}
    await store.drop_installation("T1", admin_entry())
    await store.drop_installation("T1", admin_entry())
    assert await store.installations() == {"T2": b"two"}
    assert await store.size() == 4


async def test_of_two_replicas_one_rotates(replica: Open) -> None:
    stores = [await replica(), await replica()]
    await stores[0].put_installation("T1", b"old", admin_entry())
    won = await asyncio.gather(*(one.rotate_installation("T1", b"old", b"new") for one in stores))
    assert sorted(won) == [False, True]
    assert await stores[0].installations() == {"T1": b"new"}
    assert not await stores[0].rotate_installation("T9", b"old", b"new")


async def test_a_leave_is_good_once_and_until_its_end(store: DatabaseStore) -> None:
    for name in ("a", "b", "c"):
        await store.put_leave(name, NOON + MINUTE, admin_entry())
    assert await store.has_leave("a", NOON)
    assert await store.take_leave("a", NOON)
    assert not await store.has_leave("a", NOON)
    assert not await store.take_leave("a", NOON)
    assert await store.take_leave("b", NOON + MINUTE - MOMENT)
    assert not await store.has_leave("c", NOON + MINUTE)
    assert not await store.take_leave("c", NOON + MINUTE)
    assert not await store.take_leave("never", NOON)
