"""Cards go out to Teams: `ports.Notifier` on the Bot Connector.

Teams lets a bot search nothing, so the store remembers what was posted under which id, and also that a
posting was begun: one whose end nobody knows is never begun again (see `bot.ports.Conversations`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.card import Card, RoundupLine
from bot.core.terms import SYSTEM, PersonName, RequestId, Surface
from bot.ports import Accounts, Clock, Later, Never, Place, Posted, Store
from handlers.teams.cards import message, roundup
from handlers.teams.chats import PERSONAL, Chats, posted_to
from handlers.teams.connector import Connector, thread
from handlers.teams.messages import carrying, saying
from handlers.teams.sdk import MessageActivityInput
from handlers.teams.seal import Sealing
from handlers.teams.troubles import Stale

UNKNOWN_END = "Teams: nobody knows whether the card arrived there before the connection broke; look there"


@dataclass(frozen=True, slots=True)
class TeamsNotifier:
    """Posts cards and keeps them up to date. Each verb raises only `Later`, `Never` or `Unsure`."""

    chats: Chats
    connector: Connector
    store: Store
    accounts: Accounts
    clock: Clock
    renderer: Sealing

    async def find(self, address: str, person: PersonName | None) -> Place:
        """Return the channel behind `name`, `Team/name` or an id, or a person's chat."""
        if person is None:
            return Place(Surface.TEAMS, await self.chats.channel(address.removeprefix("teams:")))
        for account in await self.accounts.held(person, Surface.TEAMS):
            return Place(Surface.TEAMS, await self.chats.personal(account))
        raise Never(f"{person} has no Teams account in the directory")

    async def post(self, card: Card, place: Place) -> Posted:
        """Post a card; raises `Unsure` when nobody knows whether it stands there now."""
        shown = message(card, self.renderer.within(posted_to(place.id)))
        carried = carrying(shown.content, shown.summary)
        message_id = await self._once(card.request_id, place, carried)
        return _posted(card.request_id, place.id, message_id, card.version)

    async def seek(self, request_id: RequestId, place: Place) -> Posted | None:
        """Return the card of that request that we posted there last."""
        message_id = await self.store.posting(request_id, place.id)
        return _posted(request_id, place.id, message_id, 0) if message_id is not None else None

    async def update(self, card: Card, posted: Posted) -> Posted:
        """Bring a card up to date; raises `Never` when its message is gone."""
        shown = message(card, self.renderer.within(posted_to(posted.place)))
        await self._change(posted, carrying(shown.content, shown.summary))
        return _posted(card.request_id, posted.place, posted.message, card.version)

    async def round_up(
        self, lines: Sequence[RoundupLine], leader: RequestId, place: Place, posted: Posted | None
    ) -> Posted:
        """Post one message for many requests, or bring the one that stands up to date."""
        waiting = sum(line.waits for line in lines)
        renderer = self.renderer.within(posted_to(posted.place if posted is not None else place.id))
        content = roundup(lines, waiting, leader, renderer)
        carried = carrying(content, f"{waiting} more requests waiting")
        if posted is not None:
            await self._change(posted, carried)
            return posted
        return _posted(leader, place.id, await self._once(leader, place, carried), 0)

    async def reply(self, text: str, posted: Posted) -> None:
        """Add a line to a card's thread; a chat has no threads, so there it stands by itself."""
        url, conversation, kind = await self.chats.where(posted.place)
        where = thread(conversation, posted.message) if kind == "team" else conversation
        await self.connector.post(url, where, saying(text))

    async def tell(self, text: str, place: Place) -> None:
        """Say something by itself."""
        url, conversation, _ = await self.chats.where(place.id)
        await self.connector.post(url, conversation, saying(text))

    async def _once(self, request_id: RequestId, place: Place, carried: MessageActivityInput) -> str:
        url, conversation, _ = await self.chats.where(place.id)
        if not await self.store.begin_posting(request_id, place.id, self.clock.now()):
            raise Never(UNKNOWN_END)
        try:
            message_id = await self.connector.post(url, conversation, carried)
        except (Later, Never) as refused:
            await self.store.end_posting(request_id, place.id, None)
            await self._if_stale(refused, place.id)
            raise
        await self.store.end_posting(request_id, place.id, message_id)
        return message_id

    async def _change(self, posted: Posted, carried: MessageActivityInput) -> None:
        url, conversation, _ = await self.chats.where(posted.place)
        try:
            await self.connector.update(url, conversation, posted.message, carried)
        except Never as refused:
            await self._if_stale(refused, posted.place)
            raise

    async def _if_stale(self, refused: Later | Never, place: str) -> None:
        """Forget a chat that we were removed from; of a team perhaps only the channel is closed to us."""
        if not isinstance(refused, Stale):
            return
        known = await self.store.conversation(place.partition(" ")[0])
        if known is not None and known.kind == PERSONAL:
            await self.chats.left(known.id, SYSTEM)
        elif known is not None:
            self.chats.renamed(known.id)


def _posted(request_id: RequestId, place: str, message: str, version: int) -> Posted:
    return Posted(request_id, f"teams:{place}", place, message, version)
