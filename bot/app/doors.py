"""The doors of agents that speak another protocol than ours."""

from __future__ import annotations

from aiohttp import ClientSession, web

from bot.app.parts import Parts
from handlers import aap, claude_code, humanlayer, mcp


def install_doors(app: web.Application, made: Parts, outward: ClientSession) -> None:
    """Add every such door; `outward` is the session behind the egress gate."""
    aap.install(
        app,
        knowing=made.knowing,
        intake=made.intake,
        granting=made.granting,
        provisioning=made.provisioning,
        outward=outward,
        clock=made.clock,
        ids=made.ids,
    )
    claude_code.install(
        app, knowing=made.knowing, intake=made.intake, granting=made.granting, clock=made.clock
    )
    humanlayer.install(
        app, knowing=made.knowing, intake=made.intake, granting=made.granting, clock=made.clock
    )
    mcp.install(
        app,
        knowing=made.knowing,
        intake=made.intake,
        granting=made.granting,
        clock=made.clock,
        public_url=made.public_url,
    )
