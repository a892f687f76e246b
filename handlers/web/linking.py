"""A chat account is tied to who is signed in here; `bot.services.linking` numbers the steps.

The token stands after the `#` of `/link#TOKEN`, as in a sign-in link: no log and no chat preview has it. The
first form opens the link, which makes it this browser's; only then is anything confirmed.
"""

from __future__ import annotations

from aiohttp import web

from bot.core.errors import Unknown
from bot.services.linking import Linking
from handlers.web.shield import read_form, require_own_form
from handlers.web.site import Site, Visitor


class Linkage:
    """The three pages between a chat and its code."""

    def __init__(self, site: Site, linking: Linking) -> None:
        self._site = site
        self._linking = linking

    async def show(self, _request: web.Request) -> web.Response:
        """Show the form that takes the token; it looks at nothing, and needs no session yet."""
        return self._site.sign_in_page("link", {"problem": ""})

    async def open(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Make the link this browser's, and show which account it is for."""
        form = await read_form(request)
        # A link from a chat arrives without the strict cookie, so its form bears no token of the session.
        require_own_form(request, form, None, self._site.public_url)
        token = form.get("token", "").strip().rpartition("#")[2]
        try:
            pairing = await self._linking.opened(token, visitor.session.hash)
        except Unknown as refusal:
            return self._site.sign_in_page("link", {"problem": refusal.detail})
        return self._site.page("linking", visitor, {"pairing": pairing, "token": token, "code": ""})

    async def confirm(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Say that the account is one's own, and show what it must type."""
        form = await read_form(request)
        require_own_form(request, form, visitor.session, self._site.public_url)
        token, browser = form.get("token", ""), visitor.session.hash
        pairing = await self._linking.opened(token, browser)
        code = await self._linking.confirm(token, browser, visitor.name, visitor.actor())
        return self._site.page("linking", visitor, {"pairing": pairing, "token": "", "code": code})
