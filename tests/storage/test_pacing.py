"""What a surface's pace asks of the outbox: turns that are no attempts, and what goes first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.terms import Entry, EntryKind, OutboxKind, Request, Send
from bot.ports import Claimed, Posted
from storage.store import DatabaseStore
from tests.storage.values import BY_AGENT, HOUR, MINUTE, NOON, a_request, approved, asked

MOMENT = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
OPS = "slack:#ops"


def show(minutes: float = 0) -> Send:
    return Send(OutboxKind.SHOW, OPS, NOON + minutes * MINUTE)


async def shown(store: DatabaseStore, *sends: Send) -> Request:
    """Make a request whose card stands in #ops."""
    request = a_request()
    await store.commit(asked(request, sends=(show(),)))
    (claimed,) = await store.claim(NOON, 10, MINUTE)
    await store.finish(claimed, None, Posted(request.id, OPS, "C1", "1.1", 1))
    return request


def dead(claimed: Claimed, at: timedelta = timedelta()) -> Entry:
    return Entry(EntryKind.DEAD, NOON + at, BY_AGENT, request_id=claimed.request_id)


async def test_what_was_put_back_was_no_attempt_and_keeps_its_place(store: DatabaseStore) -> None:
    first, second = a_request(), a_request()
    await store.commit(asked(first, sends=(show(),)))
    await store.commit(asked(second, sends=(show(1),)))
    (claimed,) = await store.claim(NOON, 1, MINUTE)
    await store.put_back(claimed, claimed.send.due_at)
    (again,) = await store.claim(NOON + HOUR, 1, MINUTE)
    assert (again.id, again.attempts, again.send.due_at) == (claimed.id, 1, NOON)


async def test_what_waits_for_its_turn_comes_then_and_not_before(store: DatabaseStore) -> None:
    await store.commit(asked(a_request(), sends=(show(),)))
    (claimed,) = await store.claim(NOON, 1, MINUTE)
    await store.put_back(claimed, NOON + 10 * SECOND)
    assert await store.claim(NOON + 10 * SECOND - MOMENT, 1, MINUTE) == []
    assert len(await store.claim(NOON + 10 * SECOND, 1, MINUTE)) == 1


async def test_a_lost_lease_puts_nothing_back_and_hands_nothing_on(store: DatabaseStore) -> None:
    await store.commit(asked(a_request(), sends=(show(),)))
    (lost,) = await store.claim(NOON, 1, SECOND)
    (held,) = await store.claim(NOON + SECOND, 1, HOUR)
    await store.put_back(lost, NOON)
    await store.hand_on(lost, [Send(OutboxKind.ALERT, "admins", NOON)])
    assert await store.claim(NOON + MINUTE, 10, MINUTE) == []
    await store.finish(held, None)
    assert await store.claim(NOON + 2 * HOUR, 10, MINUTE) == []


async def test_a_full_address_takes_only_changes_of_what_stands(store: DatabaseStore) -> None:
    standing = await shown(store)
    await store.commit(approved(standing, sends=(show(1),), callback=None))
    await store.commit(asked(a_request(), sends=(show(),)))
    await store.commit(asked(a_request(), sends=(replace(show(), address="slack:#leads"),)))
    claimed = await store.claim(NOON + HOUR, 10, MINUTE, {}, {OPS})
    assert [(one.send.address, one.request_id == standing.id) for one in claimed] == [
        (OPS, True),
        ("slack:#leads", False),
    ]
    assert len(await store.claim(NOON + HOUR, 10, MINUTE)) == 1


async def test_a_change_of_a_card_goes_before_new_cards_and_they_before_what_is_over(
    store: DatabaseStore,
) -> None:
    over, late = a_request(), a_request()
    await store.commit(asked(over, sends=(show(-9),)))
    await store.commit(approved(over, sends=(show(-8),), callback=None))  # before it was ever shown
    await store.commit(asked(late, sends=(show(5),)))
    standing = await shown_after(store, late)
    await store.commit(approved(standing, sends=(show(6),), callback=None))
    order = []
    for _ in range(3):
        (claimed,) = await store.claim(NOON + HOUR, 1, MINUTE)
        order.append(claimed.request_id)
    assert order == [standing.id, late.id, over.id]


async def test_what_was_queued_while_a_card_went_up_is_a_change_of_it(store: DatabaseStore) -> None:
    request = a_request()
    await store.commit(asked(request, sends=(show(),)))
    (claimed,) = await store.claim(NOON, 1, HOUR)
    await store.commit(approved(request, sends=(show(1),), callback=None))
    await store.finish(claimed, None, Posted(request.id, OPS, "C1", "1.1", 1))
    assert len(await store.claim(NOON + MINUTE, 1, MINUTE, {}, {OPS})) == 1


async def shown_after(store: DatabaseStore, other: Request) -> Request:
    """Make a request whose card stands, while another one waits; return it."""
    request = a_request()
    await store.commit(asked(request, sends=(show(-20),)))
    (claimed,) = await store.claim(NOON - 15 * MINUTE, 1, MINUTE)
    assert claimed.request_id == request.id != other.id
    await store.finish(claimed, None, Posted(request.id, OPS, "C1", "1.1", 1))
    return request


async def test_one_row_is_handed_on_to_several(store: DatabaseStore) -> None:
    alert = Send(OutboxKind.ALERT, "admins", NOON, "loud")
    await store.commit(asked(a_request(), sends=(alert,)))
    (claimed,) = await store.claim(NOON, 10, MINUTE)
    await store.hand_on(claimed, [replace(alert, address=f"person:{name}") for name in ("ana", "bo")])
    assert {one.send.address for one in await store.claim(NOON, 10, MINUTE)} == {"person:ana", "person:bo"}


@pytest.mark.parametrize("verb", ["bury", "postpone"])
async def test_of_one_cause_the_admins_are_told_once_an_hour(store: DatabaseStore, verb: str) -> None:
    told = []
    for minutes in (0, 1, 59, 60, 61):
        at = minutes * MINUTE
        await store.commit(asked(a_request(), sends=(show(minutes),)))
        claimed = next(
            one for one in await store.claim(NOON + at, 1, 10 * SECOND) if one.send.kind is OutboxKind.SHOW
        )
        alert = Send(OutboxKind.ALERT, "admins", NOON + at, "card-lost:slack:#ops: archived")
        if verb == "bury":
            await store.bury(claimed, "archived", dead(claimed, at), [alert])
        else:
            await store.postpone(claimed, NOON + 10 * HOUR, "archived", [alert])
        for one in await store.claim(NOON + at, 10, MINUTE):
            assert one.send.kind is OutboxKind.ALERT
            await store.finish(one, None)
            told.append(minutes)
    assert told == [0, 60]


async def test_admins_who_cannot_be_told_are_not_told_again(store: DatabaseStore) -> None:
    alert = Send(OutboxKind.ALERT, "admins", NOON, "shut:revoked")
    for hours in range(3):
        await store.commit(asked(a_request(), sends=(show(),)))
        (claimed,) = await store.claim(NOON + MINUTE, 1, MINUTE)
        await store.postpone(claimed, NOON + 10 * HOUR, "", [replace(alert, due_at=NOON + hours * HOUR)])
        if not hours:
            (waiting,) = await store.claim(NOON, 1, 9 * HOUR)
            assert waiting.send == alert
    assert len(await store.claim(NOON + 9.5 * HOUR, 10, MINUTE)) == 1
