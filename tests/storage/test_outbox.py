"""The outbox: leases, tokens, order, fairness, dead letters."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.errors import Unknown
from bot.core.terms import Change, Entry, EntryKind, OutboxKind, Request, RequestId, Send
from bot.ports import EACH_MAX, Claimed, Posted
from storage.store import DatabaseStore
from tests.storage.conftest import Open
from tests.storage.values import (
    BY_AGENT,
    HOUR,
    MINUTE,
    NOON,
    a_request,
    admin_entry,
    approved,
    asked,
)

MOMENT = timedelta(microseconds=1)


def sent(claimed: Claimed) -> Entry:
    """Return the audit entry of a send."""
    return Entry(EntryKind.SHOWN, NOON, BY_AGENT, request_id=claimed.request_id)


async def with_sends(store: DatabaseStore, *sends: Send) -> Request:
    """Make a request that is to be sent so."""
    request = a_request()
    await store.commit(asked(request, sends=sends))
    return request


def show(address: str = "slack:#ops", minutes: float = 0) -> Send:
    return Send(OutboxKind.SHOW, address, NOON + minutes * MINUTE)


async def test_a_row_is_claimed_when_it_is_due_and_not_before(store: DatabaseStore) -> None:
    request = await with_sends(store, show())
    assert await store.claim(NOON - MOMENT, 10, MINUTE) == []
    (claimed,) = await store.claim(NOON, 10, MINUTE)
    assert claimed.request_id == request.id
    assert claimed.send == show()
    assert (claimed.attempts, claimed.first_due_at, claimed.lease_until) == (1, NOON, NOON + MINUTE)


async def test_the_outbox_says_how_much_it_holds_and_how_old_the_oldest_is(store: DatabaseStore) -> None:
    assert await store.queued() == (0, None)
    await with_sends(store, show("slack:#a", minutes=2), show("slack:#b", minutes=1))
    assert await store.queued() == (2, NOON + MINUTE)
    (claimed,) = await store.claim(NOON + MINUTE, 10, MINUTE)
    assert await store.queued() == (2, NOON + MINUTE)  # it is on its way, not gone
    await store.finish(claimed, None)
    assert await store.queued() == (1, NOON + 2 * MINUTE)


async def test_a_claimed_row_is_nobody_elses_until_its_lease_ends(store: DatabaseStore) -> None:
    await with_sends(store, show())
    (first,) = await store.claim(NOON, 10, MINUTE)
    assert await store.claim(NOON + MINUTE - MOMENT, 10, MINUTE) == []
    (second,) = await store.claim(NOON + MINUTE, 10, MINUTE)
    assert second.id == first.id
    assert second.token != first.token
    assert (second.attempts, second.first_due_at) == (2, NOON)


async def test_two_replicas_never_claim_the_same_row(replica: Open) -> None:
    stores = [await replica(), await replica()]
    for number in range(30):
        await with_sends(stores[0], show(f"slack:#{number % 3}"))
    claims = await asyncio.gather(*(store.claim(NOON, 4, MINUTE) for _ in range(6) for store in stores))
    ids = [one.id for claim in claims for one in claim]
    assert len(ids) == len(set(ids)) == 30


async def test_finishing_takes_the_row_out_and_leaves_its_trace(store: DatabaseStore) -> None:
    request = await with_sends(store, show())
    (claimed,) = await store.claim(NOON, 10, MINUTE)
    posted = Posted(request.id, "slack:#ops", "C1", "170.1", 1)
    await store.finish(claimed, sent(claimed), posted)
    assert await store.claim(NOON + HOUR, 10, MINUTE) == []
    assert await store.posted(request.id) == [posted]
    assert await store.shown_at("C1", "170.1") == [posted]
    assert await store.shown_at("C2", "170.1") == await store.shown_at("C1", "170.2") == []
    assert [one.sequence for one in await store.entries_of(request.id)] == [0, 1]


async def test_what_stands_is_replaced_by_what_stands_now(store: DatabaseStore) -> None:
    request = await with_sends(store, show(), show("slack:#leads"))
    for claimed in await store.claim(NOON, 10, MINUTE):
        await store.finish(claimed, None, Posted(request.id, claimed.send.address, "C", "1", 1))
    await store.commit(approved(request, sends=(show(),), callback=None))
    (claimed,) = await store.claim(NOON, 10, MINUTE)
    newer = Posted(request.id, "slack:#ops", "C", "1", 2)
    await store.finish(claimed, None, newer)
    assert await store.posted(request.id) == [Posted(request.id, "slack:#leads", "C", "1", 1), newer]


async def test_a_lost_lease_changes_nothing(store: DatabaseStore) -> None:
    request = await with_sends(store, show())
    (lost,) = await store.claim(NOON, 10, MINUTE)
    (held,) = await store.claim(NOON + MINUTE, 10, MINUTE)
    await store.finish(lost, sent(lost), Posted(request.id, "slack:#ops", "C", "1", 1))
    await store.postpone(lost, NOON, "later")
    await store.bury(lost, "never", sent(lost), [Send(OutboxKind.ALERT, "admins", NOON)])
    assert await store.posted(request.id) == []
    assert await store.letters(10) == []
    assert await store.size() == 1
    assert await store.claim(NOON + MINUTE, 10, MINUTE) == []
    await store.finish(held, sent(held))
    assert await store.size() == 2


async def test_finishing_twice_is_finishing_once(store: DatabaseStore) -> None:
    await with_sends(store, show())
    (claimed,) = await store.claim(NOON, 10, MINUTE)
    await asyncio.gather(*(store.finish(claimed, sent(claimed)) for _ in range(3)))
    assert await store.size() == 2


async def test_a_postponed_row_comes_back_when_it_is_due(store: DatabaseStore) -> None:
    await with_sends(store, show())
    (claimed,) = await store.claim(NOON, 10, MINUTE)
    await store.postpone(claimed, NOON + 10 * MINUTE, "rate limited\0")
    assert await store.next_send() == NOON + 10 * MINUTE
    assert await store.claim(NOON + 10 * MINUTE - MOMENT, 10, MINUTE) == []
    (again,) = await store.claim(NOON + 10 * MINUTE, 10, MINUTE)
    assert (again.id, again.attempts, again.first_due_at) == (claimed.id, 2, NOON)


async def test_a_card_that_waits_is_not_queued_twice(store: DatabaseStore) -> None:
    request = await with_sends(store, show(), show())
    await store.commit(approved(request, sends=(show(minutes=1),), callback=None))
    (claimed,) = await store.claim(NOON + HOUR, 10, MINUTE)
    assert claimed.first_due_at == NOON + MINUTE
    assert await store.claim(NOON + 2 * HOUR, 10, MINUTE) != []


async def test_news_brings_a_postponed_card_forward(store: DatabaseStore) -> None:
    request = await with_sends(store, show())
    (claimed,) = await store.claim(NOON, 10, MINUTE)
    await store.postpone(claimed, NOON + HOUR, "down")
    await store.commit(approved(request, sends=(show(minutes=1),), callback=None))
    (again,) = await store.claim(NOON + MINUTE, 10, MINUTE)
    assert again.id == claimed.id


async def test_a_card_in_flight_is_queued_again_but_sent_after_it(store: DatabaseStore) -> None:
    request = await with_sends(store, show())
    (first,) = await store.claim(NOON, 10, HOUR)
    await store.commit(approved(request, sends=(show(minutes=1),), callback=None))
    assert await store.claim(NOON + 2 * MINUTE, 10, MINUTE) == []
    await store.finish(first, None)
    (second,) = await store.claim(NOON + 2 * MINUTE, 10, MINUTE)
    assert second.id != first.id


async def test_an_expired_lease_does_not_block_the_next_card_at_its_place(store: DatabaseStore) -> None:
    request = await with_sends(store, show())
    await store.claim(NOON, 10, MINUTE)
    await store.commit(approved(request, sends=(show(minutes=1),), callback=None))
    assert len(await store.claim(NOON + MINUTE, 10, MINUTE)) == 1


async def test_one_claim_never_takes_two_rows_of_one_card_place(store: DatabaseStore) -> None:
    note = Send(OutboxKind.NOTE, "slack:#ops", NOON, "reminder")
    await with_sends(store, note, replace(note, event="stage"), show())
    first = await store.claim(NOON, 10, MINUTE)
    assert [one.send.kind for one in first] == [OutboxKind.SHOW]
    await store.finish(first[0], None)
    assert [one.send.event for one in await store.claim(NOON, 10, MINUTE)] == ["reminder"]


async def test_callbacks_and_cards_go_before_reminders(store: DatabaseStore) -> None:
    await with_sends(store, Send(OutboxKind.NOTE, "slack:#a", NOON - HOUR, "reminder"))
    await with_sends(store, Send(OutboxKind.NOTE, "slack:#b", NOON - HOUR, "reminder"))
    await with_sends(store, show("slack:#a"))
    request = await with_sends(store)
    await store.commit(approved(request, sends=()))
    claimed = await store.claim(NOON + HOUR, 3, MINUTE)
    kinds = [one.send.kind for one in claimed]
    assert kinds == [OutboxKind.TELL, OutboxKind.SHOW, OutboxKind.NOTE]


async def test_a_storm_at_one_address_does_not_starve_the_others(store: DatabaseStore) -> None:
    for _ in range(200):
        await with_sends(store, show("slack:#storm"))
    for name in ("#a", "#b", "#c"):
        await with_sends(store, show(f"slack:{name}", minutes=5))
    claimed = await store.claim(NOON + HOUR, 10, MINUTE)
    assert Counter(one.send.address for one in claimed) == {
        "slack:#storm": 7,
        "slack:#a": 1,
        "slack:#b": 1,
        "slack:#c": 1,
    }
    assert {one.send.address for one in claimed[:4]} == {"slack:#storm", "slack:#a", "slack:#b", "slack:#c"}


async def test_one_address_gets_no_more_at_once_than_leaves_places_for_others(store: DatabaseStore) -> None:
    await asyncio.gather(*(with_sends(store, show()) for _ in range(120)))
    assert len(await store.claim(NOON, 100, MINUTE)) == EACH_MAX
    [one] = {claimed.send.address for claimed in await store.claim(NOON, 100, MINUTE)}
    assert len(await store.claim(NOON, 100, MINUTE, {one: EACH_MAX - 3})) == 3
    assert await store.claim(NOON, 100, MINUTE, {one: EACH_MAX}) == []


async def test_a_dead_letter_can_be_sent_again(store: DatabaseStore) -> None:
    request = await with_sends(store)
    await store.commit(approved(request, sends=()))
    (claimed,) = await store.claim(NOON + HOUR, 10, MINUTE)
    alert = Send(OutboxKind.ALERT, "admins", NOON + HOUR, "dead-letter")
    entry = Entry(EntryKind.DEAD, NOON + HOUR, BY_AGENT, request_id=request.id)
    await store.bury(claimed, "410 Gone\0", entry, [alert])
    (letter,) = await store.letters(10)
    assert await store.letter(letter.id) == letter
    assert (letter.id, letter.kind, letter.address) == (claimed.id, "tell", "executor:db-runner")
    assert (letter.request_id, letter.attempts, letter.problem) == (request.id, 1, "410 Gone␀")
    assert [one.send for one in await store.claim(NOON + HOUR, 10, MINUTE)] == [alert]
    await store.redeliver(letter.id, NOON + 2 * HOUR, admin_entry())
    assert await store.letters(10) == []
    again = next(one for one in await store.claim(NOON + 2 * HOUR, 10, MINUTE) if one.callback_id)
    assert (again.callback_id, again.attempts, again.first_due_at) == (
        claimed.callback_id,
        1,
        NOON + 2 * HOUR,
    )
    with pytest.raises(Unknown):
        await store.redeliver(letter.id, NOON, admin_entry())
    with pytest.raises(Unknown):
        await store.letter(letter.id)


async def test_there_are_only_callbacks_that_were_made(store: DatabaseStore) -> None:
    with pytest.raises(Unknown):
        await store.callback(7)
    assert await store.posted(RequestId("req_none")) == []


async def test_alerts_of_no_request_do_not_wait_for_each_other(store: DatabaseStore) -> None:
    alert = Send(OutboxKind.ALERT, "admins", NOON, "loud")
    await store.commit(Change(None, None, (admin_entry(),), (alert, replace(alert, event="other"))))
    assert len(await store.claim(NOON, 10, MINUTE)) == 2
