"""The Bot Connector, through the SDK's client: each call once, at Teams' pace, with its errors translated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from bot.ports import Clock
from handlers.teams.entra import Entra
from handlers.teams.pace import Pace
from handlers.teams.sdk import (
    Account,
    Client,
    ClientOptions,
    ConversationClient,
    CreateConversationParams,
    MessageActivityInput,
    TeamClient,
)
from handlers.teams.troubles import repeatable, unrepeatable

CALL_WITHIN = 10.0  # seconds
NO_ID = "DO_NOT_USE_PLACEHOLDER_ID"  # what the SDK makes of an answer without one
NAME_OF_GENERAL = "General"  # the connector names every channel but this one


@dataclass(frozen=True, slots=True)
class Member:
    """Someone in a conversation, as Teams itself says now."""

    id: str
    object_id: str | None
    tenant: str | None
    role: str | None
    principal_name: str | None


class Connector:
    """What we ask of Teams. Each verb raises only `Later`, `Never`, or `Unsure` if it may not act twice."""

    def __init__(self, entra: Entra, clock: Clock) -> None:
        self.pace = Pace(clock)
        self._entra = entra
        self._http = Client(ClientOptions(timeout=CALL_WITHIN))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.http.aclose()

    async def post(self, url: str, conversation: str, message: MessageActivityInput) -> str:
        """Post, and return the message's id."""
        http = await self._with_token()
        with self.pace.posting(base(conversation)), unrepeatable(), self._token_taken():
            sent = await ConversationClient(url, http).create_activity(conversation, message)
            if not sent.id.strip() or sent.id == NO_ID:
                raise LookupError("no id")
        return sent.id

    async def update(self, url: str, conversation: str, id: str, message: MessageActivityInput) -> None:
        """Put a message in the place of another."""
        http = await self._with_token()
        with self.pace.calling(base(conversation)), repeatable(), self._token_taken():
            await ConversationClient(url, http).update_activity(conversation, id, message)

    async def member(self, url: str, conversation: str, id: str) -> Member:
        """Return what Teams says of somebody in a conversation."""
        http = await self._with_token()
        with repeatable(), self._token_taken():
            said = await ConversationClient(url, http).get_member_by_id(base(conversation), id)
        return Member(said.id, said.aad_object_id, said.tenant_id, said.user_role, said.user_principal_name)

    async def channels(self, url: str, team: str) -> dict[str, str]:
        """Return a team's channels, ids by names in lower case."""
        http = await self._with_token()
        with self.pace.calling(team), repeatable(), self._token_taken():
            found = await TeamClient(url, http).get_conversations(team)
            if not found:
                raise LookupError("a team has at least its General channel")
        return {(channel.name or NAME_OF_GENERAL).lower(): channel.id for channel in found if channel.id}

    async def chat(self, url: str, tenant: str, object_id: str) -> str:
        """Open the personal chat with somebody who has the app, and return its id."""
        http = await self._with_token()
        wanted = CreateConversationParams(members=[Account(id=object_id)], tenant_id=tenant)
        with self.pace.calling(object_id), repeatable(), self._token_taken():
            made = await ConversationClient(url, http).create(wanted)
        return made.id

    async def _with_token(self) -> Client:
        return self._http.clone(ClientOptions(token=await self._entra.token()), share_http=True)

    @contextmanager
    def _token_taken(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.UNAUTHORIZED:
                self._entra.forget()
            raise


def base(conversation: str) -> str:
    """Return the conversation in which a thread stands: `19:…;messageid=1` → `19:…`."""
    return conversation.partition(";")[0]


def thread(conversation: str, message: str) -> str:
    """Return the thread below a message of a channel."""
    return f"{base(conversation)};messageid={message}"
