"""What a hook is told, as an ask: the tool call is the action, session and folder are its context."""

from __future__ import annotations

import re
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from bot.core.action import NAME_MAX, canonical
from bot.core.errors import Malformed
from bot.core.terms import Ask, Digest, Executor, Json
from handlers.claude_tools import action_of

WAIT_DEFAULT = 540  # seconds; shorter than the 600 that the settings give the hook
WAIT_MAX = 3600  # seconds
ENTRYPOINT = "X-Claude-Entrypoint"  # a header of our settings: the CLI's own CLAUDE_CODE_ENTRYPOINT
UNATTENDED = "sdk-"  # print mode and the SDKs; elsewhere the CLI ignores `defer`
_WAIT = re.compile("[0-9]{1,4}")

Id = Annotated[str, Meta(min_length=1, max_length=200)]


class CallBody(Struct, frozen=True):
    """What every hook about a tool call is sent; the CLI sends more, and other versions other things."""

    hook_event_name: str
    session_id: Id
    tool_use_id: Id
    tool_name: Annotated[str, Meta(min_length=1, max_length=NAME_MAX)]
    tool_input: dict[str, Any]
    cwd: str
    agent_type: str | None = None


def ask_of(call: CallBody, runner: Executor) -> Ask:
    """Return the ask that a call is; raises `Malformed`."""
    context: dict[str, Json] = {"session": call.session_id, "directory": call.cwd, "call": call.tool_use_id}
    if call.agent_type is not None:
        context["subagent"] = call.agent_type
    told = [call.tool_name, call.tool_input, call.cwd]
    return Ask(
        action=action_of(call.tool_name, call.tool_input),
        # Not over all of the body: resumed a day later the same call is told with other particulars.
        body_digest=Digest(sha256(canonical(told)).hexdigest()),
        context=context,
        runner=runner.name,
    )


def key_of(call: CallBody, runner: Executor) -> str:
    """Return what makes a call the same when the hook is asked about it again."""
    return f"claude {runner.name} {call.session_id} {call.tool_use_id}"


def patience(request: web.Request) -> timedelta:
    """Return how long to hold the call: `?wait=` in seconds."""
    given = request.query.getall("wait", [str(WAIT_DEFAULT)])
    if set(request.query) - {"wait"} or len(given) != 1 or not _WAIT.fullmatch(given[0]):
        raise Malformed("The one query parameter here is `wait`, in seconds.")
    return timedelta(seconds=min(int(given[0]), WAIT_MAX))


def may_defer(request: web.Request) -> bool:
    """Tell whether the CLI will heed `defer`: not in front of a terminal, says its source, and so it is."""
    return request.headers.get(ENTRYPOINT, "").startswith(UNATTENDED)
