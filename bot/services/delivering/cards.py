"""Cards: each is a view of the request as it is now; the database is the truth."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core import effects
from bot.core.card import Card, card, content_digest
from bot.core.terms import SYSTEM, Entry, EntryKind, PersonName, Request, State
from bot.ports import Claimed, Full, Missing, Notifier, Posted, Turn
from bot.services.delivering.outside import Outside


@dataclass(frozen=True, slots=True)
class Cards:
    """Puts cards up and keeps them up to date."""

    outside: Outside

    async def show(self, row: Claimed) -> None:
        """Bring the card at one address up to date with the request as it is now."""
        notifier, person = self.outside.notifier(row.send.address)
        if notifier is None:
            await self.outside.store.finish(row, None)
            return
        request = await self.outside.request(row)
        drawn = card(
            request,
            self.outside.clock.now(),
            page=self.outside.page(request),
            names=await self.outside.names(request),
        )
        standing = {posted.address: posted for posted in await self.outside.store.posted(request.id)}
        posted = standing.get(row.send.address)
        if posted is not None and posted.version >= request.version:
            await self.outside.store.finish(row, None)
            return
        posted = await self._put(row, notifier, person, drawn, posted)
        await self.outside.store.finish(row, self._shown(request, drawn, row), posted)

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
            self.outside.clock.now(),
            shown=content_digest(drawn),
            facts=facts,
        )


def _at(posted: Posted, address: str) -> Posted:
    return Posted(posted.request_id, address, posted.place, posted.message, posted.version)
