"""The outbox: rows are claimed under a lease; whoever holds the token finishes, postpones or buries them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from bot.core.errors import Unknown
from bot.core.terms import CallbackKind, Entry, ExecutorName, OutboxKind, RequestId, Send
from bot.ports import Callback, Claimed, Letter, Posted
from storage.claiming import due_rows, in_turn, next_send, take
from storage.database import Database
from storage.faults import reaching
from storage.ledger import Salt
from storage.mail import Posting, Rank, outbox_row, queue, queue_alerts
from storage.sent import Finish, let_go
from storage.statements import add
from storage.tables import CALLBACKS, LETTERS, OUTBOX, POSTED
from storage.transaction import Transaction
from storage.writer import Writer

_BOX = OUTBOX.c
NOTHING: Mapping[str, int] = MappingProxyType({})


class OutboxStore:
    """The store's half that is about sending; `bot.ports.Outbox` says what each method means."""

    _database: Database
    _writer: Writer
    _salt: Salt

    async def claim(
        self,
        now: datetime,
        limit: int,
        lease: timedelta,
        under_way: Mapping[str, int] = NOTHING,
        full: Collection[str] = (),
    ) -> list[Claimed]:
        """Take rows that are due and not under a live lease, approvals first, in turn between addresses."""
        any_due = select(_BOX.id).where(_BOX.due_at <= now).limit(1)
        with reaching():
            if await self._database.read(lambda connection: connection.execute(any_due).first()) is None:
                return []
        token = self._salt().hex()

        def errand(held: Transaction) -> list[Claimed]:
            due = due_rows(held.connection, now, limit)
            able = [row for row in due if row.rank == Rank.RENEW or row.address not in full]
            return take(held, in_turn(able, limit, under_way), now + lease, token)

        return await self._writer.submit(errand)

    async def finish(self, claimed: Claimed, entry: Entry | None, posted: Posted | None = None) -> None:
        """Mark it sent; a lost lease changes nothing."""
        await self._writer.submit(Finish(claimed, entry, posted))

    async def postpone(
        self, claimed: Claimed, due_at: datetime, problem: str, alerts: Sequence[Send] = ()
    ) -> None:
        """Let it wait after an attempt; a lost lease changes nothing."""

        def errand(held: Transaction) -> None:
            waits = update(OUTBOX).where(*_ours(claimed))
            held.connection.execute(waits.values(due_at=due_at, problem=problem, token=None))
            held.will_send(due_at)
            queue_alerts(held, claimed.request_id, alerts)

        await self._writer.submit(errand)

    async def put_back(self, claimed: Claimed, due_at: datetime) -> None:
        """Let it wait untried; a lost lease changes nothing."""

        def errand(held: Transaction) -> None:
            waits = update(OUTBOX).where(*_ours(claimed))
            held.connection.execute(waits.values(due_at=due_at, token=None, attempts=_BOX.attempts - 1))
            if due_at > claimed.send.due_at:  # else it is as due as it was: no reason to look again
                held.will_send(due_at)

        await self._writer.submit(errand)

    async def hand_on(self, claimed: Claimed, sends: Sequence[Send]) -> None:
        """Put others in its place; a lost lease changes nothing."""

        def errand(held: Transaction) -> None:
            if let_go(held, [claimed]):
                queue(held, [Posting(claimed.request_id, send) for send in sends])

        await self._writer.submit(errand)

    async def bury(self, claimed: Claimed, problem: str, entry: Entry, alerts: Sequence[Send]) -> None:
        """Make it a dead letter; a lost lease changes nothing."""

        def errand(held: Transaction) -> None:
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
            queue_alerts(held, claimed.request_id, alerts)

        await self._writer.submit(errand)

    async def next_send(self, full: Collection[str] = ()) -> datetime | None:
        """Return the earliest instant at which a row is due whose address is not `full`."""
        with reaching():
            return await self._database.read(lambda connection: next_send(connection, full))

    async def queued(self) -> tuple[int, datetime | None]:
        """Return how many rows wait or are being sent, and when the oldest of them was due first."""
        with reaching():
            return await self._database.read(_queued)

    async def letters(self, limit: int) -> list[Letter]:
        """Return the dead letters, newest first."""
        newest = select(LETTERS).order_by(LETTERS.c.at.desc(), LETTERS.c.id.desc()).limit(limit)
        with reaching():
            rows = await self._database.read(lambda connection: connection.execute(newest).all())
        return [_letter(row) for row in rows]

    async def letter(self, letter_id: int) -> Letter:
        """Return one dead letter."""
        one = select(LETTERS).where(LETTERS.c.id == letter_id)
        with reaching():
            row = await self._database.read(lambda connection: connection.execute(one).one_or_none())
        if row is None:
            raise Unknown
        return _letter(row)

    async def redeliver(self, letter_id: int, now: datetime, entry: Entry) -> None:
        """Queue a dead letter again."""

        def errand(held: Transaction) -> None:
            row = held.connection.execute(select(LETTERS).where(LETTERS.c.id == letter_id)).one_or_none()
            if row is None:
                raise Unknown
            held.connection.execute(delete(LETTERS).where(LETTERS.c.id == letter_id))
            send = Send(OutboxKind(row.kind), row.address, now, row.event)
            add(held.connection, OUTBOX, [outbox_row(Posting(row.request_id, send, row.callback_id))])
            held.will_send(now)
            held.ledger.append(entry)

        await self._writer.submit(errand)

    async def posted(self, request_id: RequestId) -> list[Posted]:
        """Return where the request's card stands."""
        where = select(POSTED).where(POSTED.c.request_id == request_id).order_by(POSTED.c.address)
        with reaching():
            rows = await self._database.read(lambda connection: connection.execute(where).all())
        return [posted_of(row) for row in rows]

    async def shown_at(self, place: str, message: str) -> list[Posted]:
        """Return for which requests a message stands or stood; none for one that is not ours."""
        standing = POSTED.c
        here = select(POSTED).where(standing.place == place, standing.message == message)
        with reaching():
            rows = await self._database.read(
                lambda connection: connection.execute(here.order_by(standing.request_id)).all()
            )
        return [posted_of(row) for row in rows]

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
        sequence = held.sequence if about is None else func.coalesce(held.sequence, held.sequence)
        beyond = select(CALLBACKS).where(held.executor == executor, sequence > after)
        if about is not None:  # by its own index, for which SQLite must not prefer the order of the other
            beyond = beyond.where(held.request_id == about)
        with reaching():
            rows = await self._database.read(
                lambda connection: connection.execute(beyond.order_by(sequence).limit(limit)).all()
            )
        return [_callback(row) for row in rows]


def _ours(claimed: Claimed) -> tuple[Any, Any]:
    return _BOX.id == claimed.id, _BOX.token == claimed.token


def _letter(row: Row[Any]) -> Letter:
    return Letter(row.id, row.kind, row.address, row.request_id, row.attempts, row.problem, row.at)


def _callback(row: Row[Any]) -> Callback:
    return Callback(
        id=row.id,
        executor=ExecutorName(row.executor),
        sequence=row.sequence,
        kind=CallbackKind(row.kind),
        request_id=RequestId(row.request_id),
        at=row.at,
    )


def posted_of(row: Row[Any]) -> Posted:
    """Return what stands somewhere."""
    return Posted(RequestId(row.request_id), row.address, row.place, row.message, row.version)


def _queued(connection: Connection) -> tuple[int, datetime | None]:
    count, oldest = connection.execute(select(func.count(), func.min(_BOX.first_due_at))).one()
    return int(count), oldest
