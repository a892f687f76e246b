"""The HTTP API of agents, executors and approvers: exactly the routes of the OpenAPI document."""

from __future__ import annotations

from functools import cache

import orjson
from aiohttp import web

from bot.ports import Clock, Signer
from bot.services.granting import Granting
from bot.services.intake import Intake
from bot.services.knowing import Knowing
from bot.services.reviewing import Breaking, Reviewing
from bot.services.viewing import Viewing
from handlers.api.agents import Agents
from handlers.api.answers import Answers
from handlers.api.approvers import Approvers
from handlers.api.executors import Executors
from handlers.api.glass import Glass
from handlers.api.openapi import document
from handlers.pace import Pace
from handlers.polls import Polls

KEYS_MAX_AGE = 300  # seconds a verifier may keep our public keys; rotation keeps the old one in longer


def install(
    app: web.Application,
    *,
    knowing: Knowing,
    intake: Intake,
    granting: Granting,
    reviewing: Reviewing,
    breaking: Breaking,
    viewing: Viewing,
    clock: Clock,
    signer: Signer,
    public_url: str,
) -> Polls:
    """Add the API's routes to `app`; returns the long polls under way, for the metrics.

    Client disconnects free their polls when the runner has `handler_cancellation=True`.
    """
    answers, polls = Answers(public_url.rstrip("/"), signer), Polls.of(app)
    pace = Pace.of(app, clock)
    agents = Agents(knowing, intake, answers, pace, polls)
    executors = Executors(knowing, granting, answers, pace, polls)
    approvers = Approvers(knowing, reviewing, viewing, answers, pace)
    app.router.add_post("/v1/requests", agents.submit)
    app.router.add_get("/v1/requests", agents.own)
    app.router.add_get("/v1/requests/{id}", agents.show)
    app.router.add_delete("/v1/requests/{id}", agents.cancel)
    app.router.add_post("/v1/requests/{id}/answers", agents.answer)
    app.router.add_post("/v1/grants/{jti}/redeem", executors.redeem)
    app.router.add_post("/v1/requests/{id}/outcome", executors.report)
    app.router.add_get("/v1/executions", executors.executions)
    app.router.add_post("/v1/requests/{id}/reviews", approvers.review)
    app.router.add_post("/v1/requests/{id}/questions", approvers.ask)
    app.router.add_post("/v1/requests/{id}/looks", approvers.look)
    app.router.add_post("/v1/requests/{id}/delegations", approvers.delegate)
    app.router.add_delete("/v1/requests/{id}/delegations", approvers.reclaim)
    app.router.add_get("/v1/inbox", approvers.inbox)
    glass = Glass(knowing, breaking, viewing, answers, pace)
    app.router.add_post("/v1/requests/{id}/break-glass", glass.break_glass)
    app.router.add_post("/v1/requests/{id}/glass-review", glass.review)
    _add_documents(app, signer)
    return polls


def _add_documents(app: web.Application, signer: Signer) -> None:
    @cache
    def described() -> bytes:  # when somebody asks: it takes longer than all else here
        return orjson.dumps(document())

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(body=described(), content_type="application/json")

    def keys(body: object, content_type: str) -> web.Response:
        headers = {"Content-Type": content_type, "Cache-Control": f"public, max-age={KEYS_MAX_AGE}"}
        return web.Response(body=orjson.dumps(body), headers=headers)

    async def jwks(_: web.Request) -> web.Response:
        return keys(signer.jwks(), "application/jwk-set+json")

    async def webhook_keys(_: web.Request) -> web.Response:
        return keys({"keys": signer.webhook_keys()}, "application/json")

    app.router.add_get("/openapi.json", openapi)
    app.router.add_get("/.well-known/jwks.json", jwks)
    app.router.add_get("/.well-known/webhook-keys.json", webhook_keys)
