"""`tools/call`: one of our tools and its result. A refusal is a result too, so that the model reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from bot.core.errors import Refusal
from bot.core.terms import Json, Request
from handlers import record
from handlers.claude_tools import words
from handlers.mcp import results
from handlers.mcp.asking import Asking, Caller, theirs
from handlers.mcp.messages import INVALID_PARAMS, Fault, Message
from handlers.mcp.prompting import Prompting
from handlers.mcp.stream import Stream
from handlers.mcp.tasks import created
from handlers.mcp.waiting import Waiting, waits


@dataclass(frozen=True, slots=True)
class Calls:
    """The tools, by name."""

    asking: Asking
    prompting: Prompting
    waiting: Waiting

    async def called(
        self, caller: Caller, message: Message, stream: Stream, request: web.Request
    ) -> dict[str, Json]:
        """Return the result of a call; raises `Fault` for a tool that is not there."""
        name, arguments = message.text("name"), message.params.get("arguments", {})
        if not isinstance(arguments, dict):
            raise Fault(INVALID_PARAMS, "params.arguments must be an object.")
        if name == "permission_prompt":
            verdict, refusal = await self.prompting.prompt(caller, arguments, stream)
            if refusal is not None:
                await record.keep(request, refusal)
            return results.said(verdict)
        try:
            return await self._asked(name, caller, message, arguments, stream)
        except Refusal as refusal:
            await record.keep(request, refusal)
            return results.refused(f"Refused: {theirs(words(refusal))}")

    async def _asked(
        self, name: str, caller: Caller, message: Message, arguments: Mapping[str, Json], stream: Stream
    ) -> dict[str, Json]:
        match name:
            case "request_approval":
                return self._result(await self.asking.request(caller, arguments))
            case "wait_for_decision":
                return await self._waited(caller, message, arguments, stream)
            case "answer_question":
                return self._result(await self.asking.answer(caller, arguments))
            case "cancel_request":
                return self._result(await self.asking.cancel(caller, arguments))
        raise Fault(INVALID_PARAMS, f"There is no tool {name[:64]!a} here.")

    async def _waited(
        self, caller: Caller, message: Message, arguments: Mapping[str, Json], stream: Stream
    ) -> dict[str, Json]:
        """Hold the call, or hand out a task where the client takes one: then nobody holds anything."""
        found, until, known = await self.asking.awaited(caller, arguments)
        if waits(found, known) and message.takes_tasks:
            return created(found, known)
        return self._result(await self.waiting.settled(caller.agent, found, stream, until, known))

    def _result(self, request: Request) -> dict[str, Json]:
        return results.told(self.asking.stands(request))
