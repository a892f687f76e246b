"""The line to Assent against servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from assent import Refused, Unreachable
from assent.line import Line

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def _serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _call(url: str, patience: float = 0.0) -> object:
    return await asyncio.to_thread(Line(url, "key").call, "GET", "/x", patience=patience)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with _serving(handler) as url:
        with pytest.raises(Refused, match="elsewhere"):
            await _call(url, patience=5)
    assert seen == ["/x"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"a": 1, "a": 2}', b"\xff", b"[" * 100_000])
async def test_what_is_no_assent_is_said_to_be_none(body: bytes) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body)

    async with _serving(handler) as url:
        with pytest.raises(Refused, match="no JSON"):
            await _call(url)


async def test_an_endless_answer_is_not_read() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" " * 65536)
        return response

    async with _serving(handler) as url:
        with pytest.raises(Unreachable, match="too long"):
            await _call(url)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_what_may_get_better_is_tried_again(status: int) -> None:
    left = [status, status]

    async def handler(_: web.Request) -> web.Response:
        if left:
            return web.json_response({}, status=left.pop(), headers={"Retry-After": "0"})
        return web.json_response({"good": True})

    async with _serving(handler) as url:
        assert await _call(url, patience=5) == {"good": True}


async def test_retry_after_is_believed_and_patience_ends() -> None:
    tries: list[int] = []

    async def handler(_: web.Request) -> web.Response:
        tries.append(1)
        return web.json_response({}, status=503, headers={"Retry-After": "3600"})

    async with _serving(handler) as url:
        with pytest.raises(Unreachable, match="503"):
            await _call(url, patience=30)
    assert len(tries) == 1


async def test_an_answer_cut_off_is_no_answer() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"a": 1}')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with _serving(handler) as url:
        with pytest.raises(Unreachable):
            await _call(url)
