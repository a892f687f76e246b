"""The inbox and the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import groupby

from aiohttp import web

from bot.core.card import Card, card
from bot.core.errors import Malformed
from bot.core.terms import PersonName, Request, RequestId, State
from handlers.web.faces import Approver, Face, approvers, face, group_names
from handlers.web.site import Site, Visitor

PREVIEW = 360  # characters of a fact on an inbox card; the page shows all
LATELY = 24  # how many of the newest requests the inbox looks at beside those that wait
SHOWN_LATELY = 6
PAGE = 40


@dataclass(frozen=True, slots=True)
class Row:
    """A request in a list."""

    card: Card
    agent: Face
    stages: list[list[Approver]]


@dataclass(frozen=True, slots=True)
class Inbox:
    """What one person's inbox shows; `state` changes whenever any of it does."""

    mine: list[Request]
    others: list[Request]
    lately: list[Request]

    @property
    def state(self) -> str:
        """Return a short digest of it."""
        shown = [(r.id, r.version) for r in (*self.mine, *self.others, *self.lately)]
        return sha256(repr((len(self.mine), shown)).encode()).hexdigest()[:16]


class Lists:
    """Requests in lists."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def load(self, person: PersonName) -> Inbox:
        """Return what waits for a person, what waits for others, and what was decided lately."""
        mine = await self._site.viewing.inbox(person)
        recent, _ = await self._site.viewing.history(person, LATELY, None, False)
        known = {request.id for request in mine}
        others = [r for r in recent if r.state is State.PENDING and r.id not in known]
        lately = [r for r in recent if r.state is not State.PENDING][:SHOWN_LATELY]
        return Inbox(mine, others, lately)

    async def inbox(self, _request: web.Request, visitor: Visitor) -> web.Response:
        """Show what waits for this person."""
        inbox = await self.load(visitor.name)
        values = {
            "mine": await self._rows(inbox.mine),
            "others": await self._lines(inbox.others),
            "lately": await self._lines(inbox.lately),
            "state": inbox.state,
        }
        return self._site.page("inbox", visitor, values)

    async def history(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Show requests newest first, by day."""
        mine = request.query.get("mine") == "1"
        found, go_on = await self._site.viewing.history(visitor.name, PAGE, _cursor(request), mine)
        rows = await self._lines(found)
        days: list[tuple[date, list[Row]]] = [
            (day, list(some)) for day, some in groupby(rows, key=lambda row: row.card.created_at.date())
        ]
        older = f"{go_on[0].isoformat()}~{go_on[1]}" if go_on else None
        first = "before" not in request.query
        return self._site.page(
            "history", visitor, {"days": days, "mine": mine, "older": older, "first": first}
        )

    async def _lines(self, requests: Sequence[Request]) -> list[Row]:
        """Return rows that show nothing of what may be long, so that they cost nothing of it either."""
        return await self._rows([_bare(request) for request in requests])

    async def _rows(self, requests: Sequence[Request]) -> list[Row]:
        directory, now = self._site.policies.current().directory, self._site.clock.now()
        rows = []
        for request in requests:
            names = await group_names(request, self._site.policies)
            stages = [approvers(request, stage, names, directory) for stage in request.plan.stages]
            shown = card(request, now, f"/requests/{request.id}", PREVIEW, names)
            rows.append(Row(shown, face(request.subject.agent, directory), stages))
        return rows


def _bare(request: Request) -> Request:
    action = replace(request.action, parameters={})
    return replace(request, action=action, context=None, justification=None, summary=None)


def _cursor(request: web.Request) -> tuple[datetime, RequestId] | None:
    text = request.query.get("before")
    if text is None:
        return None
    at, _, request_id = text.partition("~")
    try:
        instant = datetime.fromisoformat(at)
        instant.astimezone(UTC)  # beyond the years 1 and 9999 there is no instant
    except (ValueError, OverflowError) as error:
        raise Malformed("This link is damaged; start again from the newest.") from error
    if instant.tzinfo is None or not request_id.isascii() or not request_id.isprintable():
        raise Malformed("This link is damaged; start again from the newest.")
    return instant, RequestId(request_id)
