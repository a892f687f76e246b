"""A tool call of Claude Code, as both its doors see it: `Bash` is `claude.Bash`, its input the parameters."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from bot.core.errors import Malformed, Refusal
from bot.core.literal import identifier
from bot.core.terms import Action, Json, Request, State, Verdict

PREFIX = "claude."
DIFF = "diff"  # the parameter that we add to an edit
DIFF_LINES_MAX = 4000  # lines of both sides; comparing takes their product
RAN = "This call was allowed once already, and is not run again. Make the call anew if it is still needed."
ENDED = {
    State.PENDING: "Nobody approved this call in time. It was not run.",
    State.EXPIRED: "Nobody approved this call in time. It was not run.",
    State.CANCELLED: "This call was withdrawn before anybody approved it. It was not run.",
    State.LAPSED: "This call was approved, and not picked up in time. It was not run.",
    State.REVOKED: "The approval of this call was taken back. It was not run.",
}


def action_of(tool: str, input: Mapping[str, Json]) -> Action:
    """Return the action that a tool with its input is; raises `Malformed`."""
    return Action(PREFIX + identifier(tool), _parameters(tool, input))


def why_not(request: Request) -> str:
    """Say why a decided call may not run."""
    if request.state is not State.DENIED:
        return ENDED.get(request.state, RAN)
    said = [r.reason for r in request.reviews if r.verdict is Verdict.DENY and r.reason]
    if request.reviews:
        return f"A reviewer denied this call. It was not run. {' '.join(said)}".rstrip()
    return f"Policy denies this call. It was not run. {request.plan.reason or ''}".rstrip()


def words(refusal: Refusal) -> str:
    """Write a refusal for the model, with what is wrong where."""
    return " ".join([refusal.detail, *(f"({at}: {why})" for at, why in refusal.pointers)])


def _parameters(tool: str, input: Mapping[str, Json]) -> dict[str, Json]:
    """Return the tool's input; an edit also says what it changes, as people read it."""
    told = dict(input)
    if tool != "Edit":
        return told
    if DIFF in told:
        raise Malformed(f"An edit has no member `{DIFF}` of its own.")
    old, new = told.get("old_string"), told.get("new_string")
    if isinstance(old, str) and isinstance(new, str):
        told[DIFF] = _diff(old, new)
    return told


def _diff(old: str, new: str) -> str:
    # At newlines alone: what else may end a line is part of it, and is made visible on the card.
    before, after = old.split("\n"), new.split("\n")
    if not before[-1] and not after[-1]:
        before, after = before[:-1], after[:-1]
    if len(before) + len(after) > DIFF_LINES_MAX:
        return "\n".join([*(f"-{line}" for line in before), *(f"+{line}" for line in after)])
    return "\n".join(list(difflib.unified_diff(before, after, lineterm=""))[2:])
