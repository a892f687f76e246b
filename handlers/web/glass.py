"""The two forms around broken glass: who breaks it types the short code; an admin says what they found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.core.action import code
from bot.core.errors import Malformed, OtherDigest, Refusal
from bot.core.terms import Digest, Request
from bot.services.reviewing import Breaking
from handlers import record
from handlers.web.desk import Desk, request_id, typed_words
from handlers.web.shield import HEADERS, ForeignForm, read_form, require_own_form
from handlers.web.site import Site, Visitor

Form = dict[str, str]


class Glass:
    """Breaking glass on the request page, and its review."""

    def __init__(self, site: Site, breaking: Breaking, desk: Desk) -> None:
        self._site = site
        self._breaking = breaking
        self._desk = desk

    async def break_glass(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Approve by oneself; the typed code is the second confirmation."""
        return await self._done(request, visitor, self._break)

    async def review(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Say whether it was proper."""
        return await self._done(request, visitor, self._review)

    async def _done(
        self,
        request: web.Request,
        visitor: Visitor,
        work: Callable[[Request, Visitor, Form], Awaitable[Request]],
    ) -> web.Response:
        found = await self._site.viewing.see(request_id(request), visitor.name)
        form = await read_form(request)
        try:
            require_own_form(request, form, visitor.session, self._site.public_url)
            await work(found, visitor, form)
        except ForeignForm as refusal:
            await record.keep(request, refusal, visitor.actor())
            return self._site.refused(refusal, visitor, form.get("reason", ""))
        except Refusal as refusal:
            await record.keep(request, refusal, visitor.actor())
            found = await self._site.viewing.see(found.id, visitor.name)
            return await self._desk.page(found, visitor, refusal, form.get("reason", ""))
        return web.Response(status=303, headers=HEADERS | {"Location": f"/requests/{found.id}#decision"})

    async def _break(self, found: Request, visitor: Visitor, form: Form) -> Request:
        if "".join(form.get("code", "").lower().split()) != code(found.digest):
            raise OtherDigest("The code that you typed is not this request's; compare it and type it again.")
        seen = Digest(form.get("digest", ""))
        return await self._breaking.break_glass(
            found.id, visitor.name, typed_words(form), seen, visitor.actor(), complete=True
        )

    async def _review(self, found: Request, visitor: Visitor, form: Form) -> Request:
        if form.get("found") not in ("proper", "improper"):
            raise Malformed("Choose Proper or Not proper.")
        proper = form["found"] == "proper"
        return await self._breaking.review(found.id, visitor.name, proper, typed_words(form), visitor.actor())
