"""APScheduler rings the services' bells. It holds no deadline: those are rows, so a restart loses none.

One date job stands at the next due instant and is moved by commits that bring an earlier one. A slow safety
net on the monotonic clock rings beside it: set the wall clock back an hour and the scheduler goes silent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

Bell = Callable[[], Awaitable[object]]
Work = Callable[[], Awaitable[int]]  # a share of what is due; returns how much of it was done

JUMP = 2.0  # seconds by which the wall clock may drift from the monotonic one between two rings
PAUSE = timedelta(seconds=0.1)  # before work that left something due is tried again: others may hold the row

log = structlog.get_logger()


class Metronome:
    """Rings `work` when something is due, and other bells at intervals."""

    def __init__(
        self,
        work: Work,
        next_due: Callable[[], Awaitable[datetime | None]],
        now: Callable[[], datetime],
        wall: Callable[[], datetime],
        monotonic: Callable[[], float],
        net: timedelta,
    ) -> None:
        self._work = work
        self._next_due = next_due
        self._now = now
        self._wall = wall
        self._monotonic = monotonic
        self._net = net
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._wake = asyncio.Event()
        self._armed_for: datetime | None = None
        self._loop: asyncio.Task[None] | None = None
        self._rang_at = monotonic()
        self._moved_at = now()
        self._ahead = self._wall_ahead()

    def every(self, interval: timedelta, bell: Bell, name: str) -> None:
        """Ring a bell at an interval; one that is still ringing is not rung again."""
        trigger = IntervalTrigger(seconds=interval.total_seconds())
        self._scheduler.add_job(_guarded, trigger, args=(bell, name), id=name, max_instances=1, coalesce=True)

    def start(self) -> None:
        """Start ringing in the running event loop, at once: things fell due while nobody rang."""
        self._scheduler.start()
        self._wake.set()
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop ringing and wait for the work under way."""
        if self._loop is None:
            return  # the start failed before us: a busy port
        self._scheduler.shutdown(wait=False)
        self._loop.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)

    async def ring(self) -> None:
        """Ask for the work to be done now."""
        self._wake.set()

    def earlier(self, due_at: datetime) -> None:
        """A commit brought something due at `due_at`: ring then, unless we ring before anyway."""
        if self._armed_for is None or due_at < self._armed_for:
            self._arm(due_at)

    def silent_for(self) -> timedelta:
        """Return how long ago the work last came to its end."""
        return timedelta(seconds=self._monotonic() - self._rang_at)

    @property
    def moved_at(self) -> datetime:
        """When something was last done, or the start."""
        return self._moved_at

    def _arm(self, due_at: datetime) -> None:
        wait = due_at - self._now()
        self._armed_for = due_at
        if wait <= timedelta(0):
            self._wake.set()
            return
        # The scheduler reads the host's wall clock, so it is told how long, not when by the database's clock.
        at = self._wall() + wait
        self._scheduler.add_job(
            self.ring, "date", run_date=at, id="next-due", replace_existing=True, misfire_grace_time=None
        )

    async def _run(self) -> None:
        while True:
            await self._rung()
            self._wake.clear()
            self._armed_for = None
            began = self._now()
            done = await _guarded(self._work, "work")
            self._rang_at = self._monotonic()
            if done:
                self._moved_at = self._now()
            due_at = await self._soonest()
            if due_at is not None:
                # Where nothing was done, what is still due cannot be done now; asking at once would spin.
                self.earlier(self._now() + PAUSE if due_at <= began and not done else due_at)

    async def _rung(self) -> None:
        """Wait for a ring, but never longer than the safety net; the event loop's own clock cannot jump."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._net.total_seconds()):
                await self._wake.wait()
        jump = self._wall_ahead() - self._ahead
        if abs(jump) > JUMP:
            log.warning("clock.jumped", seconds=round(jump, 1))
            self._ahead += jump
            self._set_again()

    def _wall_ahead(self) -> float:
        """Return by how many seconds the wall clock is ahead of the monotonic one."""
        return self._wall().timestamp() - self._monotonic()

    def _set_again(self) -> None:
        """Begin every interval anew, else the scheduler sleeps until the old time comes round again."""
        for job in self._scheduler.get_jobs():
            if isinstance(job.trigger, IntervalTrigger):
                job.reschedule(IntervalTrigger(seconds=job.trigger.interval_length))

    async def _soonest(self) -> datetime | None:
        try:
            return await self._next_due()
        except Exception as error:  # an outer loop: the safety net rings again
            log.warning("clock.blind", error=type(error).__name__)
            return None


async def _guarded(bell: Bell, name: str) -> object:
    """Ring; return what came of it, None of a failure."""
    try:
        return await bell()
    except Exception as error:  # an outer loop: one failed ring must not be the last
        log.exception("clock.bell-failed", bell=name, error=type(error).__name__)
        return None
