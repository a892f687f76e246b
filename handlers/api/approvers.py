"""What approvers call: their inbox, and their verdict."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from bot.core.errors import Refusal
from bot.core.terms import Actor, Digest, PersonName, Request, RequestId, Verdict
from bot.services.knowing import Knowing
from bot.services.reviewing import Reviewing
from bot.services.viewing import Viewing
from handlers.api import door, query, shapes
from handlers.api.answers import Answers, respond


@dataclass(frozen=True, slots=True)
class Approvers:
    """The approvers' routes."""

    knowing: Knowing
    reviewing: Reviewing
    viewing: Viewing
    answers: Answers

    async def inbox(self, request: web.Request) -> web.Response:
        """GET /v1/inbox: what waits for this person, soonest deadline first."""
        person, _, _ = await self.knowing.person(door.bearer(request))
        query.only(request, ("limit",))
        waiting = await self.viewing.inbox(person, query.limit(request))
        return respond(shapes.InboxShape([self.answers.reviewable(one) for one in waiting]))

    async def review(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/reviews: approve, deny or comment on the action with that digest."""
        person, _, by = await self.knowing.person(door.bearer(request))
        query.only(request, ())
        request_id = door.request_id(request)
        told = await door.shaped_body(request, shapes.ReviewBody)
        reviewed = await self._reviewed(request_id, person, told, by)
        return respond(self.answers.reviewable(reviewed))

    async def _reviewed(
        self, request_id: RequestId, person: PersonName, told: shapes.ReviewBody, by: Actor
    ) -> Request:
        if told.verdict is Verdict.COMMENT:
            await self.viewing.see(request_id, person)  # a comment takes no approver, but it takes sight
        try:
            return await self.reviewing.decide(
                request_id, person, told.verdict, told.reason, Digest(told.digest), by, complete=True
            )
        except Refusal:
            # The refusal is audited; but to whom may not see the request, it does not exist.
            await self.viewing.see(request_id, person)
            raise
