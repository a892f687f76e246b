"""Emoji on our cards: eyes for a look, a check mark or a cross for a verdict where the policy says so.

1. The message is a card of ours; on any other, whatever is put there is nothing to us.
2. Who it was is found out as for a click.
3. Whether it counts is decided as for a click, and by the rules for reactions.

An emoji that comes again, or that says what its person has said already, changes nothing and says nothing.
Taking one away is not listened to: a verdict stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from bot.core.errors import NoReviewsByMachines, Refusal
from bot.core.machine import counted, has_looked
from bot.core.terms import Request, Verdict
from bot.ports import Later, Never
from handlers.slack.blocks import escaped
from handlers.slack.desk import Desk
from handlers.slack.identity import person
from handlers.slack.payloads import Reaction
from handlers.slack.troubles import repeatable

EYES = "eyes"
VERDICTS = {"white_check_mark": Verdict.APPROVE, "x": Verdict.DENY}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reactions:
    """Does what emoji on cards ask for. Eyes on what several requests share are of nobody in particular."""

    desk: Desk

    async def react(self, reaction: Reaction) -> None:
        """Take one emoji; what is refused is said to its person alone."""
        if reaction.emoji != EYES and reaction.emoji not in VERDICTS:
            return
        place = self.desk.workspace.placed(reaction.channel)
        standing = await self.desk.store.shown_at(place, reaction.message)
        if not standing:  # 1
            return
        held = await self.desk.reviewing.held(standing)
        try:
            if reaction.emoji == EYES:
                await self._look(reaction, held)
            else:
                await self._review(reaction, held)
        except NoReviewsByMachines:
            return  # on record, and there is nobody to tell
        except Refusal as refusal:
            if reaction.emoji != EYES:  # who looks without being asked is in nobody's way
                await self._whisper(reaction, refusal.detail)

    async def _look(self, reaction: Reaction, held: tuple[Request, bool]) -> None:
        request, alone = held
        if not alone:
            return
        actor = await self.desk.actor(reaction.clicker, request, "look")  # 2
        if not has_looked(request, person(actor)):  # else it may be the same one again
            await self.desk.reviewing.look(request.id, person(actor), actor)

    async def _review(self, reaction: Reaction, held: tuple[Request, bool]) -> None:
        verdict, request = VERDICTS[reaction.emoji], held[0]
        actor = await self.desk.actor(reaction.clicker, request, verdict)  # 2
        said = counted(request).get(person(actor))
        if said is not None and said.verdict is verdict:
            return
        complete = self.desk.shows_all(request)
        await self.desk.reviewing.react(held, person(actor), verdict, complete, actor)  # 3

    async def _whisper(self, reaction: Reaction, text: str) -> None:
        try:
            with repeatable():
                await self.desk.workspace.client.chat_postEphemeral(
                    channel=reaction.channel, user=reaction.clicker.id, text=escaped(text)
                )
        except (Later, Never) as error:
            log.warning("slack.whisper_lost", error=str(error))
