"""Socket Mode: the same clicks without a public address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from bot.app.parts import TEMPLATES
from handlers import slack as surface
from handlers.render import Renderer
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import APP_TOKEN
from tests.fakes.slack_views import CardView
from tests.world import World

ANA, DI = "U0ANA", "U0DI"


@pytest.fixture(autouse=True)
async def socket(world: World, slack: FakeSlack) -> AsyncIterator[None]:
    """A second replica of that world, which Slack reaches over its socket."""
    made = world.running.parts
    assert made.usergroups is not None
    app = web.Application()
    surface.install(
        app,
        workspaces=surface.TheOne(surface.Workspace(slack.state.token, slack.api_url, made.clock)),
        signing_secret=None,
        socket=surface.Socket(APP_TOKEN, slack.api_url),
        public_url=made.public_url,
        reviewing=made.reviewing,
        viewing=made.viewing,
        entering=made.entering,
        policies=made.policies,
        usergroups=made.usergroups,
        store=made.store,
        clock=made.clock,
        renderer=Renderer(TEMPLATES),
    )
    runner = web.AppRunner(app)
    await runner.setup()
    async with asyncio.timeout(5):
        await slack.sockets.connected.wait()
    yield
    await runner.cleanup()


async def test_a_click_over_the_socket_decides(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    await card.press("Approve", ANA)
    assert (await world.agent.sees(request_))["state"] == "approved"
    await world.settle()
    assert card.buttons == ["View full"]
    assert card.thread


async def test_refusals_forms_and_commands_work_over_the_socket(
    slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    await card.press("Approve", DI)
    assert "Only approvers" in await slack.whisper(DI)
    await card.press("Deny", DI)
    form = await slack.form(DI)
    await form.submit("no")
    assert "Only approvers" in form.errors
    assert (await slack.type(ANA, "help", "#ops")).json()["response_type"] == "ephemeral"


async def test_another_workspaces_click_is_not_acknowledged(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    click = slack.pressed(card, "Approve", ANA) | {"team": {"id": "T0OTHER"}}
    assert (await slack.send(click)).status == 0
    assert (await world.agent.sees(request_))["state"] == "pending"
