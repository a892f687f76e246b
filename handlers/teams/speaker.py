"""Answers go to one person alone: to their personal chat, whoever else reads where they asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from bot.core.terms import Json
from bot.ports import Turn
from handlers.commands import Answer
from handlers.teams.answers import contents
from handlers.teams.chats import Chats
from handlers.teams.connector import Connector, base
from handlers.teams.messages import carrying
from handlers.teams.payloads import Clicker
from handlers.teams.sdk import MessageActivityInput
from handlers.teams.seal import Sealing

WAIT_MAX = timedelta(seconds=40)  # for one part's turn: a long answer has more parts than a second takes
HERE = "Done; see below."
ELSEWHERE = "I have answered in our chat, where only you read it."


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says an answer to whom it concerns."""

    chats: Chats
    connector: Connector
    renderer: Sealing
    tenant: str

    async def answer(self, answer: Answer, clicker: Clicker, *, is_personal: bool) -> str:
        """Send an answer to the asker alone; return what is said where they asked. Raises like a notifier."""
        url, conversation = clicker.url, base(clicker.where)
        if not is_personal:
            place = await self.chats.personal(f"{self.tenant}/{clicker.object_id}")
            url, conversation, _ = await self.chats.where(place)
        cards: list[dict[str, Json]] = contents(answer, self.renderer.within(conversation))
        for content in cards:
            await self._post(url, conversation, carrying(content, answer.title or "Answer"))
        return HERE if is_personal else ELSEWHERE

    async def _post(self, url: str, conversation: str, message: MessageActivityInput) -> None:
        while True:
            try:
                await self.connector.post(url, conversation, message)
            except Turn as turn:
                if turn.after > WAIT_MAX:
                    raise
                await asyncio.sleep(turn.after.total_seconds())
            else:
                return
