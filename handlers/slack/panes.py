"""Requests in modals: opened from the home tab or a roundup, and renewed after what is done in them."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from bot.core.card import card
from bot.core.errors import NotReady
from bot.core.terms import Json, Request
from bot.ports import Later, Never
from bot.services.viewing import Viewing
from handlers.slack.blocks import clip, message
from handlers.slack.desk import Desk
from handlers.slack.home import Home
from handlers.slack.identity import Clicker, person
from handlers.slack.payloads import Click, Pane
from handlers.slack.troubles import repeatable

SAID_MAX = 2900  # characters

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Panes:
    """Shows requests whole, one at a time, to one person."""

    desk: Desk
    viewing: Viewing
    home: Home

    async def open(self, click: Click) -> None:
        """Show a request with its buttons to whoever may see it."""
        request = await self.desk.store.get(click.request_id)
        actor = await self.desk.actor(click.clicker, request, "open")
        request = await self.viewing.see(request.id, person(actor))
        view = await self._view(request, "")
        try:
            with repeatable():
                await self.desk.workspace.client.views_open(trigger_id=click.trigger, view=view)
        except (Later, Never) as error:
            raise NotReady("Slack did not open it; press the button again.") from error

    async def renew(self, pane: Pane, clicker: Clicker, said: str) -> None:
        """Show in a pane how things stand now, and what its person is to be told."""
        if pane.request_id is not None and not pane.is_home:
            await self._renew(pane, await self.desk.store.get(pane.request_id), said)
            said = ""  # and the tab beneath lists it as it was
        if pane.is_home or self.home.stands(clicker.id):
            await self.home.publish(clicker, said)

    async def _renew(self, pane: Pane, request: Request, said: str) -> None:
        view = await self._view(request, said)
        try:
            with repeatable():
                await self.desk.workspace.client.views_update(view_id=pane.id, view=view)
        except (Later, Never) as error:  # it was closed, most likely
            log.info("slack.pane_lost", error=str(error))

    async def _view(self, request: Request, said: str) -> Json:
        names = await self.viewing.names(request)
        drawn = card(
            request, self.desk.clock.now(), f"{self.desk.public_url}/requests/{request.id}", names=names
        )
        return self.desk.renderer.json(
            "slack/pane.json.j2",
            request_id=request.id,
            code=drawn.code,
            said=clip(said, SAID_MAX),
            blocks=message(drawn, self.desk.renderer).blocks,
        )
