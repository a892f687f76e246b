"""The Agent Approval Protocol, version 1: the door of agent frameworks, under `/api/aap`."""

from __future__ import annotations

from aiohttp import ClientSession, web

from bot.ports import Clock, Ids
from bot.services.granting import Granting
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from bot.services.provisioning import Provisioning
from handlers.aap.errors import guard
from handlers.aap.instances import Instances
from handlers.aap.notices import resolved
from handlers.aap.requests import Requests
from handlers.aap.verification import Verification
from handlers.pace import Pace
from handlers.polls import Polls

PREFIX = "/api/aap"

__all__ = ["PREFIX", "install", "resolved"]


def install(
    app: web.Application,
    *,
    knowing: Knowing,
    intake: Intake,
    granting: Granting,
    provisioning: Provisioning,
    outward: ClientSession,
    clock: Clock,
    ids: Ids,
) -> None:
    """Add the protocol's routes to `app`; `outward` is the session behind the egress gate."""
    pace = Pace.of(app, clock)
    requests = Requests(knowing, intake, granting, pace, Polls.of(app))
    instances = Instances(knowing, provisioning, Verification(outward, clock, ids), pace)
    behind = web.Application(middlewares=[guard])
    behind.router.add_post("/v1/requests", requests.submit)
    behind.router.add_get("/v1/requests/{id}", requests.show)
    behind.router.add_delete("/v1/requests/{id}", requests.cancel)
    behind.router.add_post("/v1/requests/{id}/consume", requests.consume)
    behind.router.add_post("/v1/requests/{id}/outcome", requests.report)
    behind.router.add_post("/v1/instances", instances.make)
    app.add_subapp(PREFIX, behind)
