"""What was refused to somebody we know goes on record; a flood of it is one entry a minute, with its count.

What has an entry of its own (a review, a redemption) is left to that. Who holds no key that we ever gave out
is nobody, and leaves no entry: else anybody who reaches the port could fill the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.errors import Refusal
from bot.core.terms import Actor, ActorKind, AgentName, Change, Digest, Entry, EntryKind
from bot.ports import Clock, Store

EVERY = timedelta(minutes=1)  # between two entries about one principal and one kind of refusal
Which = tuple[ActorKind, str, str]  # whom, and what: some dozens for each principal we know


@dataclass(frozen=True, slots=True)
class Refused:
    """One call that was refused."""

    by: Actor
    refusal: str
    route: str  # as the server knows it, not what was called
    about: dict[str, str]


@dataclass(slots=True)
class Run:
    """Refusals of one kind to one principal: when the last entry told of them, and what came since."""

    told_at: datetime
    last: Refused
    count: int = 0


@dataclass(frozen=True, slots=True)
class Refusing:
    """Keeps the record of refused calls."""

    store: Store
    clock: Clock
    _runs: dict[Which, Run] = field(default_factory=dict)

    async def record(self, by: Actor, refusal: Refusal, route: str) -> None:
        """Put a refusal on record: at once, or in the count of the next entry when one has just told."""
        which, now = (by.kind, by.name, refusal.slug()), self.clock.now()
        refused = Refused(by, refusal.slug(), route, refusal.about)
        run = self._runs.get(which)
        if run is not None and now - run.told_at < EVERY:
            run.last, run.count = refused, run.count + 1
            return
        count = 1 if run is None else run.count + 1
        self._runs[which] = Run(now, refused)
        await self._commit(_entry(refused, count, now))

    async def catch_up(self) -> None:
        """Tell of what was only counted for a minute, and forget who is quiet."""
        now = self.clock.now()
        over = {which: run for which, run in self._runs.items() if now - run.told_at >= EVERY}
        await self._tell(over, now)

    async def close(self) -> None:
        """Tell of everything that was only counted."""
        await self._tell(dict(self._runs), self.clock.now())

    async def _tell(self, runs: dict[Which, Run], now: datetime) -> None:
        for which in runs:
            del self._runs[which]
        counted = [run for run in runs.values() if run.count]
        if counted:
            await self._commit(*(_entry(run.last, run.count, now) for run in counted))

    async def _commit(self, *entries: Entry) -> None:
        await self.store.commit(Change(after=None, expected=None, entries=entries))


def _entry(refused: Refused, count: int, now: datetime) -> Entry:
    """Return an entry that stands for `count` refusals, the last of which was this one."""
    digest, action = refused.about.get("digest"), refused.about.get("action")
    return Entry(
        kind=EntryKind.CALL_REFUSED,
        at=now,
        by=refused.by,
        agent=AgentName(refused.by.name) if refused.by.kind is ActorKind.AGENT else None,
        action_digest=Digest(digest) if digest else None,
        facts={"refusal": refused.refusal, "route": refused.route, "count": str(count)}
        | ({"action": action} if action else {}),
    )
