"""What an agent's instance calls: submit, look, wait, cancel, consume, report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import orjson
from aiohttp import web
from msgspec import UNSET

from bot.core.errors import Malformed, NotReady, NotRedeemable, NotReleased, Unknown
from bot.core.terms import Actor, Agent, Executor, Request, State
from bot.services.granting import Granting
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from handlers import door
from handlers.aap.errors import KeyMissing
from handlers.aap.mapping import answer, is_aap, read_submission, request_id
from handlers.aap.shapes import NothingBody, OutcomeBody
from handlers.pace import Pace
from handlers.polls import Polls

WAIT_MAX = timedelta(seconds=30)
_WAIT = re.compile(r"([0-9]{1,6})s")


@dataclass(frozen=True, slots=True)
class Requests:
    """The protocol's request operations."""

    knowing: Knowing
    intake: Intake
    granting: Granting
    pace: Pace
    polls: Polls

    async def submit(self, request: web.Request) -> web.Response:
        """POST /v1/requests: 201, or 200 for a key that came before."""
        agent, runner, registry, by = await self.knowing.running(door.bearer(request))
        _no_query(request)
        self.pace.keep(agent)
        key = required_key(request)
        ask = read_submission(await door.body(request), runner)
        # Keys are an instance's own, not the agent's: another instance's request is no replay.
        committed = await self.intake.submit(agent, registry, ask, f"{runner.name} {key}", by)
        if committed.request is None:
            raise NotReady
        return respond(answer(committed.request), 200 if committed.replayed else 201)

    async def show(self, request: web.Request) -> web.Response:
        """GET /v1/requests/{id}, at once or when it is decided."""
        agent, runner, _, _ = await self.knowing.running(door.bearer(request))
        timeout = _wait(request)
        found = await self._own(agent, runner, request)
        if timeout and found.state is State.PENDING:
            awaited = self.intake.wait(agent, found.id, State.PENDING, timeout)
            found = await self.polls.until(awaited, f"agent {agent.name}") or await self.intake.show(
                agent, found.id
            )
        return respond(answer(found))

    async def cancel(self, request: web.Request) -> web.Response:
        """DELETE /v1/requests/{id}: withdraw a pending one; a cancelled one stays as it is."""
        agent, runner, _, by = await self.knowing.running(door.bearer(request))
        _no_query(request)
        found = await self._own(agent, runner, request)
        if found.state is not State.CANCELLED:
            found = await self.intake.cancel(agent, found.id, by)
        return respond(answer(found))

    async def consume(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/consume: leave to start, once; the same key again gets the same answer."""
        agent, runner, _, by = await self.knowing.running(door.bearer(request))
        _no_query(request)
        key = required_key(request)
        if request.can_read_body:
            await door.shaped_body(request, NothingBody)
        found = await self._own(agent, runner, request)
        return respond(answer(await self._redeemed(runner, found, key, by)))

    async def _redeemed(self, runner: Executor, found: Request, key: str, by: Actor) -> Request:
        # The digest is the stored request's own: what runs is what this door returned, to the last member,
        # and the client holds it to what it asked.
        try:
            return await self.granting.redeem(runner, found.grant_id, found.digest, key, by)
        except Unknown:  # to whom the request is known, there is no grant yet, or never
            raise NotRedeemable from None

    async def report(self, request: web.Request) -> web.Response:
        """POST /v1/requests/{id}/outcome: what became of it."""
        agent, runner, _, by = await self.knowing.running(door.bearer(request))
        _no_query(request)
        told = await door.shaped_body(request, OutcomeBody)
        found = await self._own(agent, runner, request)
        if found.grant is None:
            raise NotReleased
        note = None if told.note is UNSET else told.note
        reported = await self.granting.report(runner, found.id, State(told.status), note, None, by)
        return respond(answer(reported))

    async def _own(self, agent: Agent, runner: Executor, request: web.Request) -> Request:
        """Return the instance's own request; raises `Unknown` for any other, also of another door."""
        self.pace.keep_call(agent)
        found = await self.intake.show(agent, request_id(request.match_info["id"]))
        if not is_aap(found) or found.plan.executor != runner.name:
            raise Unknown
        return found


def respond(shape: object, status: int = 200) -> web.Response:
    """Return an answer that no cache keeps."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(body=orjson.dumps(shape), status=status, headers=headers)


def required_key(request: web.Request) -> str:
    """Return the Idempotency-Key; raises `KeyMissing`."""
    key = door.idempotency_key(request)
    if key is None:
        raise KeyMissing
    return key


def _no_query(request: web.Request) -> None:
    if request.query:
        raise Malformed("There are no query parameters here.")


def _wait(request: web.Request) -> timedelta:
    if not request.query:
        return timedelta(0)
    given = request.query.getall("wait", ())
    found = _WAIT.fullmatch(given[0]) if len(given) == 1 and len(request.query) == 1 else None
    if found is None:
        raise Malformed("The one query parameter here is `wait`, in seconds, as 25s.")
    return min(timedelta(seconds=int(found[1])), WAIT_MAX)
