"""The clock rang: everything due is stepped, each in its own unit; two sweepers do no harm.

One bad row must not hold up the others: what fails in us is set aside for a moment, told, and tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.core import effects
from bot.core.errors import Refusal, Stale, Unreadable
from bot.core.machine import Tick, step
from bot.core.terms import SYSTEM, Entry, EntryKind, OutboxKind, Registry, Request, Roster, Send, State
from bot.ports import Clock, Due, Policies, Stall, Store

log = structlog.get_logger()

NOBODY = Roster(frozenset(), {}, frozenset())
BATCH = 100  # measured: beyond this a larger batch gains nothing and delays the clicks between
ASIDE = timedelta(seconds=30)  # until what was set aside is tried again
LATE = timedelta(seconds=20)  # no race loses for so long: what is due since then and does not move, cannot


@dataclass(frozen=True, slots=True)
class Sweeping:
    """Reminders, escalation, expiry, lapse, overdue outcomes: all from rows, exact after a restart."""

    store: Store
    policies: Policies
    clock: Clock

    async def sweep(self) -> int:
        """Step the requests that have been due longest, a hundred at most; return how many changed.

        None of them when others are at the same rows, or when nothing can be decided just now.
        """
        due = await self.store.due(self.clock.now(), BATCH)
        failed = await self._step(due)
        await self._set_aside([(one, fault) for one, fault in failed if _is_ours(fault)])
        return len(due) - len(failed)

    async def find_stalled(self) -> int:
        """Set aside what has been due for a while and does not move, whatever keeps it; return how many.

        A row that contradicts itself looks to every sweep as if another one had just been there.
        """
        late = await self.store.due(self.clock.now() - LATE, BATCH)
        held = {(one.request_id, one.due_at) for one, _ in await self._step(late)}
        if not held:
            return 0
        again = await self.store.due(self.clock.now() - LATE, BATCH)
        return await self._set_aside(
            await self._step([one for one in again if (one.request_id, one.due_at) in held])
        )

    async def _step(self, due: Sequence[Due]) -> list[tuple[Due, Exception]]:
        """Step each; return those that did not change, and why."""
        if not due:
            return []
        # Most of what is due has ended: then who is who is not asked, which takes a round trip.
        ended = all(_is_over(one.request, self.clock.now()) for one in due)
        registry = None if ended else await self.store.registry()
        ticks = (self._tick(one.request, registry) for one in due)
        failed = []
        for one, fault in zip(due, await asyncio.gather(*ticks, return_exceptions=True), strict=True):
            if isinstance(fault, Exception):
                failed.append((one, fault))
            elif fault is not None:
                raise fault
        return failed

    async def _tick(self, request: Request | Unreadable, registry: Registry | None) -> None:
        if isinstance(request, Unreadable):
            raise request
        now = self.clock.now()
        if registry is None or _is_over(request, now):
            roster = NOBODY
        else:
            roster = await self.policies.roster(request, registry)
        await self.store.commit(step(request, Tick(roster), now))

    async def _set_aside(self, failed: Sequence[tuple[Due, Exception]]) -> int:
        if not failed:
            return 0
        now = self.clock.now()
        stalls = [_stall(one, fault, now) for one, fault in failed]
        new = await self.store.set_aside(stalls, now + ASIDE, now)
        for one, fault in failed:
            if one.request_id in new:
                log.error(
                    "sweep.set-aside",
                    request_id=one.request_id,
                    error=type(fault).__name__,
                    exc_info=fault.__cause__ or fault,
                )
        return len(stalls)


def _stall(due: Due, fault: Exception, now: datetime) -> Stall:
    facts = {"error": type(fault).__name__}
    entry = Entry(kind=EntryKind.STALLED, at=now, by=SYSTEM, request_id=due.request_id, facts=facts)
    return Stall(due, entry, Send(OutboxKind.ALERT, effects.ADMINS, now, "stalled"))


def _is_ours(fault: Exception) -> bool:
    """Say whether this row fails in us; else a sweeper was here first, or nothing can be decided just now."""
    return isinstance(fault, Unreadable) or not isinstance(fault, (Stale, Refusal))


def _is_over(request: Request | Unreadable, now: datetime) -> bool:
    """Say whether only a deadline is left to pass; it passes even while no directory and no group answers."""
    if isinstance(request, Unreadable):
        return True
    return request.state is not State.PENDING or now >= request.expires_at
