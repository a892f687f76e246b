"""Lines: in a card's thread, to a person, to the admins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from bot.core import effects
from bot.core.errors import Unreadable
from bot.core.hours import quiet_until
from bot.core.notes import alert, apart, note, notice, personal
from bot.core.people import absent
from bot.core.terms import PersonName, Request, State
from bot.ports import Claimed, Form, Later, Notifier, Stand, Turn
from bot.services.delivering.outside import Outside

CALLS = frozenset({"reminder", "turn", "deputy"})  # events that call somebody to decide
CAN_WAIT = effects.OUTCOMES - {"unreported"}  # which is an alert as well


@dataclass(frozen=True, slots=True)
class Words:
    """Says what happened."""

    outside: Outside

    async def note(self, row: Claimed) -> None:
        """Say one line about an event: in the card's thread, or to the person."""
        notifier, person = await self.outside.notifier(row.send.address)
        request = await self.outside.request(row)
        if person is not None and await self._spared(row, person, request):
            await self.outside.store.finish(row, None)
            return
        written = note if person is None else personal
        text = written(row.send.event, request, self.outside.clock.now())
        if notifier is not None and text is not None:
            await self._say(row, notifier, person, request, text)
        await self.outside.store.finish(row, None)

    async def _spared(self, row: Claimed, person: PersonName, request: Request) -> bool:
        """Say whether somebody is away and spared this. In quiet hours raise `Turn` for what can wait.

        What would be of no use when they end is told at once.
        """
        event, now = row.send.event.partition(":")[0], self.outside.clock.now()
        if event not in CALLS | CAN_WAIT:
            return False
        registry = await self.outside.store.registry()
        if event in CALLS and person in absent(registry, now):
            return True
        quiet = registry.quiet.get(person)
        ends_at = quiet_until(quiet, now) if quiet else None
        if ends_at is None or (request.state is State.PENDING and request.expires_at <= ends_at):
            return False
        raise Turn(ends_at - now, "quiet hours")

    async def _say(
        self, row: Claimed, notifier: Notifier, person: PersonName | None, request: Request, text: str
    ) -> None:
        stand = await self.outside.store.stand(request.id, row.send.address)
        if stand is not None and stand.form is Form.ALIKE and row.send.event == "reminder":
            return  # of the card that identical requests share people are reminded once
        if stand is not None and stand.posted is not None:
            await notifier.reply(_told_apart(text, row, request, stand), stand.posted)
        elif person is not None:
            place = await notifier.find(row.send.address, person)
            await notifier.tell(f"{text} {self.outside.page(request)}", place)
        elif row.attempts < 5:
            raise Later(timedelta(seconds=2), "its card is not up yet")

    async def alert(self, row: Claimed) -> None:
        """Tell the admins' channels and every admin whom a surface can reach, each by a row of its own.

        The audit page shows it in any case.
        """
        if row.send.address == effects.ADMINS:
            people = self.outside.policies.current().directory.people
            admins = [f"person:{name}" for name in sorted(people) if people[name].admin]
            places = self.outside.policies.current().bundle.defaults.alert
            admins += [f"{place.surface}:{place.target}" for place in places]
            reached = [one for one in admins if (await self.outside.notifier(one))[0] is not None]
            await self.outside.store.hand_on(row, [replace(row.send, address=address) for address in reached])
            return
        notifier, person = await self.outside.notifier(row.send.address)
        if notifier is not None:
            place = await notifier.find(row.send.address, person)
            await notifier.tell(await self._alarm(row), place)
        await self.outside.store.finish(row, None)

    async def _alarm(self, row: Claimed) -> str:
        if row.request_id is None:
            return notice(row.send.event)
        try:
            request = await self.outside.request(row)
        except Unreadable:
            return notice(f"unreadable:{row.request_id}")
        return f"{alert(row.send.event, request)} {self.outside.page(request)}"


def _told_apart(text: str, row: Claimed, request: Request, stand: Stand) -> str:
    """Return the line; in a thread that requests share, with the one it is about."""
    own = stand.form is Form.CARD or row.send.event == "reminder"  # which names it anyway
    return text if own else apart(text, request)
