"""Which request is shown where: decided once, whoever asks, and a card changes hands with its message."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

from bot.core.terms import Digest, OutboxKind, Request, RequestId, Send, State
from bot.ports import Claimed, Crowd, Form, Posted, Stand
from storage.store import DatabaseStore
from tests.storage.conftest import Open
from tests.storage.values import MINUTE, NOON, a_request, asked

OPS = "slack:#ops"
_digests = count()
CALM = Crowd(1000, 30, NOON - MINUTE)
CROWDED = Crowd(2, 3, NOON - MINUTE)


async def claimed(store: DatabaseStore, **parts: Any) -> Claimed:
    """Make a request that is to be shown, for something of its own unless told, and claim its row."""
    request = a_request(**({"digest": Digest(f"{next(_digests):064x}")} | parts))
    await store.commit(asked(request, sends=(Send(OutboxKind.SHOW, OPS, NOON),)))
    rows = await store.claim(NOON, 100, MINUTE)
    return next(row for row in rows if row.request_id == request.id)


def whose(row: Claimed) -> RequestId:
    assert row.request_id is not None
    return row.request_id


def posted(row: Claimed, message: str = "1.1") -> Posted:
    return Posted(whose(row), OPS, "C1", message, 1)


async def waiting(store: DatabaseStore) -> list[tuple[str | None, int]]:
    """Return whose cards are to be shown, and their tries."""
    return [(row.request_id, row.attempts) for row in await store.claim(NOON + MINUTE / 2, 100, MINUTE)]


async def test_a_request_gets_its_place_once(store: DatabaseStore) -> None:
    row = await claimed(store)
    assert await store.stand(whose(row), OPS) is None
    seated = await store.seat(row, CALM, NOON)
    assert seated == Stand(Form.CARD, whose(row), None)
    assert await store.seat(row, Crowd(0, 30, NOON - MINUTE), NOON) == seated
    await store.finish(row, None, posted(row))
    assert await store.stand(whose(row), OPS) == Stand(Form.CARD, whose(row), posted(row))


async def test_a_card_from_before_stands_were_kept_is_its_requests_own(store: DatabaseStore) -> None:
    row = await claimed(store)
    await store.finish(row, None, posted(row))
    assert await store.stand(whose(row), OPS) == Stand(Form.CARD, whose(row), posted(row))


async def test_in_a_crowd_requests_are_lines_of_roundups_that_do_not_overflow(store: DatabaseStore) -> None:
    rows = [await claimed(store) for _ in range(9)]
    seated = [
        await store.seat(row, CROWDED, NOON + number * timedelta(seconds=1))
        for number, row in enumerate(rows)
    ]
    assert [one.form for one in seated] == [Form.CARD] * 2 + [Form.ROUNDUP] * 7
    assert [one.leader for one in seated[2:]] == [whose(rows[n]) for n in (2, 2, 2, 5, 5, 5, 8)]
    assert [one.id for one in await store.lines(whose(rows[2]), OPS)] == [whose(row) for row in rows[2:5]]


async def test_after_a_minute_cards_stand_alone_again(store: DatabaseStore) -> None:
    rows = [await claimed(store) for _ in range(4)]
    for row in rows[:3]:
        await store.seat(row, CROWDED, NOON)
    later = replace(CROWDED, since=NOON)
    assert (await store.seat(rows[3], later, NOON + MINUTE)).form is Form.CARD


async def test_however_many_ask_at_once_only_so_many_get_a_card(replica: Open) -> None:
    stores = [await replica(), await replica()]
    rows = [await claimed(stores[0]) for _ in range(20)]
    crowd = Crowd(5, 30, NOON - MINUTE)
    seats = (stores[number % 2].seat(row, crowd, NOON) for number, row in enumerate(rows))
    seated = await asyncio.gather(*seats)
    assert Counter(one.form for one in seated) == {Form.CARD: 5, Form.ROUNDUP: 15}
    assert len({one.leader for one in seated if one.form is Form.ROUNDUP}) == 1


async def test_who_waits_behind_another_has_that_one_shown_and_its_thread(store: DatabaseStore) -> None:
    first, second = await claimed(store), await claimed(store)
    await store.seat(first, CALM, NOON)
    await store.finish(first, None, posted(first))
    await store.follow(second, whose(first), NOON)
    assert await store.stand(whose(second), OPS) == Stand(Form.ALIKE, whose(first), posted(first))
    assert await waiting(store) == [(whose(first), 1)]


async def test_a_hundred_that_wait_behind_one_have_it_shown_once(store: DatabaseStore) -> None:
    first = await claimed(store)
    await store.seat(first, CALM, NOON)
    await store.finish(first, None, posted(first))
    for row in [await claimed(store) for _ in range(10)]:
        await store.follow(row, whose(first), NOON)
    assert await waiting(store) == [(whose(first), 1)]


async def test_a_card_is_handed_over_with_its_message(store: DatabaseStore) -> None:
    first, second = await claimed(store), await claimed(store)
    await store.seat(first, CALM, NOON)
    await store.finish(first, None, posted(first))
    await store.follow(second, whose(first), NOON)
    (row,) = await store.claim(NOON, 100, MINUTE)
    assert await store.hand_over(row, whose(second), NOON)
    given = replace(posted(first), request_id=whose(second), version=0)
    assert await store.stand(whose(second), OPS) == Stand(Form.CARD, whose(second), given)
    # Who gave it away keeps its thread.
    before = await store.stand(whose(first), OPS)
    assert before is not None
    assert (before.form, before.leader) == (Form.ALIKE, whose(second))
    assert before.posted is not None
    assert before.posted.message == "1.1"
    assert await waiting(store) == [(whose(second), 1)]


async def test_who_has_a_card_already_takes_no_other(store: DatabaseStore) -> None:
    first, second = await claimed(store), await claimed(store)
    for row in (first, second):
        await store.seat(row, CALM, NOON)
    assert not await store.hand_over(first, whose(second), NOON)
    await store.finish(first, None, posted(first))  # its row is still its own
    stand = await store.stand(whose(first), OPS)
    assert stand is not None
    assert (stand.form, stand.posted) == (Form.CARD, posted(first))


async def test_a_follower_that_was_given_a_card_meanwhile_keeps_it(store: DatabaseStore) -> None:
    first, second = await claimed(store), await claimed(store)
    await store.seat(first, CALM, NOON)
    assert await store.hand_over(first, whose(second), NOON)
    await store.follow(second, whose(first), NOON)
    stand = await store.stand(whose(second), OPS)
    assert stand is not None
    assert stand.form is Form.CARD
    # Its row was under way, so the new one looks for what that may have posted.
    assert await waiting(store) == [(whose(second), 2)]


async def test_a_lost_lease_moves_nothing(store: DatabaseStore) -> None:
    first, second = await claimed(store), await claimed(store)
    await store.seat(first, CALM, NOON)
    again = await store.claim(NOON + MINUTE, 100, MINUTE)
    assert {row.request_id for row in again} == {first.request_id, second.request_id}
    await store.follow(second, whose(first), NOON)
    await store.hand_over(first, whose(second), NOON)
    await store.pass_on(first, whose(second), NOON)
    stand = await store.stand(whose(first), OPS)
    assert stand is not None
    assert stand.form is Form.CARD
    assert await store.stand(whose(second), OPS) is None
    assert await waiting(store) == []


async def test_the_next_one_is_let_go_of_a_line_once(store: DatabaseStore) -> None:
    first, second = await claimed(store), await claimed(store)
    assert (await store.seat(first, Crowd(0, 30, NOON - MINUTE), NOON)).form is Form.ROUNDUP
    await store.follow(second, whose(first), NOON)
    await store.claim(NOON, 100, MINUTE)
    for _ in range(2):
        await store.free(first, whose(second), NOON)
    assert await waiting(store) == [(whose(second), 1)]
    await store.free(first, whose(second), NOON)
    assert await waiting(store) == []


async def test_a_message_remembers_what_it_shows_beside_its_leader(store: DatabaseStore) -> None:
    row = await claimed(store)
    await store.seat(row, CALM, NOON)
    await store.put_stamp(whose(row), OPS, "abc")
    stand = await store.stand(whose(row), OPS)
    assert stand is not None
    assert stand.stamp == "abc"


async def test_identical_pending_requests_are_found_oldest_first_and_counted(store: DatabaseStore) -> None:
    mine, other = Digest("1" * 64), Digest("2" * 64)
    requests: list[Request] = [a_request(digest=mine) for _ in range(4)]
    over = a_request(digest=mine, state=State.DENIED, due_at=None)
    for request in [*reversed(requests), over, a_request(digest=other)]:
        await store.commit(asked(request))
    assert await store.alike(mine, 3) == requests[:3]
    assert await store.count_alike([mine, other, Digest("3" * 64)]) == {mine: 4, other: 1}


async def test_of_identical_ones_only_the_first_that_asks_gets_a_place(replica: Open) -> None:
    stores = [await replica(), await replica()]
    same = Digest("5" * 64)
    rows = [await claimed(stores[0], digest=same) for _ in range(8)]
    seats = (stores[number % 2].seat(row, CALM, NOON) for number, row in enumerate(rows))
    seated = await asyncio.gather(*seats)
    assert Counter(one.form for one in seated) == {Form.CARD: 1, Form.ALIKE: 7}
    assert len({one.leader for one in seated}) == 1
