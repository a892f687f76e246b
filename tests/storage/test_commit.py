"""What a commit promises: all or nothing, one winner, one effect."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.errors import KeyReused, Stale, TooMany, Unknown
from bot.core.log import Tree
from bot.core.terms import (
    AgentName,
    CallbackKind,
    Change,
    Digest,
    Entry,
    EntryKind,
    OutboxKind,
    RequestId,
    RuleId,
    Send,
    State,
    Subject,
    Use,
)
from bot.ports import Committed, Store
from storage.store import DatabaseStore, open_store
from tests.fixtures.log import verify_entries
from tests.storage.conftest import Open
from tests.storage.values import (
    AGENT,
    ANA,
    BY_BO,
    DIGEST,
    HOUR,
    MINUTE,
    NOON,
    RUNNER,
    a_request,
    admin_entry,
    approved,
    asked,
    salt,
)

OTHER_DIGEST = Digest("cd" * 32)
PAGE = 10_000  # entries


def test_the_store_fulfils_the_port(store: DatabaseStore) -> None:
    held: Store = store  # mypy holds it against every method of the Protocol
    assert held is store


@contextmanager
def said_by(store: DatabaseStore) -> Iterator[list[str]]:
    """Gather what the store's writer says to PostgreSQL."""
    own: Any = store._database._own  # type: ignore[attr-defined]
    said: list[str] = []

    def note(query: Any) -> None:
        said.append(query.query)

    own.add_query_logger(note)
    yield said
    own.remove_query_logger(note)


async def verified_size(store: DatabaseStore) -> int:
    """Walk the whole log; return its size."""
    size = await store.size()
    entries = [one for first in range(0, size, PAGE) for one in await store.entries(first, PAGE)]
    walked = verify_entries(((one.sequence, one.body, one.leaf) for one in entries), (), ())
    assert walked.size == size
    assert walked.root == Tree.empty().extend(one.leaf for one in entries).root()
    return walked.size


async def outcomes(*calls: object) -> list[object]:
    """Await all at once, so that they stand in one group; return values and exceptions."""
    return await asyncio.gather(*calls, return_exceptions=True)  # type: ignore[call-overload, no-any-return]


async def test_what_was_committed_can_be_read_back_as_it_was(store: DatabaseStore) -> None:
    request = a_request()
    assert await store.commit(asked(request)) == Committed(request)
    assert await store.get(request.id) == request
    assert await store.by_grant(request.grant_id) == request


async def test_a_request_that_is_not_there_is_unknown(store: DatabaseStore) -> None:
    for name in ("req_none", "", "req_\0", "\ud800"):
        with pytest.raises(Unknown):
            await store.get(RequestId(name))


async def test_a_change_decided_on_an_old_version_is_stale(store: DatabaseStore) -> None:
    request = a_request()
    await store.commit(asked(request))
    await store.commit(approved(request))
    with pytest.raises(Stale):
        await store.commit(approved(request, BY_BO))
    assert [review.person for review in (await store.get(request.id)).reviews] == [ANA]


async def test_a_change_of_a_request_that_is_not_there_is_stale(store: DatabaseStore) -> None:
    with pytest.raises(Stale):
        await store.commit(approved(a_request()))
    assert await store.size() == 0


async def test_of_two_changes_in_one_group_the_first_wins(store: DatabaseStore) -> None:
    request = a_request()
    await store.commit(asked(request))
    first, second = await outcomes(store.commit(approved(request)), store.commit(approved(request, BY_BO)))
    assert isinstance(first, Committed)
    assert isinstance(second, Stale)
    assert len(await store.entries_of(request.id)) == 2
    assert await verified_size(store) == 2


async def test_two_replicas_give_a_request_one_decision(replica: Open) -> None:
    one, two = await replica(), await replica()
    requests = [a_request() for _ in range(40)]
    await asyncio.gather(*(one.commit(asked(request)) for request in requests))
    told = await outcomes(
        *(
            store.commit(approved(request, by))
            for request in requests
            for store, by in ((one, BY_BO), (two, BY_BO))
        )
    )
    assert sum(isinstance(answer, Committed) for answer in told) == 40
    assert sum(isinstance(answer, Stale) for answer in told) == 40
    assert await verified_size(one) == 80
    assert [one.sequence for one in await two.executions(RUNNER, 0, 100)] == list(range(1, 41))


async def test_the_same_key_and_body_get_the_same_request(store: DatabaseStore) -> None:
    first = await store.commit(asked(a_request(), idempotency=("k", DIGEST)))
    again = await store.commit(asked(a_request(), idempotency=("k", DIGEST)))
    assert again == Committed(first.request, replayed=True)
    assert await store.size() == 1


async def test_the_same_key_twice_in_one_group_makes_one_request(store: DatabaseStore) -> None:
    first, again, other = await outcomes(
        store.commit(asked(a_request(), idempotency=("k", DIGEST))),
        store.commit(asked(a_request(), idempotency=("k", DIGEST))),
        store.commit(asked(a_request(), idempotency=("k", OTHER_DIGEST))),
    )
    assert isinstance(first, Committed)
    assert again == Committed(first.request, replayed=True)
    assert isinstance(other, KeyReused)
    assert len(await store.recent(10, None)) == 1


async def test_a_replay_shows_the_request_as_it_stands_now(store: DatabaseStore) -> None:
    request = a_request()
    await store.commit(asked(request, idempotency=("k", DIGEST)))
    now = (await store.commit(approved(request))).request
    again = await store.commit(asked(a_request(), idempotency=("k", DIGEST)))
    assert again == Committed(now, replayed=True)


async def test_a_key_with_another_body_is_refused(store: DatabaseStore) -> None:
    await store.commit(asked(a_request(), idempotency=("k", DIGEST)))
    with pytest.raises(KeyReused):
        await store.commit(asked(a_request(), idempotency=("k", OTHER_DIGEST)))


async def test_agents_do_not_share_keys(store: DatabaseStore) -> None:
    other = a_request(subject=Subject(AgentName("other"), None))
    await store.commit(asked(a_request(), idempotency=("k", DIGEST)))
    assert await store.commit(asked(other, idempotency=("k", OTHER_DIGEST))) == Committed(other)


async def test_two_replicas_make_one_request_of_one_key(replica: Open) -> None:
    stores = [await replica(), await replica()]
    told = await outcomes(
        *(
            store.commit(asked(a_request(), idempotency=(f"k{number}", DIGEST)))
            for number in range(20)
            for store in stores
            for _ in range(2)
        )
    )
    assert all(isinstance(answer, Committed) for answer in told)
    assert len(await stores[0].recent(100, None)) == 20
    assert await verified_size(stores[0]) == 20


async def test_an_agent_has_no_more_pending_than_its_cap(store: DatabaseStore) -> None:
    told = await outcomes(*(store.commit(asked(a_request(), pending_max=2)) for _ in range(3)))
    assert [type(answer) for answer in told] == [Committed, Committed, TooMany]
    assert isinstance(told[2], TooMany)
    assert told[2].retry_after is not None
    assert await store.count_pending() == 2
    first = told[0]
    assert isinstance(first, Committed)
    assert first.request is not None
    await store.commit(approved(first.request))
    assert await store.count_pending() == 1
    await store.commit(asked(a_request(), pending_max=2))


async def test_a_replay_is_answered_at_the_cap(store: DatabaseStore) -> None:
    first = await store.commit(asked(a_request(), idempotency=("k", DIGEST), pending_max=1))
    again = await store.commit(asked(a_request(), idempotency=("k", DIGEST), pending_max=1))
    assert again == Committed(first.request, replayed=True)


async def test_an_allow_limit_is_spent_once(store: DatabaseStore) -> None:
    use = Use(RuleId("allow"), "allow:deployer", 2, HOUR)
    told = await outcomes(*(store.commit(asked(a_request(), uses=(use,))) for _ in range(3)))
    assert [type(answer) for answer in told] == [Committed, Committed, Stale]
    assert await store.used([use], NOON + MINUTE) == {"allow:deployer": 2}
    assert await store.used([use], NOON + 2 * HOUR) == {"allow:deployer": 0}


async def test_a_use_leaves_its_window_on_time(store: DatabaseStore) -> None:
    use = Use(RuleId("allow"), "bucket", 1, HOUR)
    await store.commit(asked(a_request(created_at=NOON), uses=(use,)))
    second = timedelta(seconds=1)
    with pytest.raises(Stale):
        await store.commit(asked(a_request(created_at=NOON + HOUR - second), uses=(use,)))
    await store.commit(asked(a_request(created_at=NOON + HOUR), uses=(use,)))


async def test_on_postgresql_a_review_is_four_round_trips_under_the_log_s_lock(
    migrated_postgresql_url: str,
) -> None:
    store = await open_store(migrated_postgresql_url, salt=salt)
    first, request = a_request(), a_request()
    for one in (first, request):
        await store.commit(asked(one))
    await store.commit(approved(first))  # the driver learns types once
    with said_by(store) as said:
        await store.commit(approved(request))
    assert [text.partition(" ")[0] for text in said] == ["BEGIN", "SELECT", "WITH", "COMMIT"]
    await store.close()


async def test_on_postgresql_nothing_is_read_before_the_lock_is_held(replica: Open) -> None:
    one, two = await replica(), await replica()
    requests = [a_request() for _ in range(20)]
    await asyncio.gather(*(one.commit(asked(request)) for request in requests))
    told = await asyncio.gather(
        *(store.commit(approved(request)) for request in requests for store in (one, two)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Stale) for answer in told) == len(requests)
    assert len({callback.sequence for callback in await one.executions(RUNNER, 0, 100)}) == len(requests)
    await verified_size(two)


async def test_an_errand_reads_what_was_written_before_it_in_its_group(store: DatabaseStore) -> None:
    request = a_request()
    _, claimed = await asyncio.gather(store.commit(asked(request)), store.claim(NOON + HOUR, 10, MINUTE))
    assert claimed == []  # it looked before there was anything
    first, second = await asyncio.gather(
        store.commit(asked(a_request())), store.claim(NOON + HOUR, 10, MINUTE)
    )
    assert first.request is not None
    assert len(second) == 2


async def test_a_bad_unit_never_fails_its_neighbours(store: DatabaseStore) -> None:
    requests = [a_request() for _ in range(20)]
    doubled = replace(a_request(), grant_id=requests[3].grant_id)
    naive = a_request(created_at=NOON.replace(tzinfo=None))
    good = asked(a_request())
    bad_entry = replace(good, entries=(replace(good.entries[0], facts={"n": 1.5}),))  # type: ignore[dict-item]
    told = await outcomes(
        *(store.commit(asked(request)) for request in requests),
        store.commit(asked(doubled)),
        store.commit(asked(naive)),
        store.commit(bad_entry),
        store.commit(asked(a_request())),
    )
    assert [isinstance(answer, Committed) for answer in told] == [True] * 20 + [False] * 3 + [True]
    assert await verified_size(store) == 21
    assert await store.count_pending() == 21
    await store.commit(asked(a_request()))
    assert await verified_size(store) == 22


async def test_the_log_goes_on_without_a_gap_after_a_rollback(store: DatabaseStore) -> None:
    request = a_request()
    await store.commit(asked(request))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.commit(asked(replace(a_request(), grant_id=request.grant_id)))
    await store.commit(asked(a_request()))
    assert await verified_size(store) == 2


async def test_a_caller_that_gives_up_takes_nobody_along(store: DatabaseStore) -> None:
    calls = [asyncio.create_task(store.commit(asked(a_request()))) for _ in range(10)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(answer, Committed) for answer in told] == [False, True] * 5
    await verified_size(store)


async def test_closing_writes_what_waits(replica: Open) -> None:
    one, two = await replica(), await replica()
    calls = [asyncio.create_task(one.commit(asked(a_request()))) for _ in range(50)]
    await asyncio.sleep(0)
    await one.close()
    assert all(isinstance(call.result(), Committed) for call in calls)
    assert await two.size() == 50


async def test_a_change_may_leave_only_entries_and_alerts(store: DatabaseStore) -> None:
    change = Change(None, None, (admin_entry(),), (Send(OutboxKind.ALERT, "admins", NOON, "loud"),))
    assert await store.commit(change) == Committed(None)
    (claimed,) = await store.claim(NOON, 10, MINUTE)
    assert (claimed.request_id, claimed.send.event) == (None, "loud")


async def test_a_callback_is_numbered_for_its_executor_and_sent(store: DatabaseStore) -> None:
    request = a_request()
    await store.commit(asked(request))
    await store.commit(approved(request))
    (callback,) = await store.executions(RUNNER, 0, 10)
    assert (callback.sequence, callback.kind, callback.request_id) == (1, CallbackKind.APPROVED, request.id)
    assert await store.callback(callback.id) == callback
    assert await store.executions(RUNNER, 1, 10) == []
    tell = next(one for one in await store.claim(NOON + HOUR, 10, MINUTE) if one.send.kind is OutboxKind.TELL)
    assert (tell.callback_id, tell.send.address) == (callback.id, "executor:db-runner")


async def test_it_rings_for_what_is_due_earlier(store: DatabaseStore) -> None:
    rung: list[object] = []
    sent: list[object] = []
    store.on_earlier(rung.append, sent.append)
    request = a_request(due_at=NOON + MINUTE)
    await store.commit(asked(request, sends=()))
    await store.commit(asked(a_request(), sends=(Send(OutboxKind.NOTE, "slack:#ops", NOON),)))
    assert rung == [NOON + MINUTE, NOON + HOUR]  # the requests, for the sweep …
    assert sent == [NOON]  # … and what is to be sent, for those who send
    assert (await store.next_tick(), await store.next_send()) == (NOON + MINUTE, NOON)


async def test_private_words_are_committed_to_and_can_be_erased(store: DatabaseStore) -> None:
    request = a_request()
    await store.commit(asked(request))
    await store.commit(approved(request, BY_BO))
    (_, entry) = await store.entries_of(request.id)
    assert b"fine" not in entry.body
    assert b'"bo"' not in entry.body
    opened = {one.field: one.value for one in await store.openings([entry.sequence])}
    assert opened == {"private.reason": "fine", "private.by_name": "bo"}
    assert await store.erase(BY_BO.name, (), admin_entry()) == 2  # type: ignore[arg-type]
    assert await store.openings([entry.sequence]) == []
    assert await verified_size(store) == 3


async def test_any_words_can_be_private(store: DatabaseStore) -> None:
    words = "a\0b ␀ \u202e 😀"
    await store.commit(Change(None, None, (Entry(EntryKind.ADMIN, NOON, BY_BO, private={"reason": words}),)))
    assert [one.value for one in await store.openings([0])] == ["bo", words]


async def test_states_change_what_is_pending(store: DatabaseStore) -> None:
    request = a_request()
    await store.commit(asked(request))
    assert await store.waiting_for(["group:dba"], 10) == [request]
    await store.commit(approved(request))
    assert await store.waiting_for(["group:dba"], 10) == []
    assert [one.state for one in await store.recent(10, None)] == [State.APPROVED]
    assert await store.of_agent(AGENT, [State.PENDING], 10, None) == []
