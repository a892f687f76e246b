"""Bolt's listeners: read, do, acknowledge within 3 seconds, and tell the clicker alone what was refused.

Each piece of work is a task of its own, because Slack's 3 seconds must not cut a decision in two. It is
acknowledged when it is done, or at `ACK_WITHIN` while it goes on. After `ack` nothing may raise here: Bolt
would drop the acknowledgement.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.response import BoltResponse

from bot.core.errors import Refusal
from bot.core.terms import Json
from handlers.slack import payloads
from handlers.slack.answers import Message
from handlers.slack.confirming import Confirming, confirmed, is_grave
from handlers.slack.counter import Counter
from handlers.slack.desk import Desk, said
from handlers.slack.identity import Clicker
from handlers.slack.panes import Panes
from handlers.slack.payloads import Click, Pane, Pressed, Said
from handlers.slack.reactions import Reactions
from handlers.slack.stating import Stating, stated
from handlers.slack.usergroups import Usergroups
from handlers.slack.whispers import (
    BROKEN,
    answer,
    answers,
    logged,
    refused,
    send,
    send_all,
    tell,
    telling,
    whisper,
)

ACK_WITHIN = 2.3  # seconds; Slack gives up after 3
GRACE = 5  # seconds for work in hand when the server stops
STILL = "Still at it; the answer follows."
# Bolt looks for a pattern anywhere in an id.
ACT = re.compile(r"^act-[0-9]+$")  # the buttons of an answer
SAY = re.compile(r"^say-")  # the buttons of the home tab that stand for a command

Body = dict[str, Json]
Result = TypeVar("Result")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, repr=False)  # it holds everything: no traceback may print it
class Listeners:
    """Joins Bolt and the desk."""

    desk: Desk
    panes: Panes
    stating: Stating
    reactions: Reactions
    counter: Counter
    confirming: Confirming
    usergroups: Usergroups
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def listen(self, bolt: AsyncApp) -> None:
        """Register for everything that manifest.yml lets Slack send."""
        for action, work in (
            ("approve", self.desk.approve),
            ("deny", self.desk.deny),
            ("comment", self.desk.comment),  # of cards from before the dots
            ("more", self.desk.more),
            ("open", self.panes.open),
        ):
            bolt.action(action)(self._clicks(work))
        for link in ("view", "review_full"):  # Slack opens the page itself
            bolt.action(link)(_acknowledge)
        bolt.action(SAY)(self._in_home(lambda said: self.counter.said(said.clicker, said.line)))
        for window, ask in (("away", self.stating.away), ("quiet", self.stating.quiet)):
            bolt.action(window)(self._in_home(_opening(ask)))
            bolt.view(window)(self._stated)
        bolt.action(ACT)(self._pressed)
        bolt.view("reason")(self._submitted)
        bolt.view("glass")(self._confirmed)
        bolt.view_closed("request")(self.panes.windows.when_closed)
        bolt.command("/assent")(self._typed)
        bolt.event("app_home_opened")(self._home_opened)
        bolt.event("reaction_added")(self._reacted)
        bolt.event("subteam_members_changed")(self._regrouped)
        bolt.event("subteam_updated")(self._regrouped)
        bolt.error(self._broke)

    async def finish(self, _app: web.Application) -> None:
        """Let the work in hand end before the server does."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)

    def _clicks(self, work: Callable[[Click], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def clicked(ack: AsyncAck, body: Body) -> None:
            click = payloads.click(body)
            task = self._start(answer(work(click)))
            await _in_time(task)
            await ack()
            if click.pane is not None:
                self._start(self._renew(task, click.pane, click.clicker))
            else:
                self._start(self.panes.tell(task, click.clicker, click))

        return clicked

    def _in_home(self, work: Callable[[Said], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def pressed(ack: AsyncAck, body: Body) -> None:
            said = payloads.said(body)
            task = self._start(answer(work(said)))
            await _in_time(task)
            await ack()
            self._start(self._renew(task, said.pane, said.clicker))

        return pressed

    async def _stated(self, ack: AsyncAck, body: Body) -> None:
        """Do what a window of the home tab says; what is refused stands at the field that it is about."""
        told = stated(body)
        task = self._start(refused(self.counter.said(told.clicker, told.line)))
        if await _in_time(task) and (refusal := task.result()) is not None:
            await ack(response_action="errors", errors={told.field(refusal): refusal.detail})
            return
        await ack()
        beneath = Pane("", is_home=True, request_id=None)
        self._start(self._renew(self._start(telling(task)), beneath, told.clicker))

    async def _renew(self, task: asyncio.Task[Message | None], pane: Pane, clicker: Clicker) -> None:
        """Show in the pane what came of it: there is nowhere else to say it."""
        await asyncio.wait({task})
        if (broke := task.exception()) is not None:
            log.error("slack.listener_failed", exc_info=broke)
        message = {"text": BROKEN} if broke is not None else task.result()
        await logged(self.panes.renew(pane, clicker, message["text"] if message else ""))

    async def _submitted(self, ack: AsyncAck, body: Body) -> None:
        form = payloads.form(body)
        task = self._start(answer(self.desk.submit(form)))
        carried = form.carried
        pane = Pane(carried.pane, is_home=False, request_id=carried.request_id)
        done = await _in_time(task)
        if not done or (refused := task.result()) is None:
            await ack()
            if carried.pane:
                self._start(self._renew(task, pane, form.clicker))
            else:
                self._start(self.panes.tell(task, form.clicker, carried))
        else:
            await ack(response_action="errors", errors={"reason": refused["text"]})

    async def _typed(self, ack: AsyncAck, body: Body) -> None:
        typed = payloads.typed(body)
        task = self._start(answers(self.counter.typed(typed)))
        if not await _in_time(task):
            await ack(STILL, response_type="ephemeral")
            self._start(tell(task, typed.response_url))
            return
        if not (answered := task.result()):  # it stands in a window
            await ack()
            return
        first, *rest = answered
        await ack(first["text"], blocks=first.get("blocks"), response_type="ephemeral")
        if rest:
            self._start(send_all(typed.response_url, rest))

    async def _pressed(self, ack: AsyncAck, body: Body) -> None:
        pressed = payloads.pressed(body)
        if is_grave(pressed):
            await self._grave(ack, pressed)
            return
        task = self._start(answers(self.counter.pressed(pressed)))
        await _in_time(task)
        await ack()
        self._start(tell(task, pressed.response_url))

    async def _grave(self, ack: AsyncAck, pressed: Pressed) -> None:
        """Ask for the second confirmation first."""
        task = self._start(answer(self.confirming.ask(pressed)))
        await _in_time(task)
        await ack()
        self._start(whisper(task, pressed.response_url))

    async def _confirmed(self, ack: AsyncAck, body: Body) -> None:
        try:
            pressed = confirmed(body)
        except Refusal as refusal:
            await ack(response_action="errors", errors={"code": refusal.detail})
            return
        task = self._start(answers(self.counter.pressed(pressed)))
        await _in_time(task)
        await ack()
        self._start(tell(task, pressed.response_url))

    async def _home_opened(self, event: Body) -> None:
        if event.get("tab") == "home":
            stands = str((event.get("view") or {}).get("hash", ""))
            self._start(logged(self.panes.home.publish(Clicker(str(event["user"]), None), stands=stands)))

    async def _reacted(self, event: Body) -> None:
        self._start(logged(self.reactions.react(payloads.reaction(event))))

    async def _regrouped(self, event: Body) -> None:
        self.usergroups.forget(str(event.get("subteam_id") or event.get("subteam", {}).get("id", "")))

    async def _broke(self, error: Exception, body: Body) -> BoltResponse:
        """Log what broke before the acknowledgement, and tell the clicker; what is not ours is no fault."""
        if isinstance(error, Refusal):
            log.warning("slack.payload_refused", kind=body.get("type"), refusal=error.slug())
            told = said(error)
        else:
            log.error("slack.listener_failed", kind=body.get("type"), exc_info=error)
            told = {"text": BROKEN}
        if "response_url" in body:
            self._start(send(str(body["response_url"]), told))
        return BoltResponse(status=200)

    def _start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _opening(ask: Callable[[Clicker, str], Awaitable[None]]) -> Callable[[Said], Awaitable[None]]:
    return lambda said: ask(said.clicker, said.trigger)


async def _acknowledge(ack: AsyncAck) -> None:
    await ack()


async def _in_time(task: asyncio.Task[Any]) -> bool:
    """Say whether the work was done while Slack still waits; raises what broke it."""
    done, _ = await asyncio.wait({task}, timeout=ACK_WITHIN)
    for finished in done:
        finished.result()
    return bool(done)
