"""What approvers call: their inbox, their verdict, and what comes before it."""

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
from handlers.pace import Pace


@dataclass(frozen=True, slots=True)
class Approvers:
    """The approvers' routes."""

    knowing: Knowing
    reviewing: Reviewing
    viewing: Viewing
    answers: Answers
    pace: Pace

    async def inbox(self, request: web.Request) -> web.Response:
        """GET /v1/inbox: what waits for this person, soonest deadline first."""
        person, _, _ = await self.knowing.person(door.bearer(request))
        self.pace.keep_person(person)
        query.only(request, ("limit",))
        waiting = await self.viewing.inbox(person, query.limit(request))
        return respond(shapes.InboxShape([self.answers.reviewable(one) for one in waiting]))

    async def review(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/reviews: approve, deny or comment on the action with that digest."""
        person, _, by = await self.knowing.person(door.bearer(request))
        self.pace.keep_person(person)
        query.only(request, ())
        request_id = door.request_id(request)
        told = await door.shaped_body(request, shapes.ReviewBody)
        reviewed = await self._reviewed(request_id, person, told, by)
        return respond(self.answers.reviewable(reviewed))

    async def ask(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/questions: ask the agent something."""
        person, _, by = await self.knowing.person(door.bearer(request))
        self.pace.keep_person(person)
        query.only(request, ())
        request_id = door.request_id(request)
        told = await door.shaped_body(request, shapes.QuestionBody)
        await self.viewing.see(request_id, person)  # a question takes no approver, but it takes sight
        asked = await self.reviewing.ask(request_id, person, told.text, by)
        return respond(self.answers.reviewable(asked), 201)

    async def look(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/looks: say that you are looking, which holds reminders for a moment."""
        person, _, by = await self.knowing.person(door.bearer(request))
        self.pace.keep_person(person)
        query.only(request, ())
        request_id = door.request_id(request)
        await door.shaped_body(request, shapes.LookBody)
        await self.viewing.see(request_id, person)
        looked = await self.reviewing.look(request_id, person, by)
        return respond(self.answers.reviewable(looked), 201)

    async def delegate(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/delegations: ask somebody to decide in your place, here."""
        person, _, by = await self.knowing.person(door.bearer(request))
        self.pace.keep_person(person)
        query.only(request, ())
        request_id = door.request_id(request)
        told = await door.shaped_body(request, shapes.DelegationBody)
        await self.viewing.see(request_id, person)
        delegated = await self.reviewing.delegate(request_id, person, PersonName(told.deputy), by)
        return respond(self.answers.reviewable(delegated), 201)

    async def reclaim(self, request: web.Request) -> web.Response:
        """DELETE /v1/requests/{id}/delegations: take back what you asked of somebody, here."""
        person, _, by = await self.knowing.person(door.bearer(request))
        self.pace.keep_person(person)
        query.only(request, ())
        request_id = door.request_id(request)
        await self.viewing.see(request_id, person)
        reclaimed = await self.reviewing.reclaim(request_id, person, by)
        return respond(self.answers.reviewable(reclaimed))

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
