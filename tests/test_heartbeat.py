"""The outside heartbeat: pinged while all is well, through the egress gate, and silent else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.app import built
from bot.app.heartbeat import Heartbeat
from bot.app.server import listening
from bot.doctor.heartbeat import check_heartbeat
from handlers.api.health import Check
from handlers.executor import egress
from tests.fixtures.policy import write_policy
from tests.world import settings_at


class Watchdog:
    """A service elsewhere that waits for pings."""

    def __init__(self) -> None:
        self.heard = 0
        self.answers = 200
        self.url = ""

    async def ping(self, _: web.Request) -> web.Response:
        self.heard += 1
        return web.Response(status=self.answers, headers={"Location": self.url})


@pytest.fixture
async def watchdog() -> AsyncIterator[Watchdog]:
    dog, app = Watchdog(), web.Application()
    app.router.add_get("/s3cret", dog.ping)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    dog.url = f"http://127.0.0.1:{runner.addresses[0][1]}/s3cret"
    yield dog
    await runner.cleanup()


async def well() -> str | None:
    return None


async def ill() -> str | None:
    return "the sweep went silent"


async def failing() -> str | None:
    raise RuntimeError("s3cret")


async def beaten(url: str, checks: Mapping[str, Check], gate: str = "inward") -> str:
    """Beat once; return the log."""
    async with egress.session(getattr(egress, gate)) as outward:
        with capture_logs() as logged:
            await Heartbeat(SecretStr(url), checks, outward).beat()
    return str(logged)


async def test_it_is_pinged_while_every_check_is_well(watchdog: Watchdog) -> None:
    assert await beaten(watchdog.url, {"database": well, "loops": well}) == "[]"
    assert watchdog.heard == 1


@pytest.mark.parametrize("sick", [ill, failing])
async def test_it_is_silent_while_one_check_is_not(watchdog: Watchdog, sick: Check) -> None:
    said = await beaten(watchdog.url, {"database": well, "loops": sick})
    assert watchdog.heard == 0
    assert "heartbeat.withheld" in said
    assert "['loops']" in said


async def test_it_goes_through_the_gate(watchdog: Watchdog) -> None:
    said = await beaten(watchdog.url, {}, "outward")
    assert watchdog.heard == 0
    assert "heartbeat.unheard" in said


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_watchdog_that_does_not_take_it_is_logged_without_its_address(
    watchdog: Watchdog, status: int
) -> None:
    watchdog.answers = status
    said = await beaten(watchdog.url, {})
    assert watchdog.heard == 1  # a redirect is not followed
    assert f"{status}" in said
    assert "s3cret" not in said


async def test_a_running_server_beats_and_the_doctor_tries_it(
    watchdog: Watchdog, sqlite_url: str, tmp_path: Path
) -> None:
    policy = write_policy(tmp_path / "policy")
    options = settings_at(sqlite_url, tmp_path, policy, heartbeat_url=SecretStr(watchdog.url))
    async with built(options) as running, listening(running):
        assert running.loops.heartbeat is not None
        await asyncio.sleep(0.2)
        await running.loops.heartbeat()
    assert watchdog.heard == 1
    assert [finding.level async for finding in check_heartbeat(options)] == ["good"]
    watchdog.answers = 500
    assert [finding.level async for finding in check_heartbeat(options)] == ["bad"]
