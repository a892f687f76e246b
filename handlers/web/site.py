"""What every page shares: who is looking, the frame around the page, and how "no" looks."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web

from bot.core.errors import Refusal, Unauthenticated, Unknown
from bot.core.terms import Actor, ActorKind, Person, PersonName, Proof, Surface
from bot.ports import Clock, Policies, Session, Store
from bot.services.entering import Entering
from bot.services.viewing import Viewing
from handlers import record
from handlers.pace import Pace
from handlers.problems import status
from handlers.render import Renderer
from handlers.web.faces import face, numbered, pieces
from handlers.web.shield import HEADERS, SIGN_IN_HEADERS, cookie_name, read_form
from handlers.web.static import Static

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person."""

    session: Session
    person: Person

    @property
    def name(self) -> PersonName:
        """Return the name under which the directory knows them."""
        return self.person.name

    @property
    def audits(self) -> bool:
        """Say whether they may read the audit log."""
        return self.person.admin or self.person.auditor

    def actor(self) -> Actor:
        """Return who acts, for the audit log; a session is told apart by the start of its hash."""
        account = f"session {self.session.hash[:12]}"
        return Actor(ActorKind.PERSON, self.name, Surface.WEB, account, Proof.SESSION)


PrivateHandler = Callable[[web.Request, Visitor], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Site:
    """What pages are made from."""

    viewing: Viewing
    entering: Entering
    store: Store
    policies: Policies
    clock: Clock
    pace: Pace
    renderer: Renderer
    static: Static
    public_url: str
    development: bool

    def public(self, handler: Handler) -> Handler:
        """Serve a page to anybody; refusals become pages."""

        async def served(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Refusal as refusal:
                return self.refused(refusal, await self.visitor(request))

        return served

    def private(self, handler: PrivateHandler) -> Handler:
        """Serve a page to who is signed in, and show others the door."""

        async def served(request: web.Request) -> web.StreamResponse:
            visitor = await self.visitor(request)
            if visitor is None:
                return await self._turned_away(request)
            try:
                if request.method == "POST":
                    self.pace.keep_person(visitor.name)
                return await handler(request, visitor)
            except Refusal as refusal:
                await record.keep(request, refusal, visitor.actor())
                return self.refused(refusal, visitor)

        return served

    async def visitor(self, request: web.Request) -> Visitor | None:
        """Return who is signed in in this browser."""
        cookie = request.cookies.get(cookie_name(self.public_url))
        session = await self.entering.who(cookie) if cookie else None
        person = self.policies.current().directory.people.get(session.person) if session else None
        return Visitor(session, person) if session and person else None

    def page(self, name: str, visitor: Visitor | None, values: Values, code: int = 200) -> web.Response:
        """Return a page in its frame."""
        return self._answer(name, visitor, values, code, HEADERS)

    def sign_in_page(self, name: str, values: Values) -> web.Response:
        """Return a page whose form is sent before there is a session."""
        return self._answer(name, None, values, HTTPStatus.OK, SIGN_IN_HEADERS)

    def refused(self, refusal: Refusal, visitor: Visitor | None, typed: str = "") -> web.Response:
        """Return a refusal as a page; what the person typed is on it."""
        values = {"title": refusal.sentence(), "detail": refusal.detail, "typed": typed}
        response = self.page("refused", visitor, values, status(refusal))
        if refusal.retry_after is not None:
            response.headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after.total_seconds())))
        return response

    @web.middleware
    async def lost(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a browser at an address that does not exist as at one it may not see."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            if "text/html" not in request.headers.get("Accept", ""):
                raise
            return self.refused(Unknown(), await self.visitor(request))

    async def _turned_away(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            form = await read_form(request)
            detail = "You are signed out; sign in and send it again. Nothing was done."
            return self.refused(Unauthenticated(detail), None, form.get("reason", ""))
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A link in a chat: the strict cookie stayed home. A page of ours may ask again with it.
            return self.page("again", None, {"path": request.path_qs})
        raise web.HTTPSeeOther(f"/enter?next={quote(request.path_qs)}", headers=HEADERS)

    def _answer(
        self, name: str, visitor: Visitor | None, values: Values, code: int, headers: Mapping[str, str]
    ) -> web.Response:
        frame = {
            "visitor": visitor,
            "me": face(visitor.person.name, self.policies.current().directory) if visitor else None,
            "csrf": visitor.session.csrf if visitor else "",
            "static": self.static.url,
            "development": self.development,
            "now": self.clock.now(),
            "here": name,
            "pieces": pieces,
            "numbered": numbered,
        }
        text = self.renderer.html(f"web/{name}.html.j2", **frame, **values)
        return web.Response(text=text, content_type="text/html", status=code, headers=headers)
