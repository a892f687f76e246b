"""Claude Code's `http` hooks: each tool call is asked about before it runs, and reported after."""

from __future__ import annotations

from aiohttp import web

from bot.ports import Clock
from bot.services.granting import Granting
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from handlers.claude_code.hooks import Hooks
from handlers.pace import Pace
from handlers.polls import Polls

PATH = "/v1/hooks/claude-code"


def install(
    app: web.Application, *, knowing: Knowing, intake: Intake, granting: Granting, clock: Clock
) -> None:
    """Add the hooks' routes to `app`."""
    hooks = Hooks(knowing, intake, granting, Pace.of(app, clock), Polls.of(app))
    app.router.add_post(PATH, hooks.called)
    app.router.add_post(f"{PATH}/deferred", hooks.deferred)
