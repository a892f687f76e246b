"""Sign-in and sign-out.

A one-time link is `/enter#TOKEN`: what follows `#` never leaves the browser with a GET, so it stands in no
log and no chat preview can spend it. The page puts it into its form, and only the form's POST trades it.
Without JavaScript the person pastes it there.
"""

from __future__ import annotations

from aiohttp import web

from bot.core.errors import Unknown, UnknownPerson
from bot.core.terms import Person, PersonName
from bot.ports import Session
from bot.services.entering import Entering
from handlers.web.faces import Face, face
from handlers.web.shield import (
    HEADERS,
    cookie_name,
    drop_cookie,
    local_path,
    read_form,
    require_own_form,
    set_cookie,
)
from handlers.web.site import Site, Visitor


class Door:
    """The pages before there is a session, and the way out."""

    def __init__(self, site: Site, entering: Entering) -> None:
        self._site = site
        self._entering = entering

    async def show(self, request: web.Request) -> web.Response:
        """Show the sign-in form; in the demo, the people to choose from."""
        onward = local_path(request.query.get("next", "/"))
        return await self._page(onward, "")

    async def enter(self, request: web.Request) -> web.Response:
        """Trade a link's token for a session."""
        form = await read_form(request)
        require_own_form(request, form, None, self._site.public_url)
        token = form.get("token", "").strip().rpartition("#")[2]
        try:
            secret, session = await self._entering.enter(token)
        except Unknown:
            problem = "This link was used already, or is older than ten minutes. Ask for a new one."
            return await self._page(local_path(form.get("next", "/")), problem)
        return self._welcome(form, secret, session)

    async def become(self, request: web.Request) -> web.Response:
        """Sign in as one of the sample people: the demo's door."""
        form = await read_form(request)
        require_own_form(request, form, None, self._site.public_url)
        try:
            secret, session = await self._entering.become(PersonName(form.get("person", "")))
        except UnknownPerson as refusal:
            return await self._page(local_path(form.get("next", "/")), refusal.sentence())
        return self._welcome(form, secret, session)

    async def leave(self, request: web.Request, visitor: Visitor) -> web.Response:
        """End the session."""
        form = await read_form(request)
        require_own_form(request, form, visitor.session, self._site.public_url)
        await self._entering.leave(request.cookies[cookie_name(self._site.public_url)])
        response = web.Response(status=303, headers=HEADERS | {"Location": "/enter"})
        drop_cookie(response, self._site.public_url)
        return response

    def _welcome(self, form: dict[str, str], secret: str, session: Session) -> web.Response:
        onward = local_path(form.get("next", "/"))
        response = web.Response(status=303, headers=HEADERS | {"Location": onward})
        set_cookie(response, self._site.public_url, secret, session)
        return response

    async def _page(self, onward: str, problem: str) -> web.Response:
        people = await self._people() if self._site.development else []
        return self._site.sign_in_page("enter", {"onward": onward, "problem": problem, "people": people})

    async def _people(self) -> list[tuple[Person, Face, list[str]]]:
        """Return everyone with their avatar and the groups they are in as of now."""
        force, policies = self._site.policies.current(), self._site.policies
        groups = {name: await policies.members(name) or frozenset() for name in sorted(force.bundle.groups)}
        return [
            (
                person,
                face(name, force.directory),
                [group for group, people in groups.items() if name in people],
            )
            for name, person in force.directory.people.items()
        ]
