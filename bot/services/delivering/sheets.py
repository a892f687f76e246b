"""What is put up at a place and kept up to date there: a card, or a roundup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from bot.core.card import Card, RoundupLine
from bot.core.terms import PersonName, RequestId, State
from bot.ports import Claimed, Clock, Full, Missing, Notifier, Place, Posted, Turn

SENDING = timedelta(seconds=15)  # longer than a call of any surface takes


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


async def put(
    sheet: Sheet, row: Claimed, person: PersonName | None, posted: Posted | None, clock: Clock
) -> Posted:
    """Put a sheet up where the row says, or bring the one that stands up to date; return what stands."""
    if posted is not None:
        _require_lease(row, clock)
        try:
            return _at(await sheet.renew(posted), row.send.address)
        except Missing:
            # Somebody deleted it. The database is the truth; a card is a view: put up a new one.
            if not sheet.waits():
                return posted
    try:
        return _at(await _put_up(sheet, row, person, posted, clock), row.send.address)
    except Full as full:
        if posted is None:
            raise
        raise Turn(full.after, str(full)) from full  # as a change it would be tried at once again


async def _put_up(
    sheet: Sheet, row: Claimed, person: PersonName | None, posted: Posted | None, clock: Clock
) -> Posted:
    place = await sheet.notifier.find(row.send.address, person)
    if row.attempts > 1:  # this one counts too
        # It may stand there since before a crash or a lost answer.
        found = await sheet.notifier.seek(sheet.request_id, place)
        if found is not None and (posted is None or found.message != posted.message):
            return await sheet.renew(_at(found, row.send.address))
    _require_lease(row, clock)
    return await sheet.post(place)


def _require_lease(row: Claimed, clock: Clock) -> None:
    """Refuse to send what may be another's by the time that it arrives: our process stood still for a while.

    The other posts it; ours would be a second card, or show again how things stood then.
    """
    if clock.now() >= row.lease_until - SENDING:
        raise Turn(timedelta(0), "it slept over its lease")


def _at(posted: Posted, address: str) -> Posted:
    return replace(posted, address=address)
