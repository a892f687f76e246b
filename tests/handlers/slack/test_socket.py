"""Socket Mode: the same clicks without a public address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.app.desk import desk_of
from bot.app.parts import TEMPLATES
from handlers import slack as surface
from handlers.pace import Pace
from handlers.render import Renderer
from handlers.slack.reception import Reception
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import APP_TOKEN
from tests.fakes.slack_views import CardView
from tests.fixtures.clock import FakeClock
from tests.fixtures.policy import write_policy
from tests.world import World, a_world

ANA, DI = "U0ANA", "U0DI"


async def loaded() -> None:
    """Read the policy again: nobody asks for it here."""


@pytest.fixture
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
        absences=made.absences,
        commands=desk_of(made, Pace(made.clock), loaded, None),
        linking=made.linking,
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
    socket: None, world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    await card.press("Approve", ANA)
    assert (await world.agent.sees(request_))["state"] == "approved"
    await world.settle()
    assert card.buttons == ["View full"]
    assert card.thread


async def test_refusals_forms_and_commands_work_over_the_socket(
    socket: None, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    await card.press("Approve", DI)
    assert "Only approvers" in await slack.whisper(DI)
    await card.press("Deny", DI)
    form = await slack.form(DI)
    await form.submit("no")
    assert "Only approvers" in form.errors
    assert (await slack.type(ANA, "help", "#ops")).json()["response_type"] == "ephemeral"


async def test_another_workspaces_click_is_not_acknowledged(
    socket: None, world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    click = slack.pressed(card, "Approve", ANA) | {"team": {"id": "T0OTHER"}}
    assert (await slack.send(click)).status == 0
    assert (await world.agent.sees(request_))["state"] == "pending"


# ── the watchdog ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the watchdog look every tenth of a second, and miss a pong after a half."""
    monkeypatch.setattr("handlers.slack.socket.PING_EVERY", 0.2)
    monkeypatch.setattr("handlers.slack.socket.SILENCE_MAX", 1.0)


@pytest.fixture
async def watched(hasty: None, slack: FakeSlack) -> AsyncIterator[surface.Socket]:
    """A socket of its own, connected."""
    slack.sockets.connected.clear()
    held = surface.Socket(APP_TOKEN, slack.api_url)
    workspaces = surface.TheOne(surface.Workspace(slack.state.token, slack.api_url, FakeClock()))
    app = web.Application()
    app.cleanup_ctx.append(held.taking(Reception(workspaces, no_listeners)))
    runner = web.AppRunner(app)
    await runner.setup()
    async with asyncio.timeout(5):
        await slack.sockets.connected.wait()
    yield held
    await runner.cleanup()


def no_listeners(workspace: surface.Workspace) -> Any:
    raise AssertionError("nobody calls")


async def test_signs_of_life_are_no_problem(watched: surface.Socket) -> None:
    await asyncio.sleep(1.5)
    assert await watched.problem() is None


async def test_a_stalled_connection_is_seen_and_opened_anew_though_the_sdk_has_given_up(
    watched: surface.Socket, slack: FakeSlack
) -> None:
    sdk = watched._sdk
    assert sdk is not None
    assert sdk.current_session_monitor is not None
    sdk.current_session_monitor.cancel()  # what reconnects
    sdk.auto_reconnect_enabled = False
    slack.sockets.connected.clear()
    assert slack.sockets.live is not None
    await slack.sockets.live.close()
    async with asyncio.timeout(10):
        await slack.sockets.connected.wait()
    assert watched._sdk is not sdk
    await asyncio.sleep(1.5)
    assert await watched.problem() is None


async def test_while_slack_stays_mute_it_is_told_and_tried_again(
    watched: surface.Socket, slack: FakeSlack
) -> None:
    slack.sockets.mute = True
    await asyncio.sleep(2.5)
    problem = await watched.problem()
    assert problem is not None
    assert "Slack's socket has been silent for" in problem
    slack.sockets.mute = False
    async with asyncio.timeout(10):
        while await watched.problem() is not None:  # noqa: ASYNC110  # another task's doing
            await asyncio.sleep(0.05)


async def test_readyz_tells_of_the_socket_and_stays_ready(
    slack: FakeSlack, sqlite_url: str, tmp_path: Path
) -> None:
    settings = {
        "slack_bot_token": slack.state.token,
        "slack_app_token": APP_TOKEN,
        "slack_api_url": slack.api_url,
    }
    async with (
        a_world(sqlite_url, tmp_path, write_policy(tmp_path / "policy"), **settings) as made,
        made.http.get(f"{made.url}/readyz") as answer,
    ):
        assert (await answer.json())["others"]["slack socket"] is None
