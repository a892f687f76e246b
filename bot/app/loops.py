"""What runs beside the answers: sweeping, delivering, checkpoints, the policy folder, the clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from bot.app.parts import Parts
from bot.clock import SKEW_ALARM, DatabaseClock, monotonic, wall
from bot.core import effects
from bot.core.errors import NotReady
from bot.core.log import LogBroken
from bot.core.terms import SYSTEM, Change, Entry, EntryKind, OutboxKind, Send
from bot.services.delivering import Delivering
from bot.settings import (
    CHECKPOINT_EVERY,
    CLOCK_EVERY,
    HEARTBEAT_EVERY,
    ONCALL_EVERY,
    POLICY_EVERY,
    REFUSALS_EVERY,
    STALLED_EVERY,
    SWEEP_EVERY,
)
from handlers.clock import Bell, Metronome, Work

SILENCE_MAX = timedelta(seconds=10)  # a loop that stopped is seen within this
LATE_MAX = timedelta(seconds=60)  # likewise: what should have happened and did not, while nothing else did
STRANDED_AFTER = timedelta(minutes=1)  # since a lease ended: somebody should have taken the message again
CHECKPOINT_PAUSE = 0.2  # seconds between two checkpoints under a stream of approvals
SIGNED = frozenset({EntryKind.APPROVED, EntryKind.REDEEMED})  # after these a checkpoint is signed at once

AUDIT = "python -m bot audit verify"  # names the first entry that is wrong

log = structlog.get_logger()


class Loops:
    """Started with the server, stopped with it."""

    def __init__(self, parts: Parts, delivering: Delivering) -> None:
        self._parts = parts
        self._delivering = delivering
        # Each looks at its own rows: what waits for the other would have it pause, and be late for its own.
        self._sweeper = self._metronome(parts.sweeping.sweep, parts.store.next_tick)
        self._postman = self._metronome(delivering.deliver, parts.store.next_send)
        self._dirty = asyncio.Event()
        self._broken = False  # whether the admins know that the policy does not load
        self._silent: set[str] = set()  # on-call groups whose calendar has not answered for too long
        self._notary: asyncio.Task[None] | None = None
        self.heartbeat: Bell | None = None  # set before the start

    def _metronome(self, work: Work, next_due: Callable[[], Awaitable[datetime | None]]) -> Metronome:
        return Metronome(work, next_due, self._parts.clock.now, wall, monotonic, SWEEP_EVERY)

    def start(self) -> None:
        """Start every loop in the running event loop."""
        self._parts.store.on_earlier(self._sweeper.earlier, self._postman.earlier)
        self._sweeper.every(CHECKPOINT_EVERY, self.checkpoint, "checkpoint")
        self._sweeper.every(REFUSALS_EVERY, self._parts.refusing.catch_up, "refusals")
        self._sweeper.every(POLICY_EVERY, self.reload, "policy")
        self._sweeper.every(ONCALL_EVERY, self.oncall, "oncall")
        self._sweeper.every(CLOCK_EVERY, self._follow, "clock")
        # Rung by the other loop, so that it does not stop with the sweep that it looks after.
        self._postman.every(STALLED_EVERY, self._parts.sweeping.find_stalled, "stalled")
        if self.heartbeat is not None:
            self._sweeper.every(HEARTBEAT_EVERY, self.heartbeat, "heartbeat")
        self._sweeper.start()
        self._postman.start()
        self._notary = asyncio.create_task(self._sign())

    async def stop(self) -> None:
        """Stop every loop; what is being sent may end."""
        await self._sweeper.stop()
        await self._postman.stop()
        if self._notary is not None:
            self._notary.cancel()
            await asyncio.gather(self._notary, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await self._delivering.settle()

    async def settle(self) -> None:
        """Put on record what was refused up to the last call that was answered."""
        try:
            await self._parts.refusing.close()
        except NotReady as fault:
            log.warning("refusals.uncounted", error=str(fault))

    async def problem(self) -> str | None:
        """Say which loop has gone silent, or does nothing though something is due; None when all are well.

        Much that is late but gets done is load, not a stall: a replica taken out for it would do none of it.
        """
        loops = {"the sweep": self._sweeper, "delivery": self._postman}
        silent = [name for name, loop in loops.items() if loop.silent_for() > SILENCE_MAX]
        if silent:
            return f"{' and '.join(silent)} went silent"
        tick_at, send_at = await self._parts.store.next_tick(), await self._delivering.next_send()
        for what, due_at, moved_at in (
            ("a deadline", tick_at, self._sweeper.moved_at),
            ("a message", send_at, self._postman.moved_at),
        ):
            if due_at is not None and (stuck := self._parts.clock.now() - max(due_at, moved_at)) > LATE_MAX:
                return f"{what} is due, and none was done for {stuck}"
        return None

    def committed(self, change: Change) -> None:
        """Have a checkpoint signed when something was approved or redeemed."""
        if any(entry.kind in SIGNED for entry in change.entries):
            self._dirty.set()

    async def _sign(self) -> None:
        """Sign a checkpoint after each approval and redemption; one covers all that came meanwhile."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self.checkpoint()
            except Exception as error:  # an outer loop: the timer signs again
                log.exception("checkpoint.failed", error=type(error).__name__)
            await asyncio.sleep(CHECKPOINT_PAUSE)

    async def checkpoint(self) -> None:
        """Sign the log; one that was cut while we run stops the grants as it would at the start."""
        try:
            await self._parts.auditing.checkpoint()
        except LogBroken as broken:
            self.distrust(str(broken))

    def distrust(self, problem: str) -> None:
        """Let no grant leave until a start finds the log right, and say in the log what to run."""
        self._parts.trust.problem = problem
        log.error("log.distrusted", problem=problem, refused="every grant", run=AUDIT)

    async def loaded(self) -> None:
        """Put on record which policy is in force, or why a newer one is not."""
        force, now = self._parts.policies.current(), self._parts.clock.now()
        kind = EntryKind.BUNDLE_LOADED if force.problem is None else EntryKind.BUNDLE_REFUSED
        private = {"problem": force.problem} if force.problem else {}
        entry = Entry(kind=kind, at=now, by=SYSTEM, policy_digest=force.bundle.digest, private=private)
        broken = force.problem is not None
        # Once: who mends it breaks it perhaps otherwise first.
        alerts = (
            (Send(OutboxKind.ALERT, effects.ADMINS, now, "policy"),) if broken and not self._broken else ()
        )
        await self._parts.store.commit(Change(None, None, (entry,), alerts))
        self._broken = broken
        await self._parts.linking.forget_leavers()
        (log.warning if broken else log.info)(kind.value, bundle=force.bundle.digest)

    async def reload(self) -> None:
        """Put an edit of the policy folder in force, if there is one and it loads."""
        if await self._parts.policies.check():
            await self.loaded()

    async def oncall(self) -> None:
        """Have on-call calendars read before a click asks for them; tell the admins of silent ones."""
        groups = self._parts.policies.current().bundle.groups.values()
        silent = set[str]()
        for group in groups:
            if group.oncall is not None and await self._parts.feeds.on_call(group.oncall) is None:
                silent.add(group.name)
        for name in sorted(silent - self._silent):
            now, facts = self._parts.clock.now(), {"group": name}
            entry = Entry(kind=EntryKind.ONCALL_SILENT, at=now, by=SYSTEM, facts=facts)
            alert = Send(OutboxKind.ALERT, effects.ADMINS, now, f"oncall:{name}")
            await self._parts.store.commit(Change(None, None, (entry,), (alert,)))
            log.warning("oncall.silent", group=name)
        self._silent = silent

    async def _follow(self) -> None:
        clock = self._parts.clock
        if isinstance(clock, DatabaseClock):
            skew = await clock.follow(self._parts.store.now)
            if abs(skew) > SKEW_ALARM:
                log.warning("clock.skew", seconds=round(skew.total_seconds(), 1))
