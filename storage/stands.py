"""Which request is shown where, and how. What is decided here stands before anything is sent.

Whatever is shown at an address is written by the turn of one request there, its leader; so no two senders
ever write the same message, and a card changes hands only in the turn of who held it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from bot.core.terms import Digest, OutboxKind, Request, RequestId, Send, State
from bot.ports import Claimed, Crowd, Form, Posted, Stand
from storage.database import Database
from storage.faults import reaching
from storage.mail import Posting, queue
from storage.outbox import posted_of
from storage.rows import read_requests
from storage.sent import let_go, posted_row
from storage.statements import put
from storage.tables import OUTBOX, POSTED, REQUESTS, STANDS
from storage.transaction import Transaction
from storage.writer import Writer

_HELD, _STANDS = REQUESTS.c, STANDS.c


class StandStore:
    """The store's half that knows how requests are shown; `bot.ports.Stands` says what is meant."""

    _database: Database
    _writer: Writer

    async def stand(self, request_id: RequestId, address: str) -> Stand | None:
        """Return how a request is shown at an address."""
        with reaching():
            return await self._database.read(lambda connection: _stand(connection, request_id, address))

    async def seat(self, claimed: Claimed, crowd: Crowd, now: datetime) -> Stand:
        """Decide how a request is shown that waits behind none; what was decided before stays.

        Whoever waited behind another's message gets that one, in the turn of its holder; who is older than an
        identical one that is shown already waits behind that.
        """
        request_id, address = _whose(claimed), claimed.send.address

        def errand(held: Transaction) -> Stand:
            before = _stand(held.connection, request_id, address)
            if before is not None and before.form is not Form.ALIKE:
                return before
            if before is not None and (holder := _holder(held.connection, before.leader, address)):
                return Stand(Form.ALIKE, holder, before.posted)
            if (twin := _twin(held.connection, request_id, address)) is not None:
                _put(held, request_id, address, Form.ALIKE, twin, now)
                return Stand(Form.ALIKE, twin, None)
            leader = _roundup(held.connection, request_id, address, crowd)
            form = Form.CARD if leader is None else Form.ROUNDUP
            _put(held, request_id, address, form, leader or request_id, now)
            return Stand(form, leader or request_id, _posted(held.connection, leader or request_id, address))

        return await self._writer.submit(errand)

    async def follow(self, claimed: Claimed, leader: RequestId, now: datetime) -> None:
        """Have the claimed row's request wait behind an identical one; a lost lease changes nothing."""
        request_id, address = _whose(claimed), claimed.send.address

        def errand(held: Transaction) -> None:
            if not let_go(held, [claimed]):
                return
            before = _stand(held.connection, request_id, address)
            if before is not None and before.form is not Form.ALIKE:
                _show(held, request_id, address, now)  # meanwhile it was given a card
                return
            _put(held, request_id, address, Form.ALIKE, leader, now)
            _show(held, leader, address, now)

        await self._writer.submit(errand)

    async def hand_over(self, claimed: Claimed, heir: RequestId, now: datetime) -> bool:
        """Give a card to the next identical request; a lost lease changes nothing."""
        giver, address = _whose(claimed), claimed.send.address

        def errand(held: Transaction) -> bool:
            before = _stand(held.connection, heir, address)
            if before is not None and before.form is not Form.ALIKE:
                return False
            if not let_go(held, [claimed]):
                return True
            since = held.connection.execute(select(_STANDS.at).where(*_at(giver, address))).scalar() or now
            _put(held, giver, address, Form.ALIKE, heir, since)
            _put(held, heir, address, Form.CARD, heir, since)
            if (posted := _posted(held.connection, giver, address)) is not None:
                given = replace(posted, request_id=heir, version=0)
                put(held.connection, POSTED, [posted_row(given)])
            _show(held, heir, address, now)
            return True

        return await self._writer.submit(errand)

    async def free(self, claimed: Claimed, heir: RequestId, now: datetime) -> None:
        """Let the next identical request be shown by itself, unless it is already; the row stays claimed."""
        address = claimed.send.address

        def errand(held: Transaction) -> None:
            before = _stand(held.connection, heir, address)
            if before is None or (before.form is Form.ALIKE and before.leader != heir):
                _put(held, heir, address, Form.ALIKE, heir, now)
                _show(held, heir, address, now)

        await self._writer.submit(errand)

    async def pass_on(self, claimed: Claimed, to: RequestId, now: datetime) -> None:
        """Show another at the address instead; a lost lease changes nothing."""

        def errand(held: Transaction) -> None:
            if let_go(held, [claimed]):
                _show(held, to, claimed.send.address, now)

        await self._writer.submit(errand)

    async def put_stamp(self, leader: RequestId, address: str, stamp: str) -> None:
        """Remember what a message shows beside its leader."""
        marked = update(STANDS).where(*_at(leader, address)).values(stamp=stamp)
        await self._writer.submit(lambda held: held.connection.execute(marked).close())

    async def lines(self, leader: RequestId, address: str) -> list[Request]:
        """Return the requests of a roundup, in the order in which they came."""
        whose = (_STANDS.leader == leader, _STANDS.address == address, _STANDS.form == Form.ROUNDUP.value)
        ids = select(_HELD.document).join(STANDS, _STANDS.request_id == _HELD.id).where(*whose)
        ordered = ids.order_by(_STANDS.at, _HELD.created_at, _HELD.id)
        with reaching():
            rows = await self._database.read(lambda connection: connection.execute(ordered).all())
        return read_requests(row.document for row in rows)

    async def alike(self, digest: Digest, limit: int) -> list[Request]:
        """Return the pending requests of this digest, oldest first."""
        pending = (_HELD.digest == digest, _HELD.state == State.PENDING.value)
        # Not a bare column: SQLite would rather walk all that is pending in this order.
        came_at = func.coalesce(_HELD.created_at, _HELD.created_at)
        oldest = select(_HELD.document).where(*pending).order_by(came_at, _HELD.id).limit(limit)
        with reaching():
            rows = await self._database.read(lambda connection: connection.execute(oldest).all())
        return read_requests(row.document for row in rows)

    async def count_alike(self, digests: Sequence[Digest]) -> Mapping[Digest, int]:
        """Return how many pending requests there are of each digest."""
        pending = (_HELD.digest.in_(list(digests)), _HELD.state == State.PENDING.value)
        counted = select(_HELD.digest, func.count()).where(*pending).group_by(_HELD.digest)
        with reaching():
            rows = await self._database.read(lambda connection: connection.execute(counted).all())
        return {Digest(digest): count for digest, count in rows}


def _whose(claimed: Claimed) -> RequestId:
    if claimed.request_id is None:
        raise ValueError("a card is always a request's")
    return claimed.request_id


def _at(request_id: RequestId, address: str) -> tuple[Any, Any]:
    return _STANDS.request_id == request_id, _STANDS.address == address


def _stand(connection: Connection, request_id: RequestId, address: str) -> Stand | None:
    row = connection.execute(select(STANDS).where(*_at(request_id, address))).one_or_none()
    if row is None:
        own = _posted(connection, request_id, address)  # a card from before stands were kept
        return None if own is None else Stand(Form.CARD, request_id, own)
    leader = RequestId(row.leader)
    # Who gave a card away still has its thread; so has who waits behind it.
    posted = _posted(connection, leader, address) or _posted(connection, request_id, address)
    return Stand(Form(row.form), leader, posted, row.stamp)


def _twin(connection: Connection, request_id: RequestId, address: str) -> RequestId | None:
    """Return an identical request that waits and is shown here already, though it may be the younger one."""
    mine = select(_HELD.digest).where(_HELD.id == request_id).scalar_subquery()
    waits = (_HELD.digest == mine, _HELD.state == State.PENDING.value, _HELD.id != request_id)
    shown = (_STANDS.address == address, _STANDS.form != Form.ALIKE.value)
    twin = select(_HELD.id).join(STANDS, _STANDS.request_id == _HELD.id).where(*waits, *shown).limit(1)
    found: str | None = connection.execute(twin).scalar()
    return None if found is None else RequestId(found)


def _holder(connection: Connection, leader: RequestId, address: str) -> RequestId | None:
    """Return under whom a message is kept that changed hands since; None where there is none."""
    seen = set[RequestId]()
    while leader not in seen:
        seen.add(leader)
        stand = _stand(connection, leader, address)
        if stand is None or stand.form is not Form.ALIKE:
            return None if stand is None else leader
        leader = stand.leader
    return None


def _posted(connection: Connection, request_id: RequestId, address: str) -> Posted | None:
    where = (POSTED.c.request_id == request_id, POSTED.c.address == address)
    row: Row[Any] | None = connection.execute(select(POSTED).where(*where)).one_or_none()
    return None if row is None else posted_of(row)


def _roundup(connection: Connection, request_id: RequestId, address: str, crowd: Crowd) -> RequestId | None:
    """Return under whom a request is rounded up: perhaps itself; None when the place is not crowded."""
    here = (_STANDS.address == address, _STANDS.at > crowd.since)
    cards = select(func.count()).select_from(STANDS).where(*here, _STANDS.form == Form.CARD.value)
    if connection.execute(cards).scalar_one() < crowd.cards:
        return None
    lines = (_STANDS.address == address, _STANDS.form == Form.ROUNDUP.value)
    begun = select(_STANDS.leader).where(
        *lines, _STANDS.at > crowd.since, _STANDS.leader == _STANDS.request_id
    )
    with_room = (
        select(_STANDS.leader)
        .where(*lines, _STANDS.leader.in_(begun))
        .group_by(_STANDS.leader)
        .having(func.count() < crowd.lines)
        .order_by(func.min(_STANDS.at), _STANDS.leader)
        .limit(1)
    )
    return RequestId(connection.execute(with_room).scalar() or request_id)


def _put(
    held: Transaction, request_id: RequestId, address: str, form: Form, leader: RequestId, at: datetime
) -> None:
    row = {"request_id": request_id, "address": address, "form": form.value, "leader": leader, "at": at}
    put(held.connection, STANDS, [{**row, "stamp": ""}])


def _show(held: Transaction, request_id: RequestId, address: str, now: datetime) -> None:
    """Have a request shown; one that waits for its turn keeps its place, and is drawn as it is by then."""
    box = OUTBOX.c
    lane = (box.request_id == request_id, box.address == address, box.kind == OutboxKind.SHOW.value)
    waits = select(box.id).where(*lane, box.token.is_(None), box.due_at <= now).limit(1)
    if held.connection.execute(waits).first() is None:
        queue(held, [Posting(request_id, Send(OutboxKind.SHOW, address, now))])
