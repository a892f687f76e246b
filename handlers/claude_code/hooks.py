"""The hook's answers. Whatever is refused is answered `deny`, with status 200: an error lets the call run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import orjson
import structlog
from aiohttp import web

from bot.core.action import code, fit, parse
from bot.core.canonical import canonical
from bot.core.errors import AlreadyDecided, Malformed, NotReady, Refusal, Unknown
from bot.core.terms import Actor, Agent, Executor, Json, Registry, Request, State
from bot.services.granting import Granting
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from handlers import door, record
from handlers.claude_code.mapping import CallBody, ask_of, key_of, may_defer, patience
from handlers.claude_tools import why_not, words
from handlers.pace import Pace
from handlers.polls import Polls

BEFORE, AFTER, FAILED = "PreToolUse", "PostToolUse", "PostToolUseFailure"
SETTLING = timedelta(seconds=1)  # from an approval to its redemption by the first hook
UNANSWERED = "Nobody has answered within the hook's time, so the request was withdrawn. It was not run."


Answering = Callable[["Hooks", web.Request], Awaitable[web.Response]]

log = structlog.get_logger()


def _shut(answering: Answering) -> Answering:
    """Make a `deny` of whatever goes wrong: to the CLI an error is no answer, and without one it runs."""

    async def answered(hooks: Hooks, request: web.Request) -> web.Response:
        try:
            return await answering(hooks, request)
        except Refusal as refusal:
            await record.keep(request, refusal)
            return _decision("deny", words(refusal))
        except web.HTTPException as error:
            return _decision("deny", error.text or error.reason)
        except ConnectionError:
            raise  # nobody is there to answer
        except Exception:
            log.exception("hook.failed", path=request.path)
            return _decision("deny", "Assent failed while it looked at this call. It was not run.")

    return answered


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks' routes."""

    knowing: Knowing
    intake: Intake
    granting: Granting
    pace: Pace
    polls: Polls

    @_shut
    async def called(self, request: web.Request) -> web.Response:
        """POST /v1/hooks/claude-code: before a call, may it run; after it, what became of it."""
        agent, runner, registry, by = await self.knowing.running(door.bearer(request))
        told = parse(await door.body(request))
        call = fit(told, CallBody)
        if call.hook_event_name in (AFTER, FAILED):
            self.pace.keep_call(agent)
            await self._report(agent, runner, call, told, by)
            return _respond({})
        _require_before(call)
        self.pace.keep(agent)
        until = patience(request)
        made = await self._asked(agent, runner, registry, call, by)
        return await self._answered(request, agent, runner, made, until, by)

    @_shut
    async def deferred(self, request: web.Request) -> web.Response:
        """POST /v1/hooks/claude-code/deferred: `ask` where the other hook says `defer`, else no opinion.

        Several calls of one turn cannot be deferred, and the CLI then goes on as if no hook had spoken, which
        under `--dangerously-skip-permissions` runs them. An `ask` beside the `defer` stops that.
        """
        agent, runner, registry, by = await self.knowing.running(door.bearer(request))
        if not may_defer(request):
            return _respond({})
        call = fit(parse(await door.body(request)), CallBody)
        _require_before(call)
        self.pace.keep(agent)
        made = await self._asked(agent, runner, registry, call, by)
        seen = await self._settled(agent, made, patience(request))
        if seen.state is State.APPROVED:  # the other hook redeems it, or was a moment too early
            seen = await self.intake.wait(agent, seen.id, State.APPROVED, SETTLING)
        open_still = seen.state in (State.PENDING, State.APPROVED)
        return _decision("ask", "This call waits for approval.") if open_still else _respond({})

    async def _asked(
        self, agent: Agent, runner: Executor, registry: Registry, call: CallBody, by: Actor
    ) -> Request:
        key = key_of(call, runner)
        committed = await self.intake.submit(agent, registry, ask_of(call, runner), key, by)
        if committed.request is None:
            raise NotReady
        return committed.request

    async def _settled(self, agent: Agent, made: Request, until: timedelta) -> Request:
        """Return the request once it is decided, or as it stands when the time is up."""
        if made.state is not State.PENDING or not until:
            return made
        awaited = self.intake.wait(agent, made.id, State.PENDING, until)
        return await self.polls.until(awaited, f"agent {agent.name}") or await self.intake.show(
            agent, made.id
        )

    async def _answered(
        self,
        request: web.Request,
        agent: Agent,
        runner: Executor,
        made: Request,
        until: timedelta,
        by: Actor,
    ) -> web.Response:
        seen = await self._settled(agent, made, until)
        if seen.state is State.PENDING and not may_defer(request):
            seen = await self._withdrawn(agent, seen, by)
            if seen.state is State.CANCELLED:
                return _decision("deny", UNANSWERED)
        if seen.state is State.PENDING:
            return _decision("defer", "This call waits for approval; resume the session later.")
        if seen.state is not State.APPROVED:
            return _decision("deny", why_not(seen))
        # No key: a call that is asked about again was perhaps run already, and may not run twice.
        await self.granting.redeem(runner, seen.grant_id, seen.digest, None, by)
        return _decision("allow", f"Approved ({code(seen.digest)}).")

    async def _withdrawn(self, agent: Agent, seen: Request, by: Actor) -> Request:
        """Withdraw what nobody waits for any more, unless it was decided just now."""
        try:
            return await self.intake.cancel(agent, seen.id, by)
        except AlreadyDecided:
            return await self.intake.show(agent, seen.id)

    async def _report(self, agent: Agent, runner: Executor, call: CallBody, told: Json, by: Actor) -> None:
        """Record what became of a call; of its output only the digest is kept."""
        try:
            request = await self.intake.keyed(agent, key_of(call, runner))
        except Unknown:
            return  # a call from before the hook stood in the settings
        status = State.FAILED if call.hook_event_name == FAILED else State.SUCCEEDED
        output = sha256(canonical(told.get("tool_response"))).hexdigest()
        await self.granting.report(runner, request.id, status, None, output, by)


def _require_before(call: CallBody) -> None:
    if call.hook_event_name != BEFORE:
        raise Malformed(f"This hook is for {BEFORE}, {AFTER} and {FAILED}.")


def _decision(verdict: str, reason: str) -> web.Response:
    decided = {
        "hookEventName": BEFORE,
        "permissionDecision": verdict,
        "permissionDecisionReason": f"Assent: {reason}",
    }
    return _respond({"hookSpecificOutput": decided})


def _respond(shape: object) -> web.Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(body=orjson.dumps(shape), headers=headers)
