"""What the health page asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bot.app.loops import STRANDED_AFTER, Loops
from bot.app.parts import Parts
from handlers.api.health import Check

if TYPE_CHECKING:
    from handlers import slack


def checks_of(made: Parts, loops: Loops) -> Mapping[str, Check]:
    """Return what must be well for this replica to be in; each says what is wrong, or None."""

    async def database() -> str | None:
        await made.store.now()
        return None

    async def audit_log() -> str | None:
        return made.trust.problem

    return {"database": database, "log": audit_log, "loops": loops.problem}


def soft_checks(made: Parts, socket: slack.Socket | None) -> Mapping[str, Check]:
    """Return what is told beside them, and takes no replica out."""

    async def policy() -> str | None:
        problem = made.policies.current().problem
        # Where it is, not what stands there: anybody may read this page.
        return problem.splitlines()[0] if problem else None

    async def oncall() -> str | None:
        # Not why: an address in the words of a failure is often all it takes to read the calendar.
        silent = len(made.feeds.problems)
        return f"{silent} on-call calendars do not answer" if silent else None

    async def deadlines() -> str | None:
        # Here, not above: every replica finds the same rows, and without them nothing else would get done.
        stalled = await made.store.stalled()
        return f"{stalled} deadlines cannot be passed; the log says why" if stalled else None

    async def messages() -> str | None:
        stranded = await made.store.stranded(made.clock.now() - STRANDED_AFTER)
        return f"{stranded} messages were taken and never sent" if stranded else None

    told = {"policy": policy, "on-call": oncall, "deadlines": deadlines, "messages": messages}
    return told | ({"slack socket": socket.problem} if socket else {})
