"""What is put up at a place and kept up to date there: a card, or a roundup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.core.card import Card, RoundupLine
from bot.core.terms import PersonName, RequestId, State
from bot.ports import Claimed, Full, Missing, Notifier, Place, Posted, Turn


class Sheet(Protocol):
    """Something that stands as one message, kept under one request."""

    @property
    def notifier(self) -> Notifier: ...
    @property
    def request_id(self) -> RequestId: ...
    def waits(self) -> bool:
        """Say whether people can still decide on it."""
        ...

    async def post(self, place: Place) -> Posted: ...
    async def renew(self, posted: Posted) -> Posted: ...


@dataclass(frozen=True, slots=True)
class CardSheet:
    """A card."""

    notifier: Notifier
    card: Card

    @property
    def request_id(self) -> RequestId:
        """Return whose card it is."""
        return self.card.request_id

    def waits(self) -> bool:
        """Say whether people can still decide on it."""
        return self.card.state is State.PENDING

    async def post(self, place: Place) -> Posted:
        """Put it up."""
        return await self.notifier.post(self.card, place)

    async def renew(self, posted: Posted) -> Posted:
        """Bring it up to date."""
        return await self.notifier.update(self.card, posted)


@dataclass(frozen=True, slots=True)
class RoundupSheet:
    """A roundup, kept under the request that opened it."""

    notifier: Notifier
    lines: Sequence[RoundupLine]
    request_id: RequestId

    def waits(self) -> bool:
        """Say whether people can still decide on one of its lines."""
        return any(line.waits for line in self.lines)

    async def post(self, place: Place) -> Posted:
        """Put it up."""
        return await self.notifier.round_up(self.lines, self.request_id, place, None)

    async def renew(self, posted: Posted) -> Posted:
        """Bring it up to date."""
        place = Place(posted.address.partition(":")[0], posted.place)
        return await self.notifier.round_up(self.lines, self.request_id, place, posted)


async def put(sheet: Sheet, row: Claimed, person: PersonName | None, posted: Posted | None) -> Posted:
    """Put a sheet up where the row says, or bring the one that stands up to date; return what stands."""
    if posted is not None:
        try:
            return _at(await sheet.renew(posted), row.send.address)
        except Missing:
            # Somebody deleted it. The database is the truth; a card is a view: put up a new one.
            if not sheet.waits():
                return posted
    try:
        return _at(await _put_up(sheet, row, person, posted), row.send.address)
    except Full as full:
        if posted is None:
            raise
        raise Turn(full.after, str(full)) from full  # as a change it would be tried at once again


async def _put_up(sheet: Sheet, row: Claimed, person: PersonName | None, posted: Posted | None) -> Posted:
    place = await sheet.notifier.find(row.send.address, person)
    if row.attempts > 1:  # this one counts too
        # It may stand there since before a crash or a lost answer.
        found = await sheet.notifier.seek(sheet.request_id, place)
        if found is not None and (posted is None or found.message != posted.message):
            return await sheet.renew(_at(found, row.send.address))
    return await sheet.post(place)


def _at(posted: Posted, address: str) -> Posted:
    return replace(posted, address=address)
