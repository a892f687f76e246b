"""Long polls: cheap, and ended by shutdown."""

import asyncio

import pytest
from aiohttp import web

from bot.core.errors import TooMany
from handlers.polls import POLLS_MAX, Polls


async def test_what_is_awaited_is_returned() -> None:
    assert await Polls().until(asyncio.sleep(0, "found"), "agent a") == "found"


async def test_shutdown_ends_a_thousand_polls_at_once() -> None:
    polls = Polls()
    waiting = [asyncio.create_task(polls.until(asyncio.sleep(60, "found"), "agent a")) for _ in range(1000)]
    await asyncio.sleep(0)
    assert len(polls) == 1000
    await polls.close(web.Application())
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == [None] * 1000
    assert len(polls) == 0


async def test_a_poll_that_begins_after_shutdown_ends_at_once() -> None:
    polls = Polls()
    await polls.close(web.Application())
    async with asyncio.timeout(5):
        assert await polls.until(asyncio.sleep(60, "found"), "agent a") is None


async def test_a_client_that_leaves_frees_its_poll() -> None:
    polls = Polls()
    waiting = asyncio.create_task(polls.until(asyncio.sleep(60), "agent a"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(polls) == 0


async def test_a_timeout_of_what_is_awaited_is_not_taken_for_shutdown() -> None:
    async def late() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await Polls().until(late(), "agent a")


async def test_a_caller_waits_at_so_many_polls_and_takes_none_from_others() -> None:
    polls = Polls()
    many = [asyncio.create_task(polls.until(asyncio.sleep(60), "agent a")) for _ in range(POLLS_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(TooMany) as no:
        await polls.until(asyncio.sleep(60), "agent a")
    assert no.value.retry_after
    assert await polls.until(asyncio.sleep(0, "found"), "agent b") == "found"
    many[0].cancel()
    await asyncio.wait([many[0]])
    assert await polls.until(asyncio.sleep(0, "found"), "agent a") == "found"
    await polls.close(web.Application())
    await asyncio.gather(*many[1:])
