"""Lines: in a card's thread, to a person, to the admins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from bot.core import effects
from bot.core.notes import alert, note, personal
from bot.core.terms import PersonName, Request
from bot.ports import Claimed, Later, Notifier
from bot.services.delivering.outside import Outside


@dataclass(frozen=True, slots=True)
class Words:
    """Says what happened."""

    outside: Outside

    async def note(self, row: Claimed) -> None:
        """Say one line about an event: in the card's thread, or to the person."""
        notifier, person = self.outside.notifier(row.send.address)
        request = await self.outside.request(row)
        written = note if person is None else personal
        text = written(row.send.event, request, self.outside.clock.now())
        if notifier is not None and text is not None:
            await self._say(row, notifier, person, request, text)
        await self.outside.store.finish(row, None)

    async def _say(
        self, row: Claimed, notifier: Notifier, person: PersonName | None, request: Request, text: str
    ) -> None:
        standing = {posted.address: posted for posted in await self.outside.store.posted(request.id)}
        posted = standing.get(row.send.address)
        if posted is not None:
            await notifier.reply(text, posted)
        elif person is not None:
            place = await notifier.find(row.send.address, person)
            await notifier.tell(f"{text} {self.outside.page(request)}", place)
        elif row.attempts < 5:
            raise Later(timedelta(seconds=2), "its card is not up yet")

    async def alert(self, row: Claimed) -> None:
        """Tell every admin whom a surface can reach, each by a row; the audit page shows it in any case."""
        if row.send.address == effects.ADMINS:
            people = self.outside.policies.current().directory.people
            admins = [f"person:{name}" for name in sorted(people) if people[name].admin]
            reached = [address for address in admins if self.outside.notifier(address)[0] is not None]
            await self.outside.store.hand_on(row, [replace(row.send, address=address) for address in reached])
            return
        notifier, person = self.outside.notifier(row.send.address)
        if notifier is not None:
            request = await self.outside.request(row)
            place = await notifier.find(row.send.address, person)
            await notifier.tell(f"{alert(row.send.event, request)} {self.outside.page(request)}", place)
        await self.outside.store.finish(row, None)
