"""The form with which an approver lets somebody decide in their place."""

from __future__ import annotations

from aiohttp import web

from bot.core.errors import Malformed, Refusal
from bot.core.terms import PersonName
from bot.services.reviewing import Reviewing
from handlers import record
from handlers.web.desk import Desk, request_id
from handlers.web.shield import HEADERS, ForeignForm, read_form, require_own_form
from handlers.web.site import Site, Visitor


class Deputies:
    """Delegating on the request page."""

    def __init__(self, site: Site, reviewing: Reviewing, desk: Desk) -> None:
        self._site = site
        self._reviewing = reviewing
        self._desk = desk

    async def delegate(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Ask somebody to decide; what is refused is said on the page."""
        found = await self._site.viewing.see(request_id(request), visitor.name)
        form = await read_form(request)
        try:
            require_own_form(request, form, visitor.session, self._site.public_url)
            deputy = PersonName(form.get("deputy", "").strip())
            if not deputy:
                raise Malformed("Say who is to decide in your place.")
            await self._reviewing.delegate(found.id, visitor.name, deputy, visitor.actor())
        except ForeignForm as refusal:
            await record.keep(request, refusal, visitor.actor())
            return self._site.refused(refusal, visitor)
        except Refusal as refusal:
            await record.keep(request, refusal, visitor.actor())
            found = await self._site.viewing.see(found.id, visitor.name)
            return await self._desk.page(found, visitor, refusal)
        return web.Response(status=303, headers=HEADERS | {"Location": f"/requests/{found.id}#decision"})
