"""A bad network between a client and the server: answers get lost on the way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web


@dataclass
class Network:
    """Passes everything on, except for what it is told to lose."""

    upstream: str
    url: str = ""
    lose: dict[str, int] = field(default_factory=dict)  # end of a path → answers to cut off
    hang: str | None = None  # end of a path whose answers never come
    passed: list[str] = field(default_factory=list)

    async def carry(self, request: web.Request) -> web.StreamResponse:
        """Pass one request on, and perhaps its answer back."""
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        url = self.upstream + request.path_qs
        async with (
            aiohttp.ClientSession() as http,
            http.request(request.method, url, data=body, headers=headers) as answer,
        ):
            self.passed.append(f"{request.method} {request.path}")
            said = await answer.read()
            if self.hang is not None and request.path.endswith(self.hang):
                await asyncio.Event().wait()
            for end, left in self.lose.items():
                if left and request.path.endswith(end):
                    self.lose[end] -= 1
                    assert request.transport is not None
                    request.transport.abort()
                    return web.Response()
            kind = {"Content-Type": answer.headers["Content-Type"]}
            return web.Response(status=answer.status, body=said, headers=kind)


@asynccontextmanager
async def a_network(upstream: str) -> AsyncIterator[Network]:
    """Stand before a server."""
    network = Network(upstream)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", network.carry)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    network.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield network
    finally:
        await runner.cleanup()
