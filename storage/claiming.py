"""Choosing what is sent next: every address in its turn, and at each what matters most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import structlog
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Subquery,
    bindparam,
    func,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
    update,
)

from bot.core.effects import ADMINS
from bot.core.terms import OutboxKind, Send
from bot.ports import EACH_MAX, Claimed
from storage.columns import Instant, Whole
from storage.mail import Rank, queue_alerts
from storage.tables import OUTBOX
from storage.transaction import Transaction

log = structlog.get_logger()
T = TypeVar("T")
_BOX = OUTBOX.c
KINDS = frozenset(kind.value for kind in OutboxKind)
LOOK_MAX = 500  # rows of a rank looked at in one claim, of all addresses together …
EVER = literal_column("'-infinity'::timestamptz", Instant)
NEVER = literal_column("'infinity'::timestamptz", Instant)
EACH_MIN = 4  # … but of each at least so many


def take(held: Transaction, rows: Sequence[Row[Any]], until: datetime, token: str) -> list[Claimed]:
    """Lease rows to whoever holds the token; those of a kind that we do not know wait for a newer version."""
    if not rows:
        return []
    ours = [row for row in rows if row.kind in KINDS]
    taken = update(OUTBOX).where(_BOX.id.in_([row.id for row in ours]))
    held.connection.execute(taken.values(token=token, due_at=until, attempts=_BOX.attempts + 1))
    held.will_send(until)
    if len(ours) < len(rows):
        _leave(held, [row for row in rows if row.kind not in KINDS], until)
    return [_claimed(row, token, until) for row in ours]


def _leave(held: Transaction, rows: Sequence[Row[Any]], until: datetime) -> None:
    """Put rows that nobody here can send behind the others, and tell the admins once an hour."""
    unknown = update(OUTBOX).where(_BOX.id.in_([row.id for row in rows]))
    held.connection.execute(unknown.values(due_at=until, token=None))
    kinds = sorted({row.kind for row in rows})
    log.error("store.unknown-kind", kinds=kinds, rows=len(rows))
    alert = Send(OutboxKind.ALERT, ADMINS, rows[0].due_at, f"unknown: {kinds[0]}")
    queue_alerts(held, None, [alert])


def due_rows(connection: Connection, now: datetime, limit: int) -> Sequence[Row[Any]]:
    """Read the first due rows of every address, so that a storm at one does not hide the others'."""
    addresses = connection.execute(_COUNT_ADDRESSES).scalar_one()
    each = min(limit, 2 * EACH_MAX, max(EACH_MIN, LOOK_MAX // addresses))
    query = _first_rows(connection.dialect.name == "postgresql")
    return connection.execute(query, {"now": now, "each": each}).all()


def next_send(connection: Connection, full: Collection[str] = ()) -> datetime | None:
    """Return the earliest instant at which a row is due whose address is not `full`."""
    soonest = select(func.min(_BOX.due_at))
    if full:
        soonest = _soonest(sorted(full), connection.dialect.name == "postgresql")
    instant: datetime | None = connection.execute(soonest).scalar()
    return instant


def _addresses() -> CTE:
    """Select every address, from one to the next by the index; the last row is null."""
    found = select(func.min(_BOX.address).label("address")).cte("addresses", recursive=True)
    following = select(func.min(_BOX.address)).where(_BOX.address > found.c.address).scalar_subquery()
    return found.union_all(select(following).where(found.c.address.is_not(None)))


_COUNT_ADDRESSES = select(func.count()).select_from(_addresses())


def _ranks() -> Subquery:
    """Select every rank: of an address and a rank the index knows what is due first, however much is not."""
    return union_all(*(select(literal_column(str(rank.value)).label("rank")) for rank in Rank)).subquery(
        "ranks"
    )


@cache
def _first_rows(on_postgresql: bool) -> Select[Any]:
    addresses, ranks, box, other = _addresses(), _ranks(), OUTBOX.alias("box"), OUTBOX.alias("other")
    now = bindparam("now", type_=Instant)
    # Counted, for PostgreSQL would turn "there is none" into a join, and read everything for it.
    others_under_way = (
        select(func.count())
        .where(
            other.c.request_id == box.c.request_id,
            _unindexed(other.c.address) == box.c.address,
            other.c.token.is_not(None),
            _unindexed(other.c.due_at) > now,
        )
        .scalar_subquery()
    )
    due = (*_of_rank(box, ranks, now, on_postgresql), others_under_way == 0)
    first = (
        select(box)
        .where(box.c.address == addresses.c.address, *due)
        .order_by(box.c.rank, box.c.due_at, box.c.id)
        .limit(bindparam("each", type_=Whole))
    )
    lanes = addresses.join(ranks, true())
    if on_postgresql:
        found = first.lateral("found")
        return select(found).select_from(lanes.join(found, true()))
    ids = first.with_only_columns(box.c.id).correlate(addresses, ranks).scalar_subquery()
    return select(OUTBOX).select_from(lanes.join(OUTBOX, _BOX.id.in_(ids)))


def _soonest(full: Sequence[str], on_postgresql: bool) -> Select[Any]:
    addresses, ranks, box = _addresses(), _ranks(), OUTBOX.alias("box")
    here = (box.c.address == addresses.c.address, *_of_rank(box, ranks, None, on_postgresql))
    first = select(box.c.due_at).where(*here).order_by(box.c.rank, box.c.due_at).limit(1)
    due_at = first.correlate(addresses, ranks).scalar_subquery().label("due_at")
    lanes = select(due_at).select_from(addresses.join(ranks, true()))
    each = lanes.where(addresses.c.address.not_in(full)).subquery()
    return select(func.min(each.c.due_at, type_=Instant))


def _of_rank(
    box: FromClause, ranks: Subquery, now: ColumnElement[datetime] | None, on_postgresql: bool
) -> list[ColumnElement[bool]]:
    """Say that a row is of a rank, and due: so that only the index by address will do.

    The ever-old statistics of a queue would mislead PostgreSQL to another, which it cannot use for a pair;
    SQLite has no statistics, and takes the index for plain columns alone.
    """
    if not on_postgresql:
        return [box.c.rank == ranks.c.rank, *([] if now is None else [box.c.due_at <= now])]
    pair, last = tuple_(box.c.rank, box.c.due_at), NEVER if now is None else now
    return [pair >= tuple_(ranks.c.rank, EVER), pair <= tuple_(ranks.c.rank, last)]


def _unindexed(column: ColumnElement[T]) -> ColumnElement[T]:
    """Keep PostgreSQL from a column's index, to which its ever-old statistics of a queue would mislead it."""
    return func.coalesce(column, column)


def in_turn(rows: Sequence[Row[Any]], limit: int, under_way: Mapping[str, int]) -> list[Row[Any]]:
    """Deal the rows out between addresses; of one request at one address only the first."""
    turns = Counter(under_way)
    lanes: set[tuple[str, str]] = set()
    dealt = []
    for row in sorted(rows, key=lambda row: (row.rank, row.due_at, row.id)):
        if row.request_id is not None:
            if (row.request_id, row.address) in lanes:
                continue
            lanes.add((row.request_id, row.address))
        if turns[row.address] < EACH_MAX:
            dealt.append((turns[row.address], row))
            turns[row.address] += 1
    dealt.sort(key=lambda one: one[0])  # stable: within a turn, rank and due time still order
    return [row for _, row in dealt[:limit]]


def _claimed(row: Row[Any], token: str, until: datetime) -> Claimed:
    return Claimed(
        id=row.id,
        token=token,
        send=Send(OutboxKind(row.kind), row.address, row.due_at, row.event),
        request_id=row.request_id,
        callback_id=row.callback_id,
        attempts=row.attempts + 1,
        first_due_at=row.first_due_at,
        lease_until=until,
    )
