"""The Bot Service between the Playground and us, as a process: signs what passes, publishes its keys.

python -m tests.fakes.teams_proxy PORT http://127.0.0.1:8080/teams/messages
"""

import asyncio
import sys

import aiohttp
from aiohttp import web

from tests.fakes.teams_connector import Connector
from tests.fakes.teams_state import APP_ID, State
from tests.fakes.teams_tokens import Signer


def proxy(app_url: str) -> web.Application:
    """Return the application that signs and forwards to `app_url`."""
    signer = Signer(APP_ID)
    app = web.Application()
    Connector(State(), signer).install(app)

    async def forward(request: web.Request) -> web.Response:
        body = await request.json()
        headers = {"Authorization": f"Bearer {signer.token(body['serviceUrl'])}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(app_url, json=body, headers=headers) as answer,
        ):
            content = await answer.read()
            return web.Response(body=content, status=answer.status, content_type=answer.content_type)

    app.router.add_post("/teams/messages", forward)
    return app


async def serve(port: int, app_url: str) -> None:
    """Serve until the process ends."""
    runner = web.AppRunner(proxy(app_url), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
