"""Slack's end of Socket Mode: calls go out in envelopes, acknowledgements come back."""

import asyncio
import json
from contextlib import suppress

import aiohttp
from aiohttp import web

from tests.fakes.slack_state import Json, State
from tests.fakes.slack_views import Answer

KINDS = {
    "event_callback": "events_api",
    "block_actions": "interactive",
    "view_submission": "interactive",
    "view_closed": "interactive",
}


class Sockets:
    """Holds the app's connection."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.live: web.WebSocketResponse | None = None
        self.connected = asyncio.Event()
        self.mute = False  # take connections and say nothing, not even a pong
        self.waiting: dict[str, asyncio.Future[Json]] = {}

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Take a connection, and hand on what is acknowledged over it."""
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        self.live = socket
        self.connected.set()
        if not self.mute:
            await socket.send_json({"type": "hello", "num_connections": 1})
        async for message in socket:
            if message.type is aiohttp.WSMsgType.PING and not self.mute:
                await socket.pong(message.data)
            if message.type is aiohttp.WSMsgType.TEXT and message.data.startswith("{"):
                said = json.loads(message.data)
                self.waiting.pop(said["envelope_id"]).set_result(said.get("payload") or {})
        return socket

    async def send(self, payload: Json) -> Answer:
        """Send a call, and wait as long as Slack does for its acknowledgement."""
        assert self.live is not None, "the app is not connected"
        envelope = f"envelope-{self.state.next()}"
        kind = KINDS.get(payload.get("type", ""), "slash_commands")
        loop = asyncio.get_running_loop()
        before = loop.time()
        acknowledged = self.waiting[envelope] = loop.create_future()
        await self.live.send_json(
            {"envelope_id": envelope, "type": kind, "accepts_response_payload": True, "payload": payload}
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(3):
                return Answer(200, json.dumps(await acknowledged), loop.time() - before)
        return Answer(0, "", loop.time() - before)

    async def close(self) -> None:
        """Hang up."""
        if self.live is not None:
            await self.live.close()
