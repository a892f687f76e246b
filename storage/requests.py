"""Requests: how they are found, and how changes to them are committed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, Subquery, func, select, tuple_, union_all

from bot.core.errors import KeyReused, Unknown, Unreadable
from bot.core.terms import (
    AgentName,
    Change,
    Digest,
    GrantId,
    PersonName,
    Request,
    RequestId,
    State,
    Use,
    Verdict,
)
from bot.ports import Committed, Due, Watch
from storage.changes import party, prepare
from storage.columns import instant
from storage.database import Database
from storage.faults import reaching
from storage.hub import Hub
from storage.rows import read_request, read_requests
from storage.standing import uses_since
from storage.tables import COUNTERS, REQUESTS, REVIEWS, WAITS
from storage.writer import Writer

Before = tuple[datetime, RequestId] | None
_HELD = REQUESTS.c
_DUE = "SELECT id, due_at, document FROM requests WHERE due_at <= {} ORDER BY due_at LIMIT {}"
# Said so, because the index holds only those: else every request is read.
_NEXT = "SELECT min(due_at) FROM requests WHERE due_at IS NOT NULL"
_DOCUMENT = "SELECT document FROM requests WHERE id = {}"  # the read that every wait and click begins with


class RequestStore:
    """The store's half that is about requests; `bot.ports.Requests` says what each method means."""

    _database: Database
    _writer: Writer
    _hub: Hub
    _tell: Callable[[Change], None]

    async def get(self, request_id: RequestId) -> Request:
        """Return the request as it stands."""
        with reaching():
            found = await self._database.look(_DOCUMENT, request_id)
        if not found:
            raise Unknown
        return read_request(found[0][0])

    async def by_grant(self, grant_id: GrantId) -> Request:
        """Return the request whose grant has this id."""
        return await self._one(_HELD.grant_id == grant_id)

    async def by_key(self, agent: AgentName, key: str) -> Request:
        """Return the request that an agent's idempotency key made."""
        return await self._one((_HELD.agent == agent) & (_HELD.idempotency_key == key))

    async def replay_of(self, agent: AgentName, key: str, body: Digest) -> Request:
        """Return what this key made, if it came with the same body."""
        wanted = (_HELD.agent == agent) & (_HELD.idempotency_key == key)
        one = select(_HELD.body_digest, _HELD.document).where(wanted)
        with reaching():
            held = await self._database.read(lambda connection: connection.execute(one).one_or_none())
        if held is None:
            raise Unknown
        if held.body_digest != body:
            raise KeyReused
        return read_request(held.document)

    async def coded(self, code: str, limit: int) -> list[Request]:
        """Return the requests whose digest begins so, newest first."""
        # No digit of hex comes after f, in whichever order the database compares text.
        begins = (_HELD.digest >= code) & (_HELD.digest < f"{code}g")
        newest = select(_HELD.document).where(begins).order_by(_HELD.created_at.desc(), _HELD.id.desc())
        return await self._list(newest.limit(limit))

    async def commit(self, change: Change) -> Committed:
        """Make the change durable, or nothing of it."""
        committed: Committed = await self._writer.submit(prepare(change))
        if not committed.replayed:
            self._tell(change)
        return committed

    async def used(self, uses: Sequence[Use], now: datetime) -> dict[str, int]:
        """Return how often each bucket was used within its window."""

        def count(connection: Connection) -> dict[str, int]:
            return {use.bucket: uses_since(connection, use.bucket, now - use.window) for use in uses}

        with reaching():
            return await self._database.read(count) if uses else {}

    async def due(self, now: datetime, limit: int) -> list[Due]:
        """Return requests whose `due_at` has come, earliest first."""
        with reaching():
            found = await self._database.look(_DUE, now, limit)
        return [_due(*row) for row in found]

    async def unreviewed(self, limit: int) -> list[Request]:
        """Return requests whose broken glass nobody has reviewed, the one due soonest first."""
        # Nothing but a grant, for minutes, is due of what is decided, beside such a review.
        due = (_HELD.state != State.PENDING.value, _HELD.due_at.is_not(None))
        found = await self._list(select(_HELD.document).where(*due).order_by(_HELD.due_at))
        owed = [one for one in found if one.glass is not None and one.glass.reviewed_at is None]
        return owed[:limit]

    async def next_tick(self) -> datetime | None:
        """Return the earliest instant at which a request is due."""
        with reaching():
            found = await self._database.look(_NEXT)
        return None if found[0][0] is None else instant(found[0][0])

    async def of_agent(
        self, agent: AgentName, states: Sequence[State], limit: int, before: Before
    ) -> list[Request]:
        """Return an agent's requests, newest first; of any state when none is named."""
        return await self._list(_newest(states, limit, before, _HELD.agent == agent))

    async def waiting_for(self, references: Sequence[str], limit: int) -> list[Request]:
        """Return pending requests that wait for one of the references, soonest deadline first."""
        if not references:
            return []
        # The soonest of each, by its index, then of those.
        of_each = [_soonest(reference, limit) for reference in dict.fromkeys(references)]
        first = union_all(*(select(one) for one in of_each)).subquery()
        soonest = select(first).distinct().order_by(first.c.expires_at, first.c.request_id).limit(limit)
        those = soonest.subquery()
        found = select(_HELD.document).join(those, those.c.request_id == _HELD.id)
        return await self._list(found.order_by(those.c.expires_at, those.c.request_id))

    async def delegated(self, person: PersonName, limit: int) -> list[Request]:
        """Return pending requests whose open stage a person delegated, or had delegated to them."""
        return await self.waiting_for([party(person)], limit)

    async def recent(self, limit: int, before: Before, states: Sequence[State] = ()) -> list[Request]:
        """Return requests newest first."""
        return await self._list(_newest(states, limit, before))

    async def reviewed_by(
        self,
        person: PersonName,
        limit: int,
        before: Before,
        states: Sequence[State] = (),
        verdicts: Sequence[Verdict] = (),
    ) -> list[Request]:
        """Return what a person reviewed, newest first."""
        review, wanted = REVIEWS.c, list[ColumnElement[bool]]()
        given = select(review.request_id).distinct().where(review.person == person)
        if verdicts:
            given = given.where(review.verdict.in_([verdict.value for verdict in verdicts]))
        theirs = given.subquery()
        # From their reviews to the requests, however many others there are: hence no bare column.
        state = func.coalesce(_HELD.state, _HELD.state)
        if states:
            wanted.append(state.in_([one.value for one in states]))
        if before is not None:
            wanted.append(_is_before(before))
        found = select(_HELD.document).join(theirs, theirs.c.request_id == _HELD.id).where(*wanted)
        return await self._list(found.order_by(_HELD.created_at.desc(), _HELD.id.desc()).limit(limit))

    async def count_pending(self) -> int:
        """Count the pending requests."""
        with reaching():
            return await self._database.read(_count_pending)

    def watch(self, request_id: RequestId) -> AbstractContextManager[Watch]:
        """Watch one request from now on."""
        return self._hub.watch(request_id)

    def feed(self) -> AsyncIterator[RequestId]:
        """Feed the id of every request that changes, in any replica, from now on."""
        return self._hub.feed()

    async def _one(self, which: ColumnElement[bool]) -> Request:
        with reaching():
            found = await self._database.read(_documents(select(_HELD.document).where(which)))
        if not found:
            raise Unknown
        return read_request(found[0])

    async def _list(self, query: Select[tuple[bytes]]) -> list[Request]:
        with reaching():
            documents = await self._database.read(_documents(query))
        return read_requests(documents)


def _due(request_id: str, due_at: datetime | int, document: bytes) -> Due:
    try:
        request = read_request(document)
    except Unreadable as fault:
        return Due(RequestId(request_id), instant(due_at), fault)
    return Due(request.id, instant(due_at), request)


def _documents(query: Select[tuple[bytes]]) -> Callable[[Connection], list[bytes]]:
    return lambda connection: [row.document for row in connection.execute(query)]


def _count_pending(connection: Connection) -> int:
    counter = COUNTERS.c
    total = select(func.sum(counter.value)).where(counter.name.startswith("pending:"))
    return int(connection.execute(total).scalar() or 0)


def _newest(
    states: Sequence[State], limit: int, before: Before, *wanted: ColumnElement[bool]
) -> Select[tuple[bytes]]:
    """Select the newest requests of any of the states: the newest of each, by its index, then of those."""
    if before is not None:
        wanted = (*wanted, _is_before(before))
    newest = (_HELD.created_at.desc(), _HELD.id.desc())
    of_each = [
        select(_HELD.id, _HELD.created_at)
        .where(_HELD.state == state.value, *wanted)
        .order_by(*newest)
        .limit(limit)
        .subquery()
        for state in dict.fromkeys(states or State)
    ]
    found = union_all(*(select(one.c.id) for one in of_each)).subquery()
    whole = select(_HELD.document).join(found, found.c.id == _HELD.id)
    return whole.order_by(*newest).limit(limit)


def _is_before(before: tuple[datetime, RequestId]) -> ColumnElement[bool]:
    return tuple_(_HELD.created_at, _HELD.id) < before


def _soonest(reference: str, limit: int) -> Subquery:
    """Select the requests that wait for one reference and end soonest."""
    wait = WAITS.c
    theirs = select(wait.request_id, wait.expires_at).where(wait.reference == reference)
    return theirs.order_by(wait.expires_at, wait.request_id).limit(limit).subquery()
