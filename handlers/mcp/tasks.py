"""The tasks extension: a wait as a handle that outlives connections, restarts and replicas.

Nothing is stored for it. A task's id names the request, and how many questions the client knew when it began
to wait; everything a task says follows from the request as it stands. So whoever is asked can answer,
days later if need be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from bot.core.errors import AlreadyDecided, TooLate, Unknown
from bot.core.terms import Json, Request, RequestId, State
from bot.core.wire import instant
from handlers.mcp import results
from handlers.mcp.asking import Asking, Caller
from handlers.mcp.messages import INVALID_PARAMS, NO_CAPABILITY, TASKS, Fault, Message
from handlers.mcp.waiting import Line, Waiting, waits, waits_for

HELD = timedelta(seconds=5)  # a look at a task that is not done: news arrives sooner than with the next look
POLL = 1000  # milliseconds between two looks
_ID = re.compile("wait_([0-9a-f]{32})_([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Tasks:
    """The extension's methods."""

    asking: Asking
    waiting: Waiting

    async def get(self, caller: Caller, message: Message) -> dict[str, Json]:
        """tasks/get: how it stands, at once if it is done, else when it is or after a while."""
        found, known = await self._found(caller, message)
        found = await self.waiting.settled(caller.agent, found, _Silent(), HELD, known)
        if waits(found, known):
            return {**_task(found, known, "working"), "statusMessage": _words(found)}
        if found.state is State.CANCELLED and len(found.questions) <= known:  # else a question had ended it
            return _task(found, known, "cancelled")
        return {**_task(found, known, "completed"), "result": results.told(self.asking.stands(found))}

    async def cancel(self, caller: Caller, message: Message) -> dict[str, Json]:
        """tasks/cancel: nobody waits any more, so nobody need decide; what is decided stays so."""
        found, _ = await self._found(caller, message)
        if found.state is State.PENDING:
            try:
                await self.asking.intake.cancel(caller.agent, found.id, caller.by)
            except (AlreadyDecided, TooLate):
                return {}  # decided just now, as a later look will tell
        return {}

    async def update(self, caller: Caller, message: Message) -> dict[str, Json]:
        """tasks/update: nothing is ever asked of the client, so whatever it answers is not awaited."""
        await self._found(caller, message)
        return {}

    async def _found(self, caller: Caller, message: Message) -> tuple[Request, int]:
        if not message.takes_tasks:
            needed: Json = {"requiredCapabilities": {"extensions": {TASKS: {}}}}
            raise Fault(NO_CAPABILITY, f"Declare the extension {TASKS} to speak of tasks.", needed)
        named = _ID.fullmatch(message.text("taskId"))
        try:
            if named is None:
                raise Unknown
            found = await self.asking.intake.show(caller.agent, RequestId(f"req_{named[1]}"))
        except Unknown:
            raise Fault(INVALID_PARAMS, "There is no such task.") from None
        return found, int(named[2])


class _Silent(Line):
    """A line on which nothing is said before the end."""

    async def alive(self, words: str) -> None:
        """Say nothing."""


def created(request: Request, known: int) -> dict[str, Json]:
    """Return the handle that stands for the result of a wait."""
    return {"resultType": "task", **_task(request, known, "working"), "statusMessage": _words(request)}


def _words(request: Request) -> str:
    return f"waiting for {waits_for(request)}"


def _task(request: Request, known: int, status: str) -> dict[str, Json]:
    return {
        "taskId": f"wait_{request.id.removeprefix('req_')}_{known}",
        "status": status,
        "createdAt": instant(request.created_at),
        "lastUpdatedAt": instant(request.decided_at or request.stage_opened_at),
        "ttlMs": None,
        "pollIntervalMs": POLL,
    }
