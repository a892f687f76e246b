"""Who sends what when: claims, places, and what becomes of a send that does not work.

Every surface is treated alike: it may answer `Later`, `Never` or `Unsure`, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.core import effects
from bot.core.deadline import GIVE_UP_AFTER, retry_after
from bot.core.errors import Unreadable
from bot.core.terms import SYSTEM, CallbackKind, Entry, EntryKind, OutboxKind, Send
from bot.ports import EACH_MAX, Claimed, Full, Gone, Later, Never, Shut, Turn, Unsure
from bot.services.delivering.callbacks import Callbacks
from bot.services.delivering.cards import Cards
from bot.services.delivering.outside import Outside
from bot.services.delivering.words import Words

LEASE = timedelta(seconds=60)  # longer than the longest send, so that nobody sends beside us
AT_ONCE = 128  # sends under way in one process, `EACH_MAX` of them to one address
MOMENT = 0.2  # seconds
LATELY = timedelta(seconds=10)  # after an address was full, it gets one send at a time

log = structlog.get_logger()


@dataclass(slots=True)
class Delivering:
    """Sends what waits; `jitter` gives a number in [0, 1)."""

    outside: Outside
    jitter: Callable[[], float]
    _sending: dict[asyncio.Task[None], str] = field(default_factory=dict)  # and to which address
    _full: dict[str, datetime] = field(default_factory=dict)  # until when, by address

    async def deliver(self) -> int:
        """Start sending what is due, as far as places are free; return how many were started."""
        started = await self._start()
        if not started and self._is_full() and await self._freed():
            started = await self._start()
        return started

    async def next_send(self) -> datetime | None:
        """Return the earliest instant at which a row is due whose address is not full."""
        return await self.outside.store.next_send(self._full_at(self.outside.clock.now()))

    def _full_at(self, now: datetime) -> set[str]:
        return {address for address, until in self._full.items() if now < until}

    async def _start(self) -> int:
        free = AT_ONCE - len(self._sending)
        if free <= 0:
            return 0
        now = self.outside.clock.now()
        self._full = {address: until for address, until in self._full.items() if now < until + LATELY}
        under_way = Counter(self._sending.values()) + Counter(dict.fromkeys(self._full, EACH_MAX - 1))
        claimed = await self.outside.store.claim(now, free, LEASE, under_way, self._full_at(now))
        for row in claimed:
            task = asyncio.create_task(self._send(row))
            self._sending[task] = row.send.address
            task.add_done_callback(self._sending.pop)
        return len(claimed)

    def _is_full(self) -> bool:
        """Say whether something due may have found no place."""
        under_way = Counter(self._sending.values())
        return len(self._sending) >= AT_ONCE or any(count >= EACH_MAX for count in under_way.values())

    async def _freed(self) -> bool:
        """Wait a moment for a place: what hangs must not silence the loop that rings us."""
        done, _ = await asyncio.wait(self._sending, timeout=MOMENT, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    async def settle(self) -> None:
        """Wait for everything that is being sent."""
        while self._sending:
            await asyncio.gather(*self._sending)

    async def _send(self, row: Claimed) -> None:
        verb = self._verb(row.send.kind)
        try:
            async with asyncio.timeout(LEASE.total_seconds()):  # one that hangs for ever would keep its place
                await verb(row)
        except Full as full:
            self._full[row.send.address] = self.outside.clock.now() + full.after
            await self.outside.store.put_back(row, row.send.due_at)  # it stays the first of those that wait
        except Turn as turn:
            await self.outside.store.put_back(row, self.outside.clock.now() + turn.after)
        except Shut as shut:
            await self._again(row, str(shut), shut.after, alarm=f"shut:{shut}")
        except Later as later:
            await self._again(row, str(later), later.after)
        except Unsure as unsure:
            if row.send.kind in (OutboxKind.NOTE, OutboxKind.ALERT):
                # A line said twice is worse than one that may be missing; the card shows what counts.
                await self.outside.store.finish(row, None)
            else:
                # Looked for before it is posted again: see `sheets`.
                await self._again(row, f"not known whether it arrived: {unsure}", timedelta(0))
        except Gone:
            await Callbacks(self.outside).disable(row)
            await self._bury(row, "the address answered 410 Gone", "gone")
        except Never as never:
            event = "card-lost" if row.send.kind is OutboxKind.SHOW else "dead-letter"
            await self._bury(row, str(never), event)
        except Unreadable as unreadable:
            await self._again(row, str(unreadable), timedelta(0), alarm="unreadable")
        except Exception as error:  # an outer loop: a row must not fail for ever unseen
            log.exception("delivery.failed", address=row.send.address, kind=row.send.kind.value)
            await self._again(row, f"failed here: {type(error).__name__}", timedelta(0))

    def _verb(self, kind: OutboxKind) -> Callable[[Claimed], Awaitable[None]]:
        verbs: dict[OutboxKind, Callable[[Claimed], Awaitable[None]]] = {
            OutboxKind.SHOW: Cards(self.outside).show,
            OutboxKind.NOTE: Words(self.outside).note,
            OutboxKind.TELL: Callbacks(self.outside).tell,
            OutboxKind.ALERT: Words(self.outside).alert,
        }
        return verbs[kind]

    async def _again(self, row: Claimed, problem: str, after: timedelta, alarm: str = "") -> None:
        """Try later by the table, or give up when the news is of no use by then."""
        now = self.outside.clock.now()
        due_at = now + max(after, retry_after(row.attempts, self.jitter()))
        useless_at = row.first_due_at + GIVE_UP_AFTER
        if row.callback_id is not None:
            with contextlib.suppress(Unreadable):
                useless_at = await self._useless_at(row.callback_id) or useless_at
        if due_at >= useless_at:
            await self._bury(row, problem, "dead-letter")
        else:
            alerts = (Send(OutboxKind.ALERT, effects.ADMINS, now, alarm),) if alarm and row.request_id else ()
            await self.outside.store.postpone(row, due_at, problem, alerts)

    async def _useless_at(self, callback_id: int) -> datetime | None:
        """Return when the grant that a callback brings ends, if it brings one."""
        callback = await self.outside.store.callback(callback_id)
        request = await self.outside.store.get(callback.request_id)
        is_grant = callback.kind is CallbackKind.APPROVED and request.grant is not None
        return request.grant.expires_at if is_grant and request.grant else None

    async def _bury(self, row: Claimed, problem: str, event: str) -> None:
        now = self.outside.clock.now()
        facts = {"address": row.send.address, "kind": row.send.kind.value}
        entry = Entry(
            kind=EntryKind.DEAD,
            at=now,
            by=SYSTEM,
            request_id=row.request_id,
            facts=facts,
            private={"problem": problem},
        )
        alarm = row.request_id is not None and row.send.kind is not OutboxKind.ALERT
        # Of one cause, which is what stands before `: `, the admins hear once an hour.
        alarmed = f"{event}:{row.send.address}: {problem}"
        alerts = (Send(OutboxKind.ALERT, effects.ADMINS, now, alarmed),) if alarm else ()
        await self.outside.store.bury(row, problem, entry, alerts)
