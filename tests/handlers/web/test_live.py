"""Server-sent events tell a page that it has changed, and nothing else."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.core.terms import Verdict
from tests.fixtures.clock import FakeClock
from tests.handlers.web.world import Browser, World, a_browser, signed_in, world_at


async def told(stream: aiohttp.ClientResponse) -> str:
    """Return the next event's data."""
    async with asyncio.timeout(5):
        while (line := await stream.content.readline()) and not line.startswith(b"data: "):
            pass
    return line.removeprefix(b"data: ").decode().strip()


async def events(stack: AsyncExitStack, browser: Browser, path: str) -> aiohttp.ClientResponse:
    return await stack.enter_async_context(browser.session.get(browser.url + path))


async def test_a_page_is_told_its_state_at_once_and_after_each_change(
    world: World, ana: Browser, stack: AsyncExitStack
) -> None:
    request = await world.asked()
    stream = await events(stack, ana, f"/events?request={request.id}")

    assert stream.content_type == "text/event-stream"
    assert await told(stream) == "1"
    await world.reviewed(request, "bo", Verdict.COMMENT, "hm")
    assert await told(stream) == "2"


async def test_the_inboxs_state_is_the_pages_own(world: World, ana: Browser, stack: AsyncExitStack) -> None:
    stream = await events(stack, ana, "/events")
    first = await told(stream)
    assert f'data-state="{first}"' in (await ana.get("/")).text

    await world.asked()
    second = await told(stream)

    assert second != first
    assert f'data-state="{second}"' in (await ana.get("/")).text


async def test_what_others_may_see_is_not_even_hinted_at(world: World, stack: AsyncExitStack) -> None:
    di = await signed_in(stack, world, "di")
    request = await world.asked()
    stream = await events(stack, di, "/events")
    await told(stream)

    await world.reviewed(request, "bo", Verdict.COMMENT, "hm")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await told(stream)
    assert (await di.get(f"/events?request={request.id}")).status == 404
    assert (await di.get("/events?request=junk")).status == 404


async def test_events_are_for_who_is_signed_in(world: World, stack: AsyncExitStack) -> None:
    stranger = await a_browser(stack, world)

    assert "/enter" in (await stranger.get("/events")).url


async def test_a_stream_ends_with_its_session(
    world: World, ana: Browser, stack: AsyncExitStack, clock: FakeClock
) -> None:
    request = await world.asked()
    stream = await events(stack, ana, f"/events?request={request.id}")
    assert await told(stream) == "1"

    clock.advance(timedelta(hours=12))
    await world.parts.sweeping.sweep()  # the request expires, which the page would like to know
    async with asyncio.timeout(5):
        rest = await stream.content.read()

    assert b"data" not in rest


async def test_an_open_stream_does_not_hold_up_the_servers_end(tmp_path: Path, stack: AsyncExitStack) -> None:
    async with world_at(tmp_path / "world") as world:
        ana = await signed_in(stack, world, "ana")
        await told(await events(stack, ana, "/events"))
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 3
