"""What is done about an activity that the SDK let through: read, do, answer within Teams' 15 seconds.

Each piece of work is a task of its own, because a connection that breaks must not cut a decision in two. A
click is answered when it is done, or at `ANSWER_WITHIN` while it goes on: never with nothing, for then Teams
sends it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web

from bot.core.errors import ForeignButton, NotReady, Refusal
from bot.core.terms import Actor, ActorKind, Json, Proof, Surface
from bot.ports import Later, Never, Unsure
from handlers import problems
from handlers.commands import Answer, said_no
from handlers.commands.glass import confirmed
from handlers.teams import payloads
from handlers.teams.chats import PERSONAL, Chats
from handlers.teams.desk import Desk
from handlers.teams.payloads import Click, Typed
from handlers.teams.sdk import ActivityEvent, InvokeResponse
from handlers.teams.seal import Seal
from handlers.teams.speaker import Speaker

ANSWER_WITHIN = 10  # seconds; Teams gives up after 15
GRACE = 5  # seconds for work in hand when the server stops
BROKEN = "Something went wrong on our side; look at the card before you try again."
SLOW = "This takes longer than usual; the card shows what came of it."
CARD, MESSAGE = "application/vnd.microsoft.card.adaptive", "application/vnd.microsoft.activity.message"

Body = Mapping[str, Json]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reception:
    """Joins the SDK and the desk."""

    desk: Desk
    chats: Chats
    speaker: Speaker
    seal: Seal
    tenant: str
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def take(self, event: ActivityEvent) -> InvokeResponse[Any]:
        """Handle one activity; the SDK has checked its token, the door its tenant and channel."""
        try:
            return await self._taken(event.body.model_dump())
        except Refusal as refusal:
            return InvokeResponse[Any](status=problems.status(refusal))
        except Exception as error:  # an outer loop: the SDK would keep it to itself
            log.exception("teams.activity_failed", error=type(error).__name__)
            return InvokeResponse[Any](status=500)

    async def _taken(self, body: Body) -> InvokeResponse[Any]:
        await self._placed(body)
        match body.get("type"), body.get("name"):
            case "invoke", "adaptiveCard/action":
                return _answered(await self._in_time(self._click(body)))
            case "invoke", _:
                return InvokeResponse[Any](status=501)
            case "message", _:
                self._start(self._message(body))
        return InvokeResponse[Any](status=200)

    async def finish(self, _app: web.Application) -> None:
        """Let the work in hand end before the server does."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)

    async def _placed(self, body: Body) -> None:
        """Remember, or forget, where we are installed: every activity may be the first or the last."""
        conversation = payloads.conversation(body, self.tenant)
        if conversation is None:
            return
        account = f"{self.tenant}/{payloads.sent_by(body)}"
        by = Actor(ActorKind.PERSON, "", Surface.TEAMS, account, Proof.SIGNATURE)
        if payloads.left(body):
            await self.chats.left(conversation.id, by)
            return
        if team := payloads.renamed_team(body):
            self.chats.renamed(team)
        await self.chats.heard_of(conversation, by)

    async def _click(self, body: Body) -> dict[str, Json]:
        click = await self._read(body)
        if click.verb == "open":
            answer = await self.desk.open(click)
        elif click.command is not None:
            confirmed(click.command, click.words)
            answer = await self.desk.run(click.clicker, click.command)
        else:
            return {"type": CARD, "value": await self.desk.press(click)}
        personal = body.get("conversation", {}).get("conversationType") == PERSONAL
        where = await self.speaker.answer(answer, click.clicker, is_personal=personal)
        return {"type": MESSAGE, "value": where}

    async def _read(self, body: Body) -> Click:
        """Return what was pressed: a button of ours, where we put it; anything else goes on record."""
        try:
            click = payloads.click(body, self.seal)
        except ForeignButton as refusal:
            await self.desk.foreign(payloads.clicker(body), refusal)
            raise
        await self.desk.stands(click)
        return click

    async def _message(self, body: Body) -> None:
        try:
            typed = payloads.typed(body)
            answer = await self._said(typed)
            await self.speaker.answer(answer, typed.clicker, is_personal=typed.is_personal)
        except (Later, Never, Unsure, Refusal) as problem:
            log.warning("teams.answer_lost", error=type(problem).__name__)
        except Exception as error:  # an outer loop: nobody else sees what breaks here
            log.exception("teams.message_failed", error=type(error).__name__)

    async def _said(self, typed: Typed) -> Answer:
        try:
            return await self.desk.typed(typed)
        except Refusal as refusal:
            return said_no(refusal)

    async def _in_time(self, work: Coroutine[Any, Any, dict[str, Json]]) -> dict[str, Json]:
        task = self._start(work)
        done, _ = await asyncio.wait({task}, timeout=ANSWER_WITHIN)
        if not done:
            return {"type": MESSAGE, "value": SLOW}
        try:
            said: dict[str, Json] = task.result()
            return said
        except Refusal as refusal:
            return {"type": MESSAGE, "value": refusal.detail}
        except (Later, Never, Unsure) as problem:
            return {"type": MESSAGE, "value": NotReady(str(problem)).detail}
        except Exception as error:  # an outer loop: the presser is told, and the log says what broke
            log.exception("teams.click_failed", error=type(error).__name__)
            return {"type": MESSAGE, "value": BROKEN}

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _answered(said: dict[str, Json]) -> InvokeResponse[Any]:
    return InvokeResponse[Any](status=200, body={"statusCode": 200, **said})
