"""Where cards go: channels by their name, people by their personal chat; activities keep it true.

A place is `CONVERSATION-WE-KNOW WHERE-TO-POST`: a team and one of its channels, or a chat twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bot.core.terms import SYSTEM, Actor, Entry, EntryKind
from bot.ports import Clock, Conversation, Conversations, Never
from handlers.teams.connector import Connector

CHANNEL_ID = re.compile(r"19:[^\s/]+@thread\.\w+")
PERSONAL, TEAM, GROUP = "personal", "team", "group"


class Where(NamedTuple):
    """A conversation, and at which address of Teams it is reached."""

    url: str
    conversation: str
    kind: str


def posted_to(place: str) -> str:
    """Return the conversation to which a place's messages are posted."""
    return place.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class Chats:
    """Finds conversations; what it was told of them is in the store, the channels' names only here."""

    store: Conversations
    connector: Connector
    clock: Clock
    tenant: str
    _channels: dict[str, dict[str, str]] = field(default_factory=dict)  # of a team, ids by name

    async def heard_of(self, conversation: Conversation, by: Actor) -> None:
        """Remember where a conversation is; called with every activity, so mostly there is nothing to do."""
        known = await self.store.conversation(conversation.id)
        if known is not None:  # not every activity says all of it
            name, account = conversation.name or known.name, conversation.account or known.account
            conversation = replace(conversation, name=name, account=account)
        if known != conversation:
            await self.store.put_conversation(conversation, self._entry("teams installed", conversation, by))

    async def left(self, conversation: str, by: Actor) -> None:
        """Forget a conversation: we are not in it any more."""
        self._channels.pop(conversation, None)
        gone = Conversation(conversation, "", "")
        await self.store.drop_conversation(conversation, self._entry("teams removed", gone, by))

    def renamed(self, team: str) -> None:
        """Look its channels up again."""
        self._channels.pop(team, None)

    async def channel(self, address: str) -> str:
        """Return the place of `channel`, `Team/channel` or a channel's id; raises `Never`, `Later`."""
        name = address.removeprefix("#").strip()
        found = await self._look(name)
        if not found:
            for team in await self._teams():
                self.renamed(team.id)  # it may have been made since
            found = await self._look(name)
        if not found:
            raise Never(
                f"Teams: no team that has the app has a channel {name}; add the app to the channel's team"
            )
        if len(found) > 1:
            raise Never(f"Teams: several teams have a channel {name}; write Team/{name}")
        return found[0]

    async def personal(self, account: str) -> str:
        """Return the place of somebody's personal chat, opened when we do not know it yet."""
        own = await self.store.conversation_of(account)
        if own is not None:
            return f"{own.id} {own.id}"
        known = await self.store.conversations(limit=1)
        tenant, _, object_id = account.partition("/")
        if tenant.lower() != self.tenant or not known:
            raise Never("Teams: the app is not installed for that person; they add it under Apps")
        # Everybody of a tenant is reached where the newest activity came from.
        opened = await self.connector.chat(known[0].url, tenant, object_id)
        await self.heard_of(Conversation(opened, PERSONAL, known[0].url, account), SYSTEM)
        return f"{opened} {opened}"

    async def where(self, place: str) -> Where:
        """Return how to reach a place; raises `Never` when we were removed from it."""
        known, _, conversation = place.partition(" ")
        one = await self.store.conversation(known)
        if one is not None:
            return Where(one.url, conversation, one.kind)
        raise Never("Teams: the app was removed from there; add it again")

    async def _teams(self) -> list[Conversation]:
        return await self.store.conversations(TEAM)

    async def _look(self, name: str) -> list[str]:
        wanted_team, slash, channel = name.rpartition("/")
        found = []
        group = await self.store.conversation(name)
        if group is not None and group.kind == GROUP:
            return [f"{group.id} {group.id}"]
        for one in await self._teams():
            if slash and wanted_team.lower() not in (one.id, (one.name or "").lower()):
                continue
            if one.id not in self._channels:
                self._channels[one.id] = await self.connector.channels(one.url, one.id)
            channels = self._channels[one.id]
            if CHANNEL_ID.fullmatch(name) and name in channels.values():
                found.append(f"{one.id} {name}")
            elif channel.lower() in channels:
                found.append(f"{one.id} {channels[channel.lower()]}")
        return found

    def _entry(self, command: str, conversation: Conversation, by: Actor) -> Entry:
        facts = {"command": command, "conversation": conversation.id}
        facts |= {"kind": conversation.kind} if conversation.kind else {}
        return Entry(kind=EntryKind.ADMIN, at=self.clock.now(), by=by, facts=facts)
