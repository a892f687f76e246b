"""The bare aiohttp handler that the intake is held against: `python -m bench.bare PORT`.

It reads the same body, parses it with orjson, and answers with a plain Response on uvloop: the fastest
that aiohttp does, and nothing of ours.
"""

from __future__ import annotations

import asyncio
import sys

import orjson
import uvloop
from aiohttp import web


async def asked(request: web.Request) -> web.Response:
    """Take a body."""
    body = orjson.loads(await request.read())
    return web.Response(
        body=orjson.dumps({"action": body["action"]["name"], "state": "pending"}),
        status=202,
        content_type="application/json",
    )


async def alive(_: web.Request) -> web.Response:
    """Say so."""
    return web.Response(text="alive")


async def main(port: int) -> None:
    """Serve for ever."""
    app = web.Application()
    app.router.add_post("/v1/requests", asked)
    app.router.add_get("/livez", alive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(main(int(sys.argv[1])))
