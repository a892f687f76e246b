"""A roundup becomes Block Kit: one line a request, all of it literal."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.card import RoundupLine
from handlers.fitting import clipped
from handlers.render import Renderer
from handlers.slack.blocks import Message

# Characters; `ports.ROUNDUP_MAX` lines of them stay below `limits.MESSAGE_TEXT_MAX`.
TITLE_MAX = 80
STATUS_MAX = 80
AGENT_MAX = 40


def roundup(lines: Sequence[RoundupLine], renderer: Renderer) -> Message:
    """Return the message that lists these requests."""
    waiting = sum(line.waits for line in lines)
    told = [clipped(line, TITLE_MAX, STATUS_MAX, AGENT_MAX) for line in lines]
    blocks = renderer.json("slack/roundup.json.j2", lines=told, waiting=waiting)
    return Message(f"{waiting} more waiting for approval", blocks)
