"""Callbacks into an aiohttp application: `install(app, executor)`. Needs the extra `assent[aiohttp]`."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from assent.executor import BODY_MAX, Executor


def install(app: web.Application, executor: Executor, path: str = "/assent") -> None:
    """Take callbacks at `path`, and work on them as long as the application runs."""

    async def receive(request: web.Request) -> web.Response:
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > BODY_MAX:
                return web.Response(status=413)
        return web.Response(status=await executor.hear(request.headers.items(), bytes(body)))

    async def work(_: web.Application) -> AsyncIterator[None]:
        async with executor.working():
            yield

    app.router.add_post(path, receive)
    app.cleanup_ctx.append(work)
