"""The clock rang: everything due is stepped, each in its own unit; two sweepers do no harm."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import structlog

from bot.core.errors import Refusal, Stale
from bot.core.machine import Tick, step
from bot.core.terms import Registry, Request, Roster, State
from bot.ports import Clock, Policies, Store

log = structlog.get_logger()

NOBODY = Roster(frozenset(), {}, frozenset())
BATCH = 100  # measured: beyond this a larger batch gains nothing and delays the clicks between


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
        if not due:
            return 0
        # Most of what is due has ended: then who is who is not asked, which takes a round trip.
        ended = all(_is_over(request, self.clock.now()) for request in due)
        registry = None if ended else await self.store.registry()
        ticks = (self._tick(request, registry) for request in due)
        return sum(_changed(done) for done in await asyncio.gather(*ticks, return_exceptions=True))

    async def _tick(self, request: Request, registry: Registry | None) -> bool:
        now = self.clock.now()
        try:
            if registry is None or _is_over(request, now):
                roster = NOBODY
            else:
                roster = await self.policies.roster(request, registry)
            await self.store.commit(step(request, Tick(roster), now))
        except (Stale, Refusal):  # another sweeper was here, or nothing can be decided just now
            return False
        return True


def _changed(done: bool | BaseException) -> bool:
    """Say whether a tick changed its request; one that fails in us must not keep the others from theirs."""
    if isinstance(done, Exception):
        log.error("sweep.failed", error=type(done).__name__, exc_info=done)
        return False
    if isinstance(done, BaseException):
        raise done
    return done


def _is_over(request: Request, now: datetime) -> bool:
    """Say whether only a deadline is left to pass; it passes even while no directory and no group answers."""
    return request.state is not State.PENDING or now >= request.expires_at
