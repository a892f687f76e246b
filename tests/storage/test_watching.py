"""Who waits is woken by the commit, in whichever process it was made."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.core.terms import Change
from storage.store import DatabaseStore, open_store
from tests.fixtures.postgres import Postgres
from tests.storage.conftest import Open
from tests.storage.values import a_request, admin_entry, approved, asked, salt

SOON = timedelta(seconds=20)  # never waited for; what is tested is that a wake comes at all
MOMENT = timedelta(milliseconds=1)


async def test_a_commit_wakes_those_who_watch_that_request(store: DatabaseStore) -> None:
    request, other = a_request(), a_request()
    await store.commit(asked(request))
    await store.commit(asked(other))
    with store.watch(request.id) as one, store.watch(request.id) as two, store.watch(other.id) as third:
        await store.commit(approved(request))
        assert await one.changed(SOON)
        assert await two.changed(SOON)
        assert one.after == two.after == await store.get(request.id)
        assert not await third.changed(MOMENT)
        assert not await one.changed(MOMENT)


async def test_a_commit_between_two_waits_is_not_missed(store: DatabaseStore) -> None:
    request = a_request()
    with store.watch(request.id) as watch:
        await store.commit(asked(request))
        await asyncio.sleep(0.01)
        assert await watch.changed(MOMENT)


async def test_a_watch_that_ended_leaves_nothing_behind(store: DatabaseStore) -> None:
    with store.watch(a_request().id), store.watch(a_request().id):
        assert len(store._hub._watches) == 2
    assert store._hub._watches == {}


async def test_the_tail_wakes_watchers_in_the_other_replica(replica: Open) -> None:
    one, two = await replica(), await replica()
    request = a_request()
    await one.commit(asked(request))
    with two.watch(request.id) as watch:
        await one.commit(approved(request))
        assert await watch.changed(SOON)
        assert watch.after is None  # to be read
        assert (await two.get(request.id)).version == 2


async def test_the_tail_goes_on_after_entries_of_both(replica: Open) -> None:
    one, two = await replica(), await replica()
    for _ in range(3):
        request = a_request()
        with two.watch(request.id) as watch:
            await asyncio.gather(
                one.commit(asked(request)),
                two.commit(Change(None, None, (admin_entry(),))),
                two.commit(asked(a_request())),
            )
            assert await watch.changed(SOON)


async def test_a_feed_tells_of_every_request_of_every_replica(replica: Open) -> None:
    one, two = await replica(), await replica()
    feed = two.feed()
    requests = [a_request() for _ in range(10)]
    for number, request in enumerate(requests):
        await (one, two)[number % 2].commit(asked(request))
    awaited = {request.id for request in requests}
    async with asyncio.timeout(SOON.total_seconds()):
        while awaited:  # the tail may tell of one again
            awaited.discard(await anext(feed))


async def test_a_feed_that_nobody_holds_is_forgotten(store: DatabaseStore) -> None:
    feed = store.feed()
    assert len(store._hub._feeds) == 1
    del feed
    assert len(store._hub._feeds) == 0


async def test_on_postgresql_a_notice_wakes_without_a_look(
    migrated_postgresql_url: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.postgres.TAIL", 3600)
    stores = [await open_store(migrated_postgresql_url, salt=salt) for _ in range(2)]
    await asyncio.to_thread(
        postgres.run,
        "DO $$ BEGIN WHILE 2 > (SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%') "
        "LOOP PERFORM pg_sleep(0.01); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$",
    )
    request = a_request()
    with stores[1].watch(request.id) as watch:
        await stores[0].commit(asked(request))
        assert await watch.changed(SOON)
    for store in stores:
        await store.close()
