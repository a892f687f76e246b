"""What people call in an emergency, and afterwards: breaking glass, and its review."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from bot.core.errors import Refusal
from bot.core.terms import Digest
from bot.services.knowing import Knowing
from bot.services.reviewing import Breaking
from bot.services.viewing import Viewing
from handlers.api import door, query, shapes
from handlers.api.answers import Answers, respond
from handlers.pace import Pace


@dataclass(frozen=True, slots=True)
class Glass:
    """The routes around broken glass."""

    knowing: Knowing
    breaking: Breaking
    viewing: Viewing
    answers: Answers
    pace: Pace

    async def break_glass(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/break-glass: approve the action with that digest by oneself."""
        person, _, by = await self.knowing.person(door.bearer(request))
        self.pace.keep_person(person)
        query.only(request, ())
        request_id = door.request_id(request)
        told = await door.shaped_body(request, shapes.BreakGlassBody)
        try:
            broken = await self.breaking.break_glass(
                request_id, person, told.reason, Digest(told.digest), by, complete=True
            )
        except Refusal:
            # The refusal is audited; but to whom may not see the request, it does not exist.
            await self.viewing.see(request_id, person)
            raise
        return respond(self.answers.reviewable(broken))

    async def review(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/glass-review: say as an admin whether it was proper."""
        person, _, by = await self.knowing.person(door.bearer(request))
        self.pace.keep_person(person)
        query.only(request, ())
        request_id = door.request_id(request)
        told = await door.shaped_body(request, shapes.GlassReviewBody)
        await self.viewing.see(request_id, person)
        reviewed = await self.breaking.review(request_id, person, told.proper, told.words, by)
        return respond(self.answers.reviewable(reviewed))
