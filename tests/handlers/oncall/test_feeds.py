"""Calendars are read over HTTP or from files, kept for a while, and then nobody is known to be on call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from handlers.executor import egress
from handlers.oncall import EVERY, KEPT, Feeds
from tests.fixtures.clock import FakeClock
from tests.handlers.oncall.calendars import calendar, shift

ROTA = calendar(shift("ana@example.com", "20260101T000000Z", "20270101T000000Z"))
ANA = frozenset({"ana@example.com"})
MOMENT = timedelta(seconds=1)


class Server:
    """A calendar's server: answers what it is told to."""

    def __init__(self) -> None:
        self.body, self.status, self.headers = ROTA, 200, dict[str, str]()
        self.asked, self.url = 0, ""
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def serve(self, _request: web.Request) -> web.Response:
        self.asked += 1
        await self.hangs.wait()
        return web.Response(body=self.body, status=self.status, headers=self.headers)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served, app = Server(), web.Application()
    app.router.add_get("/rota.ics", served.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/rota.ics"
    yield served
    await runner.cleanup()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def feeds(clock: FakeClock, tmp_path: Path) -> Feeds:
    return Feeds(tmp_path, lambda: egress.session(egress.inward), clock)


async def test_a_calendar_is_read_again_after_five_minutes(
    feeds: Feeds, server: Server, clock: FakeClock
) -> None:
    assert await feeds.on_call(server.url) == ANA
    clock.advance(EVERY - MOMENT)
    server.body = calendar()
    assert await feeds.on_call(server.url) == ANA
    assert server.asked == 1
    clock.advance(MOMENT)
    assert await feeds.on_call(server.url) == frozenset()  # it answers, and nobody is on call
    assert server.asked == 2


async def test_who_asks_at_once_waits_for_one_read(feeds: Feeds, server: Server) -> None:
    assert await asyncio.gather(*(feeds.on_call(server.url) for _ in range(20))) == [ANA] * 20
    assert server.asked == 1


@pytest.mark.parametrize("kept", [KEPT, KEPT + MOMENT])
async def test_what_was_read_is_good_for_half_an_hour_and_no_longer(
    feeds: Feeds, server: Server, clock: FakeClock, kept: timedelta
) -> None:
    assert await feeds.on_call(server.url) == ANA
    server.status = 503
    clock.advance(kept)
    assert await feeds.on_call(server.url) == (ANA if kept == KEPT else None)
    assert feeds.problems == {server.url: "its server answers 503"}
    server.status = 200
    clock.advance(timedelta(minutes=1))
    assert await feeds.on_call(server.url) == ANA
    assert feeds.problems == {}


async def test_a_calendar_that_does_not_answer_is_not_asked_at_every_click(
    feeds: Feeds, server: Server, clock: FakeClock
) -> None:
    server.status = 500
    for _ in range(5):
        assert await feeds.on_call(server.url) is None
    assert server.asked == 1
    clock.advance(timedelta(seconds=30))
    await feeds.on_call(server.url)
    assert server.asked == 2


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (302, {"Location": "http://127.0.0.1/other.ics"}, b""),
        (200, {"Content-Encoding": "gzip"}, ROTA),
        (200, {}, ROTA + b" " * 1024 * 1024),
        (200, {}, b"<html>sign in</html>"),
        (204, {}, b""),
    ],
)
async def test_anything_but_a_plain_small_calendar_is_no_answer(
    feeds: Feeds, server: Server, status: int, headers: dict[str, str], body: bytes
) -> None:
    server.status, server.headers, server.body = status, headers, body
    assert await feeds.on_call(server.url) is None
    assert server.url in feeds.problems


async def test_a_calendar_that_hangs_holds_a_click_for_two_seconds_at_most(
    feeds: Feeds, server: Server
) -> None:
    server.hangs.clear()
    async with asyncio.timeout(4):
        assert await feeds.on_call(server.url) is None
    server.hangs.set()


async def test_a_calendar_inside_is_not_reached_through_the_gate(clock: FakeClock, server: Server) -> None:
    feeds = Feeds(Path(), lambda: egress.session(egress.outward), clock)
    assert await feeds.on_call(server.url) is None
    assert server.asked == 0


async def test_a_file_beside_the_bundle_is_a_calendar_too(feeds: Feeds, clock: FakeClock) -> None:
    assert await feeds.on_call("rota.ics") is None
    (feeds.folder / "rota.ics").write_bytes(ROTA)
    clock.advance(timedelta(seconds=30))
    assert await feeds.on_call("rota.ics") == ANA
