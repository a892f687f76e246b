"""Cards: each is a view of the request as it is now; the database is the truth.

At one address identical pending requests share the oldest one's card, and what would crowd it is rounded up.
Which request is shown how is decided in the store before anything is sent; each message is written in the
turn of its leader alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from bot.core import effects
from bot.core.card import AlikeLine, Card, RoundupLine, alike_line, card, content_digest, roundup_line
from bot.core.terms import SYSTEM, Digest, Entry, EntryKind, PersonName, Request, State
from bot.ports import ROUNDUP_MAX, Claimed, Crowd, Form, Notifier, Stand
from bot.services.delivering.outside import Outside
from bot.services.delivering.sheets import CardSheet, RoundupSheet, Sheet, put

ALIKE_MAX = 10  # identical requests that are named; the rest are counted
CROWDED = timedelta(minutes=1)  # of this the policy's `roundup_after` speaks; so long a roundup takes lines


@dataclass(frozen=True, slots=True)
class Cards:
    """Puts cards up and keeps them up to date."""

    outside: Outside

    async def show(self, row: Claimed) -> None:
        """Bring what shows a request at one address up to date with the request as it is now."""
        notifier, person = await self.outside.notifier(row.send.address)
        if notifier is None:
            await self.outside.store.finish(row, None)
            return
        request = await self.outside.request(row)
        stand = await self._stand(row, request)
        if stand is None:
            return
        if stand.form is Form.CARD:
            await self._card(row, notifier, person, request, stand)
        elif stand.leader == request.id:
            await self._roundup(row, notifier, person, request, stand)
        else:
            await self.outside.store.pass_on(row, stand.leader, self.outside.clock.now())

    async def _stand(self, row: Claimed, request: Request) -> Stand | None:
        """Return how the request is shown; None when there is nothing left to do in its turn.

        1. Behind an older identical request that waits, it waits too; over, it leaves the card to the next.
        2. Else it gets its place, once: a card of its own or, in a crowd, a line.
        3. A card whose request is over goes to the next that waited behind it; a line stays.
        """
        store, now = self.outside.store, self.outside.clock.now()
        stand = await store.stand(request.id, row.send.address)
        first = await self._first(row, request)
        if stand is None or stand.form is Form.ALIKE:
            if first is not None and first.id != request.id:  # 1
                await (store.follow if stand is None else store.pass_on)(row, first.id, now)
                return None
            if stand is not None and request.state is not State.PENDING:
                await store.finish(row, None)
                return None
            stand = await store.seat(row, self._crowd(now), now)  # 2
            if stand.form is Form.ALIKE:  # of the message that there is, it is somebody else's turn first
                await store.pass_on(row, stand.leader, now)
                return None
            return stand
        if first is not None and await self._inherits(first, request, row.send.address):  # 3
            if stand.form is Form.ROUNDUP:
                await store.free(row, first.id, now)
            elif await store.hand_over(row, first.id, now):
                return None
        return stand

    async def _inherits(self, heir: Request, request: Request, address: str) -> bool:
        """Say whether the oldest that waits takes the place of a request that is over."""
        if request.state is State.PENDING or request.decided_at is None:
            return False
        stand = await self.outside.store.stand(heir.id, address)
        if stand is not None:
            return stand.form is Form.ALIKE  # it has no card, and would get none
        # It has yet to come to its turn: asked while the other waited, it goes on waiting on that card.
        return heir.created_at < request.decided_at

    async def _first(self, row: Claimed, request: Request) -> Request | None:
        """Return the oldest identical request that waits and is to be shown here."""
        waiting = await self.outside.store.alike(request.digest, ALIKE_MAX + 1)
        here = (one for one in waiting if row.send.address in effects.addresses(one))
        return next(here, None)

    def _crowd(self, now: datetime) -> Crowd:
        after = self.outside.policies.current().bundle.defaults.roundup_after
        return Crowd(after, ROUNDUP_MAX, now - CROWDED)

    async def _card(
        self, row: Claimed, notifier: Notifier, person: PersonName | None, request: Request, stand: Stand
    ) -> None:
        drawn = await self._drawn(request)
        stamp = _stamp(drawn.alike, drawn.alike_count) if drawn.alike else ""
        posted = stand.posted
        if posted is not None and posted.version >= request.version and stand.stamp == stamp:
            await self.outside.store.finish(row, None)
            return
        sheet = CardSheet(notifier, drawn)
        shown = self._shown(request, row, {"state": request.state.value}, content_digest(drawn))
        await self._put(row, sheet, person, stand, stamp, shown)

    async def _drawn(self, request: Request) -> Card:
        """Draw a request's card, with those that share it."""
        names = await self.outside.names(request)
        drawn = card(request, self.outside.clock.now(), page=self.outside.page(request), names=names)
        if request.state is not State.PENDING:
            return drawn
        found = await self.outside.store.alike(request.digest, ALIKE_MAX + 1)
        others = [one for one in found if one.id != request.id]
        if not others:
            return drawn
        count = (await self.outside.store.count_alike([request.digest])).get(request.digest, 1) - 1
        lines = tuple(alike_line(one, self.outside.page(one)) for one in others[:ALIKE_MAX])
        return replace(drawn, alike=lines, alike_count=max(count, len(lines)))

    async def _roundup(
        self, row: Claimed, notifier: Notifier, person: PersonName | None, request: Request, stand: Stand
    ) -> None:
        requests = await self.outside.store.lines(request.id, row.send.address)
        counts = await self.outside.store.count_alike([one.digest for one in requests])
        now = self.outside.clock.now()
        lines = []
        for one in requests:
            behind = counts.get(one.digest, 1) - 1 if one.state is State.PENDING else 0
            names = await self.outside.names(one)
            lines.append(roundup_line(one, now, self.outside.page(one), behind, names))
        stamp = _stamp(lines, len(lines))
        if stand.posted is not None and stand.stamp == stamp:
            await self.outside.store.finish(row, None)
            return
        sheet = RoundupSheet(notifier, tuple(lines), request.id)
        ids = " ".join(one.id for one in requests)
        await self._put(row, sheet, person, stand, stamp, self._shown(request, row, {"roundup": ids}))

    async def _put(
        self,
        row: Claimed,
        sheet: Sheet,
        person: PersonName | None,
        stand: Stand,
        stamp: str,
        shown: Entry,
    ) -> None:
        posted = await put(sheet, row, person, stand.posted, self.outside.clock)
        if stamp != stand.stamp:
            # Not one with what follows: after a crash in between, the message is written once more.
            await self.outside.store.put_stamp(stand.leader, row.send.address, stamp)
        await self.outside.store.finish(row, shown, posted)

    def _shown(
        self, request: Request, row: Claimed, facts: dict[str, str], shown: Digest | None = None
    ) -> Entry:
        return effects.entry(
            EntryKind.SHOWN,
            request,
            SYSTEM,
            self.outside.clock.now(),
            shown=shown,
            facts={"address": row.send.address, **facts},
        )


def _stamp(shown: Sequence[AlikeLine | RoundupLine], count: int) -> str:
    """Return what tells one such list from another."""
    return sha256(repr((shown, count)).encode()).hexdigest()[:16]
