"""What was refused to somebody we know goes on record; a flood of it is one entry a minute, with its count.

Who holds no key that we ever gave out, and no account that a chat vouches for, is nobody and leaves no entry:
else anybody who reaches the port could fill the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.core.errors import NotReady, Refusal
from bot.core.terms import Actor, ActorKind, AgentName, Change, Digest, Entry, EntryKind, RequestId, Send
from bot.ports import Clock, Store

EVERY = timedelta(minutes=1)  # between two entries of one kind about the same
Which = tuple[EntryKind, Actor, str, RequestId | None, str | None]  # what was refused to whom, about what


@dataclass(slots=True)
class Run:
    """Refusals alike: when an entry last told of them, what the last one was, and how many came since."""

    told_at: datetime
    last: Entry
    count: int = 0


@dataclass(frozen=True, slots=True)
class Refusing:
    """Keeps the record of what was refused; fulfils `bot.ports.Refusals`."""

    store: Store
    clock: Clock
    _runs: dict[Which, Run] = field(default_factory=dict)

    async def record(self, by: Actor, refusal: Refusal, route: str) -> None:
        """Put on record that a call got no further; `route` is our own pattern, not what was called."""
        digest, action = refusal.about.get("digest"), refusal.about.get("action")
        facts = {"refusal": refusal.slug(), "route": route} | ({"action": action} if action else {})
        entry = Entry(
            kind=EntryKind.CALL_REFUSED,
            at=self.clock.now(),
            by=by,
            agent=AgentName(by.name) if by.kind is ActorKind.AGENT else None,
            action_digest=Digest(digest) if digest else None,
            facts=facts,
        )
        await self.note(entry, refusal)

    async def note(self, entry: Entry, refusal: Refusal, sends: Sequence[Send] = ()) -> None:
        """Put a refusal's own entry on record: at once, or in the count of the next one like it."""
        refusal.on_record = True
        which = (entry.kind, entry.by, refusal.slug(), entry.request_id, entry.decision)
        run = self._runs.get(which)
        if run is not None and entry.at - run.told_at < EVERY:
            run.last, run.count = entry, run.count + 1
            return
        count = 1 if run is None else run.count + 1
        begun = self._runs[which] = Run(entry.at, entry)
        try:
            await self._commit((_counting(entry, count, entry.at),), sends)
        except NotReady:
            begun.count += count  # for the next entry to tell
            raise

    async def catch_up(self) -> None:
        """Tell of what was only counted for a minute, and forget who is quiet."""
        now = self.clock.now()
        over = {which: run for which, run in self._runs.items() if now - run.told_at >= EVERY}
        await self._tell(over, now)

    async def close(self) -> None:
        """Tell of everything that was only counted; after the last call was answered."""
        await self._tell(dict(self._runs), self.clock.now())

    async def _tell(self, runs: dict[Which, Run], now: datetime) -> None:
        for which in runs:
            del self._runs[which]
        counted = {which: run for which, run in runs.items() if run.count}
        if not counted:
            return
        try:
            await self._commit(tuple(_counting(run.last, run.count, now) for run in counted.values()), ())
        except NotReady:
            for which, run in counted.items():  # whoever came meanwhile is counted with them
                self._runs.setdefault(which, replace(run, count=0)).count += run.count
            raise

    async def _commit(self, entries: tuple[Entry, ...], sends: Sequence[Send]) -> None:
        await self.store.commit(Change(after=None, expected=None, entries=entries, sends=tuple(sends)))


def _counting(entry: Entry, count: int, now: datetime) -> Entry:
    """Return an entry that stands for `count` refusals, the last of which was this one."""
    return replace(entry, at=now, facts={**entry.facts, "count": str(count)}) if count > 1 else entry
