"""What stands in the way of the others: requests set aside, and messages that nobody came back for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from bot.core.terms import RequestId
from bot.ports import Stall
from storage.database import Database
from storage.faults import reaching
from storage.mail import queue_alerts
from storage.statements import put
from storage.tables import OUTBOX, REQUESTS, STALLS
from storage.transaction import Transaction
from storage.writer import Writer

_HELD, _STALL = REQUESTS.c, STALLS.c
LOOK_MAX = 200  # outbox rows, those due longest: a storm at one address must not make the look long
# Asked of each by its id: as a join, it would be read from the requests.
_DUE_AT = select(_HELD.due_at).where(_HELD.id == _STALL.request_id).scalar_subquery()
_COUNT_ASIDE = select(func.count()).select_from(STALLS).where(_STALL.until_at == _DUE_AT)


class StallStore:
    """The store's half that keeps one bad row from the others; `bot.ports.Stalls` says what is meant."""

    _database: Database
    _writer: Writer

    async def set_aside(self, stalls: Sequence[Stall], until: datetime, now: datetime) -> list[RequestId]:
        """Let requests wait whose deadline cannot be passed; return those of which that is news."""

        def errand(held: Transaction) -> list[RequestId]:
            return [one.due.request_id for one in stalls if _set_aside(held, one, until, now)]

        return await self._writer.submit(errand)

    async def stalled(self) -> int:
        """Count the requests that are set aside."""
        with reaching():
            return int(await self._database.read(lambda held: held.execute(_COUNT_ASIDE).scalar_one()))

    async def stranded(self, before: datetime) -> int:
        """Count the messages whose lease ended before an instant, among those due longest."""
        oldest = select(OUTBOX.c.token).where(OUTBOX.c.due_at < before).order_by(OUTBOX.c.due_at)

        def count(connection: Connection) -> int:
            return sum(row.token is not None for row in connection.execute(oldest.limit(LOOK_MAX)))

        with reaching():
            return await self._database.read(count)


def _set_aside(held: Transaction, stall: Stall, until: datetime, now: datetime) -> bool:
    """Set one aside that is due as it was found; say whether it was not aside before."""
    request_id, due_at = stall.due.request_id, stall.due.due_at
    was = select(_STALL.until_at).where(_STALL.request_id == request_id)
    known = held.connection.execute(was).scalar() == due_at
    moved = update(REQUESTS).where(_HELD.id == request_id, _HELD.due_at == due_at).values(due_at=until)
    if not held.connection.execute(moved).rowcount:
        return False  # somebody was here meanwhile
    put(held.connection, STALLS, [{"request_id": request_id, "until_at": until, "at": now}])
    held.will_tick(until)
    if known:
        return False
    held.ledger.append(stall.entry)
    queue_alerts(held, request_id, [stall.alert])
    return True
