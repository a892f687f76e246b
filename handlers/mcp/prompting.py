"""`permission_prompt`, as Claude Code calls it: held until people decide, `allow` once, else `deny`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import orjson
import structlog

from bot.core.action import canonical, fit
from bot.core.errors import AlreadyDecided, NotReady, Refusal, TooLate
from bot.core.terms import Actor, Agent, Ask, Digest, Executor, Json, Request, State
from bot.services.granting import Granting
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from handlers.claude_tools import action_of, why_not, words
from handlers.mcp.asking import Caller
from handlers.mcp.tools import PromptBody
from handlers.mcp.waiting import Line, Waiting
from handlers.pace import Pace

STOPPED = "Assent stopped while this call waited, so it was withdrawn. It was not run."
FAILED = "Assent failed while it looked at this call. It was not run."

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Prompting:
    """The tool of agents that execute for themselves."""

    knowing: Knowing
    intake: Intake
    granting: Granting
    waiting: Waiting
    pace: Pace

    async def prompt(
        self, caller: Caller, arguments: Mapping[str, Json], line: Line
    ) -> tuple[str, Refusal | None]:
        """Return the verdict as the CLI reads it, and what was refused; whatever goes wrong is a `deny`."""
        try:
            return await self._prompted(caller, arguments, line), None
        except Refusal as refusal:
            return _deny(words(refusal)), refusal
        except ConnectionError:
            raise  # nobody is there to answer
        except Exception:
            log.exception("mcp.prompt.failed")
            return _deny(FAILED), None

    async def _prompted(self, caller: Caller, arguments: Mapping[str, Json], line: Line) -> str:
        agent, runner, registry, by = await self.knowing.running(caller.secret)
        told = fit(dict(arguments), PromptBody)
        self.pace.keep(agent)
        key = f"mcp {runner.name} {told.tool_use_id}" if told.tool_use_id else None
        committed = await self.intake.submit(agent, registry, _ask_of(told, runner), key, by)
        if committed.request is None:
            raise NotReady
        seen = await self._settled(agent, committed.request, line, by)
        if seen.state is not State.APPROVED:
            return _deny(STOPPED if seen.state is State.CANCELLED else why_not(seen))
        # No key: a call that is asked about again was perhaps run already, and may not run twice.
        await self.granting.redeem(runner, seen.grant_id, seen.digest, None, by)
        return orjson.dumps({"behavior": "allow", "updatedInput": told.input}).decode()

    async def _settled(self, agent: Agent, made: Request, line: Line, by: Actor) -> Request:
        """Wait to the request's own end; it is withdrawn when nobody waits so long."""
        try:
            seen = await self.waiting.settled(agent, made, line, made.expires_at - made.created_at)
        except (asyncio.CancelledError, ConnectionError, Refusal):
            await asyncio.shield(self._withdrawn(agent, made, by))
            raise
        return await self._withdrawn(agent, seen, by) if seen.state is State.PENDING else seen

    async def _withdrawn(self, agent: Agent, seen: Request, by: Actor) -> Request:
        """Withdraw what nobody waits for any more, unless it was decided just now."""
        try:
            return await self.intake.cancel(agent, seen.id, by)
        except (AlreadyDecided, TooLate):
            return await self.intake.show(agent, seen.id)


def _ask_of(told: PromptBody, runner: Executor) -> Ask:
    asked = [told.tool_name, told.input]
    return Ask(
        action=action_of(told.tool_name, told.input),
        body_digest=Digest(sha256(canonical(asked)).hexdigest()),
        context={"call": told.tool_use_id} if told.tool_use_id else None,
        runner=runner.name,
    )


def _deny(reason: str) -> str:
    return orjson.dumps({"behavior": "deny", "message": f"Assent: {reason}"}).decode()
