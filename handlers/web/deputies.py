"""The forms with which an approver lets somebody decide in their place, or no longer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.core.errors import Malformed, Refusal
from bot.core.terms import PersonName, Request
from bot.services.reviewing import Reviewing
from handlers import record
from handlers.web.desk import Desk, request_id
from handlers.web.shield import HEADERS, ForeignForm, read_form, require_own_form
from handlers.web.site import Site, Visitor

Act = Callable[[Request, dict[str, str]], Awaitable[None]]


class Deputies:
    """Delegating on the request page."""

    def __init__(self, site: Site, reviewing: Reviewing, desk: Desk) -> None:
        self._site = site
        self._reviewing = reviewing
        self._desk = desk

    async def delegate(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Ask somebody to decide; what is refused is said on the page."""

        async def asked(found: Request, form: dict[str, str]) -> None:
            deputy = PersonName(form.get("deputy", "").strip())
            if not deputy:
                raise Malformed("Say who is to decide in your place.")
            await self._reviewing.delegate(found.id, visitor.name, deputy, visitor.actor())

        return await self._done(request, visitor, asked)

    async def reclaim(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Take back what was asked of somebody; what is refused is said on the page."""

        async def taken(found: Request, _form: dict[str, str]) -> None:
            await self._reviewing.reclaim(found.id, visitor.name, visitor.actor())

        return await self._done(request, visitor, taken)

    async def _done(self, request: web.Request, visitor: Visitor, act: Act) -> web.Response:
        found = await self._site.viewing.see(request_id(request), visitor.name)
        form = await read_form(request)
        try:
            require_own_form(request, form, visitor.session, self._site.public_url)
            await act(found, form)
        except ForeignForm as refusal:
            await record.keep(request, refusal, visitor.actor())
            return self._site.refused(refusal, visitor)
        except Refusal as refusal:
            await record.keep(request, refusal, visitor.actor())
            found = await self._site.viewing.see(found.id, visitor.name)
            return await self._desk.page(found, visitor, refusal)
        return web.Response(status=303, headers=HEADERS | {"Location": f"/requests/{found.id}#decision"})
