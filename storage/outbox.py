"""The outbox: rows are claimed under a lease; whoever holds the token finishes, postpones or buries them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, literal, select, true, update

from bot.core.errors import Unknown
from bot.core.terms import CallbackKind, Entry, ExecutorName, OutboxKind, RequestId, Send
from bot.ports import EACH_MAX, Callback, Claimed, Letter, Posted
from storage.database import Database
from storage.faults import reaching
from storage.ledger import Salt
from storage.mail import Posting, outbox_row, queue
from storage.sent import Finish, let_go
from storage.statements import add
from storage.tables import CALLBACKS, LETTERS, OUTBOX, POSTED
from storage.transaction import Transaction
from storage.writer import Writer

T = TypeVar("T")
_BOX = OUTBOX.c
NOTHING: Mapping[str, int] = MappingProxyType({})
EACH_MIN = 4  # rows looked at of each address, however many addresses there are


class OutboxStore:
    """The store's half that is about sending; `bot.ports.Outbox` says what each method means."""

    _database: Database
    _writer: Writer
    _salt: Salt

    async def claim(
        self, now: datetime, limit: int, lease: timedelta, under_way: Mapping[str, int] = NOTHING
    ) -> list[Claimed]:
        """Take rows that are due and not under a live lease, approvals first, in turn between addresses."""
        due = select(_BOX.id).where(_BOX.due_at <= now).limit(1)
        with reaching():
            if await self._database.read(lambda connection: connection.execute(due).first()) is None:
                return []
        token = self._salt().hex()
        return await self._writer.submit(lambda held: _claim(held, now, limit, now + lease, token, under_way))

    async def finish(self, claimed: Claimed, entry: Entry | None, posted: Posted | None = None) -> None:
        """Mark it sent; a lost lease changes nothing."""
        await self._writer.submit(Finish(claimed, entry, posted))

    async def postpone(self, claimed: Claimed, due_at: datetime, problem: str) -> None:
        """Let it wait; a lost lease changes nothing."""

        def job(held: Transaction) -> None:
            held.connection.execute(
                update(OUTBOX).where(*_ours(claimed)).values(due_at=due_at, problem=problem, token=None)
            )
            held.will_be_due(due_at)

        await self._writer.submit(job)

    async def bury(self, claimed: Claimed, problem: str, entry: Entry, alerts: Sequence[Send]) -> None:
        """Make it a dead letter; a lost lease changes nothing."""

        def job(held: Transaction) -> None:
            if not let_go(held, [claimed]):
                return
            letter = {
                "id": claimed.id,
                "kind": claimed.send.kind.value,
                "address": claimed.send.address,
                "event": claimed.send.event,
                "request_id": claimed.request_id,
                "callback_id": claimed.callback_id,
                "attempts": claimed.attempts,
                "problem": problem,
                "at": entry.at,
            }
            add(held.connection, LETTERS, [letter])
            held.ledger.append(entry)
            queue(held, [Posting(claimed.request_id, alert) for alert in alerts])

        await self._writer.submit(job)

    async def letters(self, limit: int) -> list[Letter]:
        """Return the dead letters, newest first."""
        newest = select(LETTERS).order_by(LETTERS.c.at.desc(), LETTERS.c.id.desc()).limit(limit)
        with reaching():
            rows = await self._database.read(lambda connection: connection.execute(newest).all())
        return [
            Letter(row.id, row.kind, row.address, row.request_id, row.attempts, row.problem, row.at)
            for row in rows
        ]

    async def redeliver(self, letter_id: int, now: datetime, entry: Entry) -> None:
        """Queue a dead letter again."""

        def job(held: Transaction) -> None:
            row = held.connection.execute(select(LETTERS).where(LETTERS.c.id == letter_id)).one_or_none()
            if row is None:
                raise Unknown
            held.connection.execute(delete(LETTERS).where(LETTERS.c.id == letter_id))
            send = Send(OutboxKind(row.kind), row.address, now, row.event)
            add(held.connection, OUTBOX, [outbox_row(Posting(row.request_id, send, row.callback_id))])
            held.will_be_due(now)
            held.ledger.append(entry)

        await self._writer.submit(job)

    async def posted(self, request_id: RequestId) -> list[Posted]:
        """Return where the request's card stands."""
        where = select(POSTED).where(POSTED.c.request_id == request_id).order_by(POSTED.c.address)
        with reaching():
            rows = await self._database.read(lambda connection: connection.execute(where).all())
        return [Posted(request_id, row.address, row.place, row.message, row.version) for row in rows]

    async def callback(self, callback_id: int) -> Callback:
        """Return one callback."""
        one = select(CALLBACKS).where(CALLBACKS.c.id == callback_id)
        with reaching():
            row = await self._database.read(lambda connection: connection.execute(one).one_or_none())
        if row is None:
            raise Unknown
        return _callback(row)

    async def executions(
        self, executor: ExecutorName, after: int, limit: int, about: RequestId | None = None
    ) -> list[Callback]:
        """Return the executor's callbacks beyond `after`, in sequence; those `about` one request, or all."""
        held = CALLBACKS.c
        beyond = select(CALLBACKS).where(held.executor == executor, held.sequence > after)
        if about is not None:
            beyond = beyond.where(held.request_id == about)
        with reaching():
            rows = await self._database.read(
                lambda connection: connection.execute(beyond.order_by(held.sequence).limit(limit)).all()
            )
        return [_callback(row) for row in rows]


def _ours(claimed: Claimed) -> tuple[Any, Any]:
    return _BOX.id == claimed.id, _BOX.token == claimed.token


def _claim(
    held: Transaction, now: datetime, limit: int, until: datetime, token: str, under_way: Mapping[str, int]
) -> list[Claimed]:
    rows = _in_turn(_due_rows(held.connection, now, limit), limit, under_way)
    if not rows:
        return []
    taken = update(OUTBOX).where(_BOX.id.in_([row.id for row in rows]))
    held.connection.execute(taken.values(token=token, due_at=until, attempts=_BOX.attempts + 1))
    held.will_be_due(until)
    return [_claimed(row, token, until) for row in rows]


def _due_rows(connection: Connection, now: datetime, limit: int) -> Sequence[Row[Any]]:
    """Read the first due rows of every address, so that a storm at one does not hide the others'."""
    lanes = select(func.min(_BOX.address).label("address")).cte("lanes", recursive=True)
    following = select(func.min(_BOX.address)).where(_BOX.address > lanes.c.address).scalar_subquery()
    lanes = lanes.union_all(select(following).where(lanes.c.address.is_not(None)))
    addresses = connection.execute(select(func.count()).select_from(lanes)).scalar_one()
    each = max(EACH_MIN, 2 * limit // addresses)
    box, other = OUTBOX.alias("box"), OUTBOX.alias("other")
    busy = exists(
        select(literal(1)).where(
            other.c.request_id == box.c.request_id,
            _unindexed(other.c.address) == box.c.address,
            other.c.token.is_not(None),
            _unindexed(other.c.due_at) > now,
        )
    )
    first = (
        select(box)
        .where(box.c.address == lanes.c.address, _unindexed(box.c.due_at) <= now, ~busy)
        .order_by(box.c.rank, box.c.due_at, box.c.id)
        .limit(each)
    )
    if connection.dialect.name == "postgresql":
        found = first.lateral("found")
        return connection.execute(select(found).select_from(lanes.join(found, true()))).all()
    ids = first.with_only_columns(box.c.id).correlate(lanes).scalar_subquery()
    return connection.execute(select(OUTBOX).join_from(lanes, OUTBOX, _BOX.id.in_(ids))).all()


def _unindexed(column: ColumnElement[T]) -> ColumnElement[T]:
    """Keep PostgreSQL from a column's index, to which its ever-old statistics of a queue would mislead it."""
    return func.coalesce(column, column)


def _in_turn(rows: Sequence[Row[Any]], limit: int, under_way: Mapping[str, int]) -> list[Row[Any]]:
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


def _callback(row: Row[Any]) -> Callback:
    return Callback(
        id=row.id,
        executor=ExecutorName(row.executor),
        sequence=row.sequence,
        kind=CallbackKind(row.kind),
        request_id=RequestId(row.request_id),
        at=row.at,
    )
