"""Function calls and questions. The SDKs look every three seconds; `approved` is leave to run, once."""

from __future__ import annotations

from datetime import timedelta

import orjson
from aiohttp import web

from bot.core.errors import Conflict, NotReady, Unknown
from bot.core.terms import Actor, Agent, Ask, Executor, Json, Registry, Request, State
from bot.services.granting import Granting
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from handlers import door
from handlers.humanlayer.mapping import (
    ASK,
    MEMBER,
    contact,
    function_call,
    read_contact,
    read_function,
    said,
)
from handlers.pace import Pace
from handlers.polls import Polls

HELD = timedelta(seconds=10)  # a look at a pending call; the SDKs give up on an answer after 30
ENDED = {
    State.DENIED: "Denied.",
    State.EXPIRED: "Nobody decided in time.",
    State.CANCELLED: "The request was withdrawn.",
    State.LAPSED: "It was approved, and not picked up in time.",
    State.REVOKED: "The approval was taken back.",
}
RAN = "This call was approved and run already; it runs once."
ANSWERED = "Yes."  # an approval without words


class Calls:
    """The routes of agents."""

    def __init__(
        self, knowing: Knowing, intake: Intake, granting: Granting, pace: Pace, polls: Polls
    ) -> None:
        self._knowing = knowing
        self._intake = intake
        self._granting = granting
        self._pace = pace
        self._polls = polls

    async def add_function(self, request: web.Request) -> web.Response:
        """POST /function_calls: ask; the answer holds no verdict yet, also where policy has spoken."""
        agent, runner, registry, by = await self._knowing.running(door.bearer(request))
        self._pace.keep(agent)
        call_id, ask = read_function(await door.body(request), runner)
        if ask.action.name == ASK:
            raise Unknown(f"{ASK} is asked through /contact_requests.")
        made = await self._made(agent, registry, ask, _key(runner, call_id), by)
        return _respond(function_call(made, call_id, None, None))

    async def get_function(self, request: web.Request) -> web.Response:
        """GET /function_calls/{call_id}: the first one that finds it approved gets leave to run it."""
        agent, runner, _, by = await self._knowing.running(door.bearer(request))
        found = await self._found(request, agent, runner)
        if found.action.name == ASK:
            raise Unknown
        approved, comment = await self._verdict(runner, found, by)
        return _respond(function_call(found, request.match_info["call_id"], approved, comment))

    async def add_contact(self, request: web.Request) -> web.Response:
        """POST /contact_requests: ask a human something."""
        agent, runner, registry, by = await self._knowing.running(door.bearer(request))
        self._pace.keep(agent)
        call_id, ask = read_contact(await door.body(request), runner)
        made = await self._made(agent, registry, ask, _key(runner, call_id), by)
        return _respond(contact(made, call_id, None))

    async def get_contact(self, request: web.Request) -> web.Response:
        """GET /contact_requests/{call_id}: what the reviewer said, whatever the verdict."""
        agent, runner, _, by = await self._knowing.running(door.bearer(request))
        found = await self._found(request, agent, runner)
        if found.action.name != ASK:
            raise Unknown
        return _respond(contact(found, request.match_info["call_id"], await self._reply(runner, found, by)))

    async def _made(self, agent: Agent, registry: Registry, ask: Ask, key: str, by: Actor) -> Request:
        committed = await self._intake.submit(agent, registry, ask, key, by)
        if committed.request is None:
            raise NotReady
        return committed.request

    async def _found(self, request: web.Request, agent: Agent, runner: Executor) -> Request:
        """Return the caller's own call, at once if it is decided, else when it is or after a while."""
        self._pace.keep_call(agent)
        key = _key(runner, request.match_info["call_id"])
        found = await self._intake.keyed(agent, key)
        if MEMBER not in (found.context or {}):
            raise Unknown
        if found.state is State.PENDING:
            awaited = self._intake.wait(agent, found.id, State.PENDING, HELD)
            found = await self._polls.until(awaited, f"agent {agent.name}") or await self._intake.show(
                agent, found.id
            )
        return found

    async def _verdict(self, runner: Executor, found: Request, by: Actor) -> tuple[bool | None, str | None]:
        if found.state is State.PENDING:
            return None, None
        if found.state is State.APPROVED:
            try:
                await self._granting.redeem(runner, found.grant_id, found.digest, None, by)
            except Conflict as refusal:  # run already, frozen, or denied by the policy of now
                return False, refusal.detail
            return True, said(found)
        ended = ENDED.get(found.state, RAN)
        return False, said(found) or ended if found.state is State.DENIED else ended

    async def _reply(self, runner: Executor, found: Request, by: Actor) -> str | None:
        if found.state is State.PENDING:
            return None
        if found.state is State.APPROVED:  # nothing is run; the answer is all there is to it
            try:
                await self._granting.redeem(runner, found.grant_id, found.digest, None, by)
                await self._granting.report(runner, found.id, State.SUCCEEDED, None, None, by)
            except Conflict as refusal:
                return refusal.detail
        return said(found) or ENDED.get(found.state, ANSWERED)


def _key(runner: Executor, call_id: str) -> str:
    return f"humanlayer {runner.name} {call_id}"


def _respond(shape: Json) -> web.Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(body=orjson.dumps(shape), headers=headers)
