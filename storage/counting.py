"""Counts over many requests, in SQL that both databases run; the same sums in Python are their test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    Subquery,
    and_,
    cast,
    extract,
    func,
    literal,
    select,
)

from bot.core.counts import UNDECIDED, Busy, Counts
from bot.core.terms import State, Verdict
from storage.columns import EPOCH, MICROSECOND
from storage.database import Database
from storage.faults import reaching
from storage.tables import REQUESTS, REVIEWS

DAY = 86_400_000_000  # microseconds
_HELD, _REVIEW = REQUESTS.c, REVIEWS.c


class CountingStore:
    """The store's half that counts; `bot.ports.Reckoning` says what each method means."""

    _database: Database

    async def counts(self, since_at: datetime, until_at: datetime, top: int) -> Counts:
        """Count the requests that were made in a span of time."""

        def count(connection: Connection) -> Counts:
            return _Counter(connection, since_at, until_at, top).counts()

        with reaching():
            return await self._database.read(count)


class _Counter:
    """One connection's sums over one span."""

    def __init__(self, connection: Connection, since_at: datetime, until_at: datetime, top: int) -> None:
        self._connection = connection
        self._span = (since_at, until_at)
        self._top = top

    def counts(self) -> Counts:
        days = self._days()
        states: dict[State, int] = {}
        for of_day in days.values():
            for state, count in of_day.items():
                states[state] = states.get(state, 0) + count
        decided = self._decided()
        whole = self._run(_middles(decided, None))
        return Counts(
            *self._span,
            states=states,
            days=days,
            decided=whole[0].many if whole else 0,
            median=_length(whole[0].median) if whole else None,
            tenth=self._tenth(decided),
            agents=self._agents(decided),
            approvers=self._approvers(),
        )

    def _run(self, query: Select[Any]) -> Sequence[Row[Any]]:
        return self._connection.execute(query).all()

    def _days(self) -> dict[date, dict[State, int]]:
        day = (self._micros(_HELD.created_at) // DAY).label("day")
        rows = self._run(
            select(day, _HELD.state, func.count().label("many"))
            .where(self._made())
            .group_by(day, _HELD.state)
            .order_by(day, _HELD.state)
        )
        days: dict[date, dict[State, int]] = {}
        for row in rows:
            days.setdefault((EPOCH + timedelta(days=int(row.day))).date(), {})[State(row.state)] = row.many
        return days

    def _decided(self) -> Subquery:
        """Select the requests that people decided: (name of the agent, microseconds it took)."""
        last = func.max(self._micros(_REVIEW.at))
        return (
            select(_HELD.agent.label("name"), (last - self._micros(_HELD.created_at)).label("took"))
            .join(REVIEWS, _REVIEW.request_id == _HELD.id)
            .where(self._made([state for state in State if state not in UNDECIDED]), _is_verdict())
            .group_by(_HELD.id, _HELD.agent, _HELD.created_at)
            .subquery()
        )

    def _tenth(self, decided: Subquery) -> timedelta | None:
        """Return the time that nine of ten took at most: of the nearest rank, so one that somebody took."""
        place = func.row_number().over(order_by=decided.c.took).label("place")
        ranked = select(decided.c.took, place, func.count().over().label("many")).subquery()
        found = self._run(select(ranked.c.took).where(ranked.c.place == (ranked.c.many * 9 + 9) // 10))
        return _length(found[0].took) if found else None

    def _agents(self, decided: Subquery) -> tuple[Busy, ...]:
        made = select(_HELD.agent.label("name"), func.count().label("many"))
        rows = self._run(made.where(self._made()).group_by(_HELD.agent))
        medians = {row.name: row.median for row in self._run(_middles(decided, decided.c.name))}
        return tuple(Busy(row.name, row.many, _length(medians.get(row.name))) for row in self._busiest(rows))

    def _approvers(self) -> tuple[Busy, ...]:
        took = self._micros(_REVIEW.at) - self._micros(_HELD.created_at)
        given = (
            select(_REVIEW.person.label("name"), took.label("took"))
            .join(REQUESTS, _REVIEW.request_id == _HELD.id)
            .where(self._made(), _is_verdict())
            .subquery()
        )
        rows = self._busiest(self._run(_middles(given, given.c.name)))
        return tuple(Busy(row.name, row.many, _length(row.median)) for row in rows)

    def _busiest(self, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
        # Here, because the two databases do not order names alike.
        return sorted(rows, key=lambda row: (-row.many, row.name))[: self._top]

    def _made(self, states: Sequence[State] = tuple(State)) -> ColumnElement[bool]:
        # By state, because the index on the time of the ask begins with it.
        named = _HELD.state.in_([state.value for state in states])
        return and_(named, _HELD.created_at >= self._span[0], _HELD.created_at < self._span[1])

    def _micros(self, instant: ColumnElement[Any]) -> ColumnElement[int]:
        """Return an instant as whole microseconds since 1970, as SQLite keeps it."""
        if self._connection.dialect.name == "postgresql":
            return cast(extract("epoch", instant) * 1_000_000, BigInteger)
        return cast(instant, BigInteger)


def _is_verdict() -> ColumnElement[bool]:
    return _REVIEW.verdict != Verdict.COMMENT.value


def _middles(rows: Subquery, by: ColumnElement[str] | None) -> Select[Any]:
    """Select (name, many, median of `took`) by name, or over all: the mean of the middle one or two."""
    name = rows.c.name if by is not None else literal("").label("name")
    place = func.row_number().over(partition_by=by, order_by=rows.c.took).label("place")
    many = func.count().over(partition_by=by).label("many")
    ranked = select(name.label("name"), rows.c.took, place, many).subquery()
    middle = ranked.c.place.in_([(ranked.c.many + 1) // 2, (ranked.c.many + 2) // 2])
    found = select(ranked.c.name, ranked.c.many, func.avg(ranked.c.took).label("median"))
    return found.where(middle).group_by(ranked.c.name, ranked.c.many)


def _length(took: Any) -> timedelta | None:
    return None if took is None else int(took) * MICROSECOND
