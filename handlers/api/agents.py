"""What agents call: ask, look, wait, list, cancel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from bot.core.action import read_ask
from bot.core.errors import NotReady
from bot.core.terms import State
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from handlers.api import door, query, shapes
from handlers.api.answers import Answers, respond
from handlers.pace import Pace
from handlers.polls import Polls


@dataclass(frozen=True, slots=True)
class Agents:
    """The agents' routes."""

    knowing: Knowing
    intake: Intake
    answers: Answers
    pace: Pace
    polls: Polls

    async def submit(self, request: web.Request) -> web.Response:
        """POST /v1/requests: 202 pending, 201 decided by policy, 200 for a key that came before."""
        agent, registry, by = await self.knowing.agent(door.bearer(request))
        query.only(request, ())
        self.pace.keep(agent)
        key = door.idempotency_key(request)
        ask = read_ask(await door.body(request))
        committed = await self.intake.submit(agent, registry, ask, key, by)
        made = committed.request
        if made is None:
            raise NotReady
        fresh = 202 if made.state is State.PENDING else 201
        location = {"Location": f"/v1/requests/{made.id}"}
        return respond(self.answers.request(made), 200 if committed.replayed else fresh, location)

    async def show(self, request: web.Request) -> web.Response:
        """GET /v1/requests/{id}, at once, or when it is no longer in the state asked about or people ask."""
        agent, _, _ = await self.knowing.agent(door.bearer(request))
        self.pace.keep_call(agent)
        query.only(request, ("wait", "since", "questions"))
        timeout, headers = query.wait(request)
        since = query.since(request)
        questions = query.questions(request)
        request_id = door.request_id(request)
        found = None
        if timeout > timedelta():
            found = await self.polls.until(
                self.intake.wait(agent, request_id, since, timeout, questions), f"agent {agent.name}"
            )
        if found is None:
            found = await self.intake.show(agent, request_id)
        return respond(self.answers.request(found), headers=headers)

    async def own(self, request: web.Request) -> web.Response:
        """GET /v1/requests: the agent's own, newest first."""
        agent, _, _ = await self.knowing.agent(door.bearer(request))
        self.pace.keep_call(agent)
        query.only(request, ("state", "limit", "cursor"))
        limit = query.limit(request)
        found = await self.intake.own(agent, query.states(request), limit + 1, query.cursor(request))
        more = query.cursor_after(found[limit - 1]) if len(found) > limit else None
        return respond(shapes.RequestsShape([self.answers.request(one) for one in found[:limit]], more))

    async def answer(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/answers: answer a question; the same answer again is the same act."""
        agent, _, by = await self.knowing.agent(door.bearer(request))
        self.pace.keep_call(agent)
        query.only(request, ())
        request_id = door.request_id(request)
        told = await door.shaped_body(request, shapes.AnswerBody)
        answered = await self.intake.answer(agent, request_id, int(told.question), told.text, by)
        return respond(self.answers.request(answered))

    async def cancel(self, request: web.Request) -> web.Response:
        """DELETE /v1/requests/{id}: withdraw a pending one."""
        agent, _, by = await self.knowing.agent(door.bearer(request))
        self.pace.keep_call(agent)
        query.only(request, ())
        cancelled = await self.intake.cancel(agent, door.request_id(request), by)
        return respond(self.answers.request(cancelled))
