"""Where `/assent …` is answered: mentions become names, answers become messages, files go to one person."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.core.errors import NotReady, Refusal, UnknownPerson
from bot.core.terms import Actor, ActorKind, Proof, Surface
from bot.ports import Later, Never
from handlers.commands import Answer, Desk, Line, Tone
from handlers.render import Renderer
from handlers.slack.answers import Message, messages
from handlers.slack.files import send_file
from handlers.slack.identity import Clicker, Identity
from handlers.slack.panes import Panes
from handlers.slack.payloads import Click, Pressed, Typed
from handlers.slack.workspace import Workspace

PREFIX = "/assent "
# How Slack writes what it recognised, where the command has should_escape.
MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
NAMED = re.compile(r"<(?:#[A-Z0-9]+\|([^>]*)|!subteam\^[A-Z0-9]+\|([^>]*)|!([^>|]*)(?:\|[^>]*)?)>")
LINK = re.compile(r"<([a-z]+:[^>|]*)(?:\|([^>]*))?>")
ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


@dataclass(frozen=True, slots=True)
class Counter:
    """Does what people type, and what the buttons of an answer stand for."""

    identity: Identity
    desk: Desk
    renderer: Renderer
    workspace: Workspace
    panes: Panes

    async def typed(self, typed: Typed) -> list[Message]:
        """Answer `/assent …`; nothing for a request that is all of the answer, which opens in a window."""
        answer = await self._answer(typed.clicker, typed.line)
        if len(answer.cards) == 1 and answer == Answer(cards=answer.cards):
            [card] = answer.cards
            click = Click(typed.clicker, card.request_id, card.digest, typed.trigger, typed.response_url)
            with suppress(NotReady):  # Slack took too long for its window: then as a message
                await self.panes.open(click)
                return []
        return messages(answer, self.renderer)

    async def pressed(self, pressed: Pressed) -> list[Message]:
        """Do what a button of an answer stands for, for whoever pressed it."""
        return messages(await self._answer(pressed.clicker, pressed.line), self.renderer)

    async def said(self, clicker: Clicker, line: str) -> None:
        """Do what a button or a window of the home tab stands for; the tab itself shows what came of it."""
        await self._answer(clicker, line)

    async def _answer(self, clicker: Clicker, line: str) -> Answer:
        try:
            actor = await self.identity.actor(clicker)
        except UnknownPerson as refusal:
            return await self._of_nobody(clicker, line, refusal)
        except Refusal as refusal:
            await self.desk.refused(_nobody(f"{clicker.team or '?'}/{clicker.id}"), line, refusal)
            raise
        answer = await self.desk.run(actor, await self._plain(line))
        return await self._sent(answer, clicker)

    async def _of_nobody(self, clicker: Clicker, line: str, refusal: UnknownPerson) -> Answer:
        """Let a full member of ours link their account; anything else was refused."""
        try:
            account = await self.identity.account(clicker)
        except Refusal:
            await self.desk.refused(_nobody(f"{clicker.team or '?'}/{clicker.id}"), line, refusal)
            raise
        answer = await self.desk.stranger(_nobody(account), account, line)
        if answer is None:
            await self.desk.refused(_nobody(account), line, refusal)
            raise refusal
        return answer

    async def _plain(self, line: str) -> str:
        """Return what was typed without Slack's marks: mentions as `@name` of the directory."""
        names = {user: await self.identity.named(user) for user in dict.fromkeys(MENTION.findall(line))}
        line = MENTION.sub(lambda found: f"@{names[found[1]]}", line)
        line = NAMED.sub(lambda found: next(filter(None, found.groups()), ""), line)
        line = LINK.sub(lambda found: found[2] or found[1], line)
        for entity, char in ENTITIES:
            line = line.replace(entity, char)
        return line

    async def _sent(self, answer: Answer, clicker: Clicker) -> Answer:
        """Send what cannot stand in a message, and say where it is."""
        lines = [*answer.lines]
        try:
            if answer.picture is not None:
                png, alt = answer.picture.png, answer.picture.alt
                title = answer.title or "A picture"
                await send_file(self.workspace, clicker.id, "stats.png", png, title, alt)
                lines.append(Line("The picture is in your direct messages with me.", tone=Tone.QUIET))
            if answer.file is not None:
                name, content = answer.file.name, answer.file.content
                await send_file(self.workspace, clicker.id, name, content, "For you alone.")
                lines.append(Line(f"{name} is in your direct messages with me.", tone=Tone.QUIET))
        except (Later, Never) as problem:
            lines.append(Line(f"The file could not be sent: {problem}", tone=Tone.BAD))
        return replace(answer, lines=tuple(lines))


def _nobody(account: str) -> Actor:
    return Actor(ActorKind.PERSON, "", Surface.SLACK, account, Proof.SIGNATURE)
