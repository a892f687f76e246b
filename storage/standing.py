"""How things stand for a group of changes, read in a few queries; and which of them win.

It is read under the log's lock, so nobody else can make it untrue before the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from bot.core.errors import KeyReused, Stale, TooMany
from bot.core.terms import AgentName, Change, Request, State
from bot.ports import Committed
from storage.batch import Question
from storage.rows import read_request
from storage.tables import USES

RETRY_TOO_MANY = timedelta(seconds=10)  # somebody must decide or a deadline pass first; nobody knows when

Rows = Sequence[Sequence[Any]]


class Standing:
    """What a group of changes is judged against. Judging one that wins changes it for the next."""

    def __init__(
        self, connection: Connection, changes: Sequence[Change], versions: Rows, keys: Rows, counters: Rows
    ) -> None:
        """Take what `questions` about these changes found; read how often their allow-limits were used."""
        self.versions = {one[0]: (one[1], State(one[2])) for one in versions}
        self.keys = {(one[0], one[1]): (one[2], read_request(one[3])) for one in keys}
        self.counters = {str(name): int(value) for name, value in counters}
        self.before = dict(self.counters)
        self.used = _used(connection, changes)

    def judge(self, change: Change) -> Committed:
        """Return what the change comes to; raises `Stale`, `KeyReused` or `TooMany` if it loses."""
        after = change.after
        if after is None:
            self._spend(change)
            return Committed(None)
        if change.expected is not None:
            return self._edited(change, after, change.expected)
        return self._asked(change, after)

    def _edited(self, change: Change, after: Request, expected: int) -> Committed:
        version, before = self.versions.get(after.id, (None, after.state))
        if version != expected:
            raise Stale
        self._spend(change)
        # No one has seen this version yet, so none of the group can have been decided on it.
        self.versions[after.id] = (None, after.state)
        self._count_pending(after, (after.state is State.PENDING) - (before is State.PENDING))
        return Committed(after)

    def _asked(self, change: Change, after: Request) -> Committed:
        agent = after.subject.agent
        held = None if change.idempotency is None else self.keys.get((agent, change.idempotency[0]))
        if change.idempotency is not None and held is not None:
            if held[0] != change.idempotency[1]:
                raise KeyReused
            return Committed(held[1], replayed=True)
        pending = self.counters.get(pending_counter(agent), 0)
        if change.pending_max is not None and pending >= change.pending_max:
            raise TooMany(retry_after=RETRY_TOO_MANY)
        self._spend(change)
        if change.idempotency is not None:
            self.keys[agent, change.idempotency[0]] = (change.idempotency[1], after)
        self._count_pending(after, int(after.state is State.PENDING))
        return Committed(after)

    def _spend(self, change: Change) -> None:
        """Count the uses of allow-limits, all of them or none."""
        if any(self.used[use.bucket] >= use.max for use in change.uses):
            raise Stale
        for use in change.uses:
            self.used[use.bucket] += 1

    def _count_pending(self, after: Request, more: int) -> None:
        if more:
            name = pending_counter(after.subject.agent)
            self.counters[name] = self.counters.get(name, 0) + more

    def next_number(self, counter: str) -> int:
        """Count one up and return it."""
        self.counters[counter] = self.counters.get(counter, 0) + 1
        return self.counters[counter]


def pending_counter(agent: AgentName) -> str:
    """Name the counter of an agent's pending requests."""
    return f"pending:{agent}"


def told_counter(executor: str) -> str:
    """Name the counter of an executor's callbacks."""
    return f"told:{executor}"


CALLBACKS_COUNTER = "callbacks"


def instant_of(change: Change) -> datetime:
    """Return when the change was decided on."""
    return change.entries[0].at


def questions(changes: Sequence[Change]) -> list[Question]:
    """Return what judging these changes asks: versions, what idempotency keys made before, counters."""
    return [_versions(changes), _keys(changes), _counters(changes)]


def _versions(changes: Sequence[Change]) -> Question:
    ids = [change.after.id for change in changes if change.after is not None and change.expected is not None]
    return Question("SELECT id, version, state FROM requests WHERE id IN ({keys})", (ids,))


def _keys(changes: Sequence[Change]) -> Question:
    """Ask what the group's idempotency keys made before; most have made nothing."""
    keys = [
        (change.after.subject.agent, change.idempotency[0])
        for change in changes
        if change.after is not None and change.expected is None and change.idempotency is not None
    ]
    return Question(
        "SELECT agent, idempotency_key, body_digest, document FROM requests "
        "WHERE (agent, idempotency_key) IN ({keys})",
        tuple(zip(*keys, strict=True)) or ((),),
    )


def _counters(changes: Sequence[Change]) -> Question:
    names: set[str] = set()
    for change in changes:
        if change.after is None:
            continue
        names.add(pending_counter(change.after.subject.agent))
        if change.callback is not None and change.after.plan.executor is not None:
            names |= {told_counter(change.after.plan.executor), CALLBACKS_COUNTER}
    return Question("SELECT name, value FROM counters WHERE name IN ({keys})", (list(names),))


def _used(connection: Connection, changes: Sequence[Change]) -> dict[str, int]:
    """Count the uses of each bucket within its window, as of the first change that names it."""
    used: dict[str, int] = {}
    for change in changes:
        for use in change.uses:
            if use.bucket not in used:
                used[use.bucket] = uses_since(connection, use.bucket, instant_of(change) - use.window)
    return used


def uses_since(connection: Connection, bucket: str, since: datetime) -> int:
    """Count the uses of one bucket after an instant."""
    counted = select(func.count()).select_from(USES).where(USES.c.bucket == bucket, USES.c.at > since)
    return connection.execute(counted).scalar_one()
