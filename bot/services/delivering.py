"""The outbox is emptied: each row says what to do where, and the request is read as it is by then.

Every surface is treated alike: it may answer `Later`, `Never` or `Unsure`, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from bot.core import effects
from bot.core.card import Card, card, content_digest
from bot.core.deadline import GIVE_UP_AFTER, retry_after
from bot.core.notes import alert, note
from bot.core.terms import (
    SYSTEM,
    CallbackKind,
    Entry,
    EntryKind,
    ExecutorName,
    GroupName,
    OutboxKind,
    PersonName,
    Request,
    Send,
    State,
)
from bot.ports import (
    EACH_MAX,
    Caller,
    Claimed,
    Clock,
    Full,
    Gone,
    Later,
    Missing,
    Never,
    Notifier,
    Policies,
    Posted,
    RegistryEdit,
    Shut,
    Signer,
    Store,
    Turn,
    Unsure,
)

LEASE = timedelta(seconds=60)  # longer than the longest send, so that nobody sends beside us
AT_ONCE = 128  # sends under way in one process, `EACH_MAX` of them to one address
MOMENT = 0.2  # seconds
LATELY = timedelta(seconds=10)  # after an address was full, it gets one send at a time

log = structlog.get_logger()


@dataclass(slots=True)
class Delivering:
    """Sends what waits; `jitter` gives a number in [0, 1)."""

    store: Store
    policies: Policies
    clock: Clock
    signer: Signer
    notifiers: Mapping[str, Notifier]
    caller: Caller
    public_url: str
    jitter: Callable[[], float]
    _sending: dict[asyncio.Task[None], str] = field(default_factory=dict)  # and to which address
    _full: dict[str, datetime] = field(default_factory=dict)  # until when, by address

    async def deliver(self) -> int:
        """Start sending what is due, as far as places are free; return how many were started."""
        started = await self._start()
        if not started and self._is_full() and await self._freed():
            started = await self._start()
        return started

    async def _start(self) -> int:
        free = AT_ONCE - len(self._sending)
        if free <= 0:
            return 0
        now = self.clock.now()
        self._full = {address: until for address, until in self._full.items() if now < until + LATELY}
        full = {address for address, until in self._full.items() if now < until}
        under_way = Counter(self._sending.values()) + Counter(dict.fromkeys(self._full, EACH_MAX - 1))
        claimed = await self.store.claim(now, free, LEASE, under_way, full)
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
            await verb(row)
        except Full as full:
            self._full[row.send.address] = self.clock.now() + full.after
            await self.store.put_back(row, row.send.due_at)  # so it stays the first of those that wait
        except Turn as turn:
            await self.store.put_back(row, self.clock.now() + turn.after)
        except Shut as shut:
            await self._again(row, str(shut), shut.after, alarm=f"shut:{shut}")
        except Later as later:
            await self._again(row, str(later), later.after)
        except Unsure as unsure:
            if row.send.kind in (OutboxKind.NOTE, OutboxKind.ALERT):
                # A line said twice is worse than one that may be missing; the card shows what counts.
                await self.store.finish(row, None)
            else:
                # Looked for before it is posted again: see `_put`.
                await self._again(row, f"not known whether it arrived: {unsure}", timedelta(0))
        except Gone:
            await self._disable(row)
        except Never as never:
            event = "card-lost" if row.send.kind is OutboxKind.SHOW else "dead-letter"
            await self._bury(row, str(never), event)
        except Exception as error:  # an outer loop: a row must not fail for ever unseen
            log.exception("delivery.failed", address=row.send.address, kind=row.send.kind.value)
            await self._again(row, f"failed here: {type(error).__name__}", timedelta(0))

    def _verb(self, kind: OutboxKind) -> Callable[[Claimed], Awaitable[None]]:
        verbs: dict[OutboxKind, Callable[[Claimed], Awaitable[None]]] = {
            OutboxKind.SHOW: self._show,
            OutboxKind.NOTE: self._note,
            OutboxKind.TELL: self._tell,
            OutboxKind.ALERT: self._alert,
        }
        return verbs[kind]

    # ── cards ────────────────────────────────────────────────────────────────────────────────────

    async def _show(self, row: Claimed) -> None:
        """Bring the card at one address up to date with the request as it is now."""
        notifier, person = self._notifier(row.send.address)
        if notifier is None:
            await self.store.finish(row, None)
            return
        request = await self._request(row)
        drawn = card(request, self.clock.now(), page=self._page(request), names=await self._names(request))
        standing = {posted.address: posted for posted in await self.store.posted(request.id)}
        posted = standing.get(row.send.address)
        if posted is not None and posted.version >= request.version:
            await self.store.finish(row, None)
            return
        posted = await self._put(row, notifier, person, drawn, posted)
        await self.store.finish(row, self._shown(request, drawn, row), posted)

    async def _put(
        self, row: Claimed, notifier: Notifier, person: PersonName | None, drawn: Card, posted: Posted | None
    ) -> Posted:
        if posted is not None:
            try:
                return await notifier.update(drawn, posted)
            except Missing:
                # Somebody deleted the card. The database is the truth; a card is a view: put up a new one.
                if drawn.state is not State.PENDING:
                    return posted
        try:
            return await self._put_up(row, notifier, person, drawn, posted)
        except Full as full:
            if posted is None:
                raise
            raise Turn(full.after, str(full)) from full  # as a change it would be tried at once again

    async def _put_up(
        self, row: Claimed, notifier: Notifier, person: PersonName | None, drawn: Card, posted: Posted | None
    ) -> Posted:
        place = await notifier.find(row.send.address, person)
        if row.attempts > 1:  # this one counts too
            # It may stand there since before a crash or a lost answer.
            found = await notifier.seek(drawn.request_id, place)
            if found is not None and (posted is None or found.message != posted.message):
                return await notifier.update(drawn, _at(found, row.send.address))
        return _at(await notifier.post(drawn, place), row.send.address)

    def _shown(self, request: Request, drawn: Card, row: Claimed) -> Entry:
        facts = {"address": row.send.address, "state": request.state.value}
        return effects.entry(
            EntryKind.SHOWN,
            request,
            SYSTEM,
            self.clock.now(),
            shown=content_digest(drawn),
            facts=facts,
        )

    # ── words ────────────────────────────────────────────────────────────────────────────────────

    async def _note(self, row: Claimed) -> None:
        """Say one line about an event: in the card's thread, or to the person."""
        notifier, person = self._notifier(row.send.address)
        request = await self._request(row)
        text = note(row.send.event, request, self.clock.now())
        if notifier is not None and text is not None:
            await self._say(row, notifier, person, request, text)
        await self.store.finish(row, None)

    async def _say(
        self, row: Claimed, notifier: Notifier, person: PersonName | None, request: Request, text: str
    ) -> None:
        standing = {posted.address: posted for posted in await self.store.posted(request.id)}
        posted = standing.get(row.send.address)
        if posted is not None:
            await notifier.reply(text, posted)
        elif person is not None:
            place = await notifier.find(row.send.address, person)
            await notifier.tell(f"{text} {self._page(request)}", place)
        elif row.attempts < 5:
            raise Later(timedelta(seconds=2), "its card is not up yet")

    async def _alert(self, row: Claimed) -> None:
        """Tell every admin whom a surface can reach, each by a row; the audit page shows it in any case."""
        if row.send.address == effects.ADMINS:
            people = self.policies.current().directory.people
            admins = [f"person:{name}" for name in sorted(people) if people[name].admin]
            reached = [address for address in admins if self._notifier(address)[0] is not None]
            await self.store.hand_on(row, [replace(row.send, address=address) for address in reached])
            return
        notifier, person = self._notifier(row.send.address)
        if notifier is not None:
            request = await self._request(row)
            place = await notifier.find(row.send.address, person)
            await notifier.tell(f"{alert(row.send.event, request)} {self._page(request)}", place)
        await self.store.finish(row, None)

    # ── executors ────────────────────────────────────────────────────────────────────────────────

    async def _tell(self, row: Claimed) -> None:
        """Call the executor back about its request, unless the news is overtaken or it asks by itself."""
        if row.callback_id is None:
            raise Never("a callback row without its callback")
        callback = await self.store.callback(row.callback_id)
        request = await self.store.get(callback.request_id)
        executor = (await self.store.registry()).executors.get(callback.executor)
        overtaken = callback.kind is CallbackKind.APPROVED and request.state is not State.APPROVED
        if executor is None or executor.url is None or executor.disabled_at is not None or overtaken:
            await self.store.finish(row, None)
            return
        token = self.signer.grant(request) if callback.kind is CallbackKind.APPROVED else None
        await self.caller.call(executor, callback, request, token)
        facts = {"type": callback.kind.value, "sequence": str(callback.sequence)}
        entry = effects.entry(EntryKind.DELIVERED, request, SYSTEM, self.clock.now(), facts=facts)
        await self.store.finish(row, entry)

    async def _disable(self, row: Claimed) -> None:
        """The address answered 410: it wants no more callbacks, until an admin says otherwise."""
        name = row.send.address.removeprefix("executor:")
        now = self.clock.now()
        executor = (await self.store.registry()).executors.get(ExecutorName(name))
        if executor is not None:
            facts = {"command": "executors disable", "executor": name, "cause": "410"}
            entry = Entry(kind=EntryKind.ADMIN, at=now, by=SYSTEM, facts=facts)
            await self.store.edit(RegistryEdit(entry, executors=(replace(executor, disabled_at=now),)))
        await self._bury(row, "the address answered 410 Gone", "gone")

    # ── when it does not work ────────────────────────────────────────────────────────────────────

    async def _again(self, row: Claimed, problem: str, after: timedelta, alarm: str = "") -> None:
        """Try later by the table, or give up when the news is of no use by then."""
        now = self.clock.now()
        due_at = now + max(after, retry_after(row.attempts, self.jitter()))
        useless_at = row.first_due_at + GIVE_UP_AFTER
        if row.callback_id is not None:
            callback = await self.store.callback(row.callback_id)
            request = await self.store.get(callback.request_id)
            if callback.kind is CallbackKind.APPROVED and request.grant is not None:
                useless_at = request.grant.expires_at
        if due_at >= useless_at:
            await self._bury(row, problem, "dead-letter")
        else:
            alerts = (Send(OutboxKind.ALERT, effects.ADMINS, now, alarm),) if alarm and row.request_id else ()
            await self.store.postpone(row, due_at, problem, alerts)

    async def _bury(self, row: Claimed, problem: str, event: str) -> None:
        now = self.clock.now()
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
        await self.store.bury(row, problem, entry, alerts)

    # ── whom and what about ──────────────────────────────────────────────────────────────────────

    def _notifier(self, address: str) -> tuple[Notifier | None, PersonName | None]:
        """Return the surface for an address; a person's is the first on which they have an account."""
        surface, _, rest = address.partition(":")
        if surface != "person":
            return self.notifiers.get(surface), None
        known = self.policies.current().directory.people.get(PersonName(rest))
        accounts = {"slack": known.slack, "teams": known.teams} if known else {}
        found = [self.notifiers[name] for name, held in accounts.items() if held and name in self.notifiers]
        return (found[0] if found else None), PersonName(rest)

    async def _request(self, row: Claimed) -> Request:
        if row.request_id is None:
            raise Never("an outbox row about no request")
        return await self.store.get(row.request_id)

    async def _names(self, request: Request) -> dict[GroupName, frozenset[PersonName]]:
        roster = await self.policies.roster(request, await self.store.registry())
        return {name: people for name, people in roster.groups.items() if people is not None}

    def _page(self, request: Request) -> str:
        return f"{self.public_url}/requests/{request.id}"


def _at(posted: Posted, address: str) -> Posted:
    return Posted(posted.request_id, address, posted.place, posted.message, posted.version)
