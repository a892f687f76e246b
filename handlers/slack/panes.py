"""Requests shown to one person, in modals and in messages for them alone; renewed by what is done there."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from bot.core.card import Card, card
from bot.core.errors import NotReady, Refusal
from bot.core.terms import Json, Request, RequestId
from bot.ports import Later, Never
from bot.services.viewing import Viewing
from handlers.fitting import clip
from handlers.slack.blocks import message
from handlers.slack.desk import Desk, Message
from handlers.slack.home import Home
from handlers.slack.identity import Clicker, person
from handlers.slack.payloads import Carried, Click, Pane
from handlers.slack.troubles import repeatable
from handlers.slack.whispers import logged, replace, whisper
from handlers.slack.windows import Windows

SAID_MAX = 2900  # characters

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Panes:
    """Shows requests whole, one at a time, to one person."""

    desk: Desk
    viewing: Viewing
    home: Home
    windows: Windows

    async def open(self, click: Click) -> None:
        """Show a request with its buttons to whoever may see it; raises the `Refusal`, on record."""
        request = await self.desk.store.get(click.request_id)
        actor = await self.desk.actor(click.clicker, request, "open")
        try:
            request = await self.viewing.see(request.id, person(actor))
        except Refusal as refusal:
            await self.desk.reviewing.turned_away(request, "open", refusal, actor)
            raise
        view = await self._view(request, "")
        try:
            with repeatable():
                said = await self.desk.workspace.client.views_open(trigger_id=click.trigger, view=view)
        except (Later, Never) as error:
            raise NotReady("Slack did not open it; press the button again.") from error
        self._drawn(str((said.get("view") or {}).get("id", "")), request, click.clicker)

    async def renew(self, pane: Pane, clicker: Clicker, said: str) -> None:
        """Show in a pane how things stand now, and what its person is to be told."""
        if pane.request_id is not None and not pane.is_home:
            await self._renew(pane, pane.request_id, clicker, said)
            said = ""  # and the tab beneath lists it as it was
        if pane.is_home or self.home.stands(clicker.id):
            await self.home.publish(clicker, said)

    async def tell(self, task: asyncio.Task[Message | None], clicker: Clicker, of: Click | Carried) -> None:
        """Tell a clicker alone what was refused; a card that only they see is brought up to date, too."""
        await whisper(task, of.response_url)
        if of.alone:
            await logged(self._redraw(of.request_id, clicker, of.response_url))

    async def _redraw(self, request_id: RequestId, clicker: Clicker, response_url: str) -> None:
        with suppress(Refusal):  # they may not see it any more
            drawn = message(await self._card(await self._seen(request_id, clicker)), self.desk.renderer)
            await replace(response_url, {"text": drawn.text, "blocks": drawn.blocks})

    async def _renew(self, pane: Pane, request_id: RequestId, clicker: Clicker, said: str) -> None:
        try:
            request = await self._seen(request_id, clicker)
            view = await self._view(request, said)
        except Refusal as refusal:
            self.windows.closed(pane.id)  # what they may not see is nothing to keep true
            view = self._pane(request_id, "", said or refusal.detail, [])
        else:
            self._drawn(pane.id, request, clicker)
        await self._put(pane.id, view)

    async def _put(self, view_id: str, view: Json) -> None:
        try:
            with repeatable():
                await self.desk.workspace.client.views_update(view_id=view_id, view=view)
        except Never as error:  # it was closed, most likely
            self.windows.closed(view_id)
            log.info("slack.pane_lost", error=str(error))
        except Later as error:
            log.info("slack.pane_late", error=str(error))

    def _drawn(self, view_id: str, request: Request, clicker: Clicker) -> None:
        """Have a window drawn anew when its request changes."""
        redraw = partial(self._keep_true, view_id, request.id, clicker)
        self.windows.drawn(view_id, request.id, request.version, redraw)

    async def _keep_true(self, view_id: str, request_id: RequestId, clicker: Clicker) -> None:
        """Draw a window anew unless it shows how things stand; what was last said in it goes."""
        pane = Pane(view_id, is_home=False, request_id=request_id)
        try:
            request = await self._seen(request_id, clicker)
        except NotReady:
            return  # Slack does not say who they are right now: that is no reason to take it away
        except Refusal:
            await self._renew(pane, request_id, clicker, "")
            return
        view = await self._view(request, "")
        if not self.windows.shows(view_id, request.version):
            self._drawn(view_id, request, clicker)
            await self._put(view_id, view)

    async def _seen(self, request_id: RequestId, clicker: Clicker) -> Request:
        """Return a request as its clicker may see it now; raises the `Refusal`."""
        return await self.viewing.see(request_id, person(await self.desk.identity.actor(clicker)))

    async def _view(self, request: Request, said: str) -> Json:
        drawn = await self._card(request)
        return self._pane(request.id, drawn.code, said, message(drawn, self.desk.renderer).blocks)

    async def _card(self, request: Request) -> Card:
        names = await self.viewing.names(request)
        page = f"{self.desk.public_url}/requests/{request.id}"
        return card(request, self.desk.clock.now(), page, names=names)

    def _pane(self, request_id: RequestId, code: str, said: str, blocks: Json) -> Json:
        told = clip(said, SAID_MAX)
        return self.desk.renderer.json(
            "slack/pane.json.j2", request_id=request_id, code=code, said=told, blocks=blocks
        )
