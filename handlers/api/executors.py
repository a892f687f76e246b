"""What executors call: redeem, report, and ask what there is to run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from bot.core.action import digest, fit, parse
from bot.core.errors import Malformed
from bot.core.terms import Action, Digest, Resource, State, Subject
from bot.services.granting import Granting
from bot.services.knowing import Knowing
from handlers.api import door, query, shapes
from handlers.api.answers import Answers, respond
from handlers.pace import Pace
from handlers.polls import Polls


@dataclass(frozen=True, slots=True)
class Executors:
    """The executors' routes."""

    knowing: Knowing
    granting: Granting
    answers: Answers
    pace: Pace
    polls: Polls

    async def redeem(self, request: web.Request) -> web.Response:
        """POST /v1/grants/{jti}/redeem: leave to run this action once."""
        executor, _, by = await self.knowing.executor(door.bearer(request))
        self.pace.keep_executor(executor.name)
        query.only(request, ())
        jti = door.jti(request)
        key = door.idempotency_key(request)
        told = _told(parse(await door.body(request)))
        if isinstance(told, shapes.RedeemDigestBody):
            about = Digest(told.digest)
        else:
            about = _digest(told, await self.granting.subject(executor, jti))
        released = await self.granting.redeem(executor, jti, about, key, by)
        return respond(self.answers.receipt(released))

    async def report(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/outcome: what became of it."""
        executor, _, by = await self.knowing.executor(door.bearer(request))
        self.pace.keep_executor(executor.name)
        query.only(request, ())
        request_id = door.request_id(request)
        told = await door.shaped_body(request, shapes.OutcomeBody)
        reported = await self.granting.report(
            executor, request_id, State(told.status), told.note, told.output_digest, by
        )
        return respond(self.answers.request(reported))

    async def executions(self, request: web.Request) -> web.Response:
        """GET /v1/executions: the callbacks beyond a sequence, at once or when the first one comes."""
        executor, _, _ = await self.knowing.executor(door.bearer(request))
        self.pace.keep_executor(executor.name)
        query.only(request, ("after", "wait", "limit", "request"))
        timeout, headers = query.wait(request)
        after, limit, about = query.after(request), query.limit(request), query.about(request)
        found = None
        if timeout > timedelta():
            found = await self.polls.until(
                self.granting.executions(executor, after, limit, timeout, about), f"executor {executor.name}"
            )
        if found is None:
            found = await self.granting.executions(executor, after, limit, timedelta(), about)
        told = [self.answers.execution(callback, about) for callback, about in found]
        return respond(
            {"executions": told, "next_after": found[-1][0].sequence if found else after}, headers=headers
        )


def _told(body: object) -> shapes.RedeemActionBody | shapes.RedeemDigestBody:
    """Return what the executor is about to run: the action, or its digest, exactly one of both."""
    if isinstance(body, dict) and ("digest" in body) == ("action" in body):
        raise Malformed("Send either the `action` with its `resource` and `context`, or the `digest`.")
    if isinstance(body, dict) and "digest" in body:
        return fit(body, shapes.RedeemDigestBody)
    return fit(body, shapes.RedeemActionBody)


def _digest(told: shapes.RedeemActionBody, subject: Subject) -> Digest:
    """Recompute the digest with the request's own subject."""
    action = Action(told.action.name, told.action.parameters)
    resource = Resource(told.resource.type, told.resource.id) if told.resource else None
    return digest(subject, action, resource, told.context)
