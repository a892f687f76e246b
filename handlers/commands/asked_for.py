"""Which request is meant: people name one by the short code on its card, programs by its id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.action import CODE_DIGITS, code
from bot.core.card import Card, card
from bot.core.errors import Conflict, Unknown
from bot.core.literal import visible
from bot.core.terms import Request, RequestId, State
from bot.ports import Clock
from bot.services.viewing import Viewing
from handlers.commands.answers import Act, Row, Table
from handlers.commands.words import Asked
from handlers.render import duration

ID = re.compile(r"req_[0-9a-f]{32}")
CODE = re.compile(rf"[0-9a-f]{{{CODE_DIGITS}}}")
AS_CODE = f"Name the request by the code on its card ({CODE_DIGITS} letters and digits) or by its id (req_…)."


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds a request that its asker may see."""

    viewing: Viewing
    clock: Clock
    public_url: str

    async def one(self, asked: Asked, text: str) -> Request:
        """Return the one request that is meant; raises `Malformed`, `Unknown`, `Conflict` for several."""
        found = await self.all(asked, text)
        if len(found) == 1:
            return found[0]
        waiting = [request for request in found if request.state is State.PENDING]
        if len(waiting) == 1:
            return waiting[0]
        ids = ", ".join(request.id for request in found[:5])
        raise Conflict(f"{len(found)} identical requests have this code; name one by its id: {ids}")

    async def all(self, asked: Asked, text: str) -> list[Request]:
        """Return the requests with this code, or the one with this id; raises `Malformed`, `Unknown`."""
        name, person = text.strip().lower(), asked.person.name
        if ID.fullmatch(name):
            return [await self.viewing.see(RequestId(name), person)]
        if not CODE.fullmatch(name):
            raise asked.wrong(AS_CODE)
        found = await self.viewing.coded(name, person)
        if not found:
            raise Unknown("No request that you may see has this code.")
        return found

    async def card(self, request: Request) -> Card:
        """Return a request's card, whole, with who is in its groups now."""
        page = f"{self.public_url}/requests/{request.id}"
        return card(request, self.clock.now(), page, names=await self.viewing.names(request))

    def table(self, requests: Sequence[Request]) -> Table:
        """Return requests as a table; each row opens into its card."""
        now = self.clock.now()
        rows = tuple(_row(request, now) for request in requests)
        return Table(("REQUEST", "STATE", "AGENT", "CODE", "ASKED"), rows)


def _row(request: Request, now: datetime) -> Row:
    state = request.state.value
    if request.state is State.PENDING and now < request.expires_at:
        state = f"pending, {duration(request.expires_at - now)} left"
    cells = (
        visible(request.plan.title)[0],
        state,
        visible(request.subject.agent)[0],
        code(request.digest),
        f"{duration(now - request.created_at)} ago",
    )
    return Row(cells, (Act("Open", f"show {request.id}"),))
