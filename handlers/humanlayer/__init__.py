"""What HumanLayer's SDKs call, under `/humanlayer/v1`: for those who built on a service that is gone."""

from __future__ import annotations

from aiohttp import web

from bot.ports import Clock
from bot.services.granting import Granting
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from handlers.humanlayer.calls import Calls
from handlers.pace import Pace
from handlers.polls import Polls

PREFIX = "/humanlayer/v1"


def install(
    app: web.Application, *, knowing: Knowing, intake: Intake, granting: Granting, clock: Clock
) -> None:
    """Add the routes that an agent needs to `app`."""
    calls = Calls(knowing, intake, granting, Pace.of(app, clock), Polls.of(app))
    app.router.add_post(f"{PREFIX}/function_calls", calls.add_function)
    app.router.add_get(f"{PREFIX}/function_calls/{{call_id}}", calls.get_function)
    app.router.add_post(f"{PREFIX}/contact_requests", calls.add_contact)
    app.router.add_get(f"{PREFIX}/contact_requests/{{call_id}}", calls.get_contact)
