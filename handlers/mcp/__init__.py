"""The Model Context Protocol over streamable HTTP, at `/mcp`: an agent's approvals as tools.

It is spoken here on aiohttp: the protocol's own SDK brings a second web server and its own event-loop layer,
which every start would pay for. The SDK's client is what the tests hold it against.
"""

from __future__ import annotations

from aiohttp import web

from bot.ports import Clock
from bot.services.granting import Granting
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from handlers.mcp.asking import Asking
from handlers.mcp.calls import Calls
from handlers.mcp.endpoint import Endpoint
from handlers.mcp.methods import Methods
from handlers.mcp.prompting import Prompting
from handlers.mcp.tasks import Tasks
from handlers.mcp.waiting import Waiting
from handlers.pace import Pace
from handlers.polls import Polls

PATH = "/mcp"


def install(
    app: web.Application,
    *,
    knowing: Knowing,
    intake: Intake,
    granting: Granting,
    clock: Clock,
    public_url: str,
) -> None:
    """Add the endpoint to `app`; `public_url` is the one origin that a browser may call from."""
    pace, waiting = Pace.of(app, clock), Waiting(intake, Polls.of(app), clock)
    asking = Asking(intake, pace, public_url)
    prompting = Prompting(knowing, intake, granting, waiting, pace)
    served = Methods(Calls(asking, prompting, waiting), Tasks(asking, waiting))
    app.router.add_post(PATH, Endpoint(knowing, served, pace, public_url).post)
