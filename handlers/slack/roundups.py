"""A roundup becomes Block Kit: one line a request, all of it literal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.card import RoundupLine
from handlers.render import Renderer
from handlers.slack.blocks import Message, clip

# Characters; `ports.ROUNDUP_MAX` lines of them stay below `limits.MESSAGE_TEXT_MAX`.
TITLE_MAX = 80
STATUS_MAX = 80
AGENT_MAX = 40


def roundup(lines: Sequence[RoundupLine], renderer: Renderer) -> Message:
    """Return the message that lists these requests."""
    waiting = sum(line.waits for line in lines)
    blocks = renderer.json("slack/roundup.json.j2", lines=[_fit(line) for line in lines], waiting=waiting)
    return Message(f"{waiting} more waiting for approval", blocks)


def _fit(line: RoundupLine) -> RoundupLine:
    return replace(
        line,
        title=clip(line.title, TITLE_MAX),
        status=clip(line.status, STATUS_MAX),
        agent=clip(line.agent, AGENT_MAX),
    )
