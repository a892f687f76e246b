"""Socket Mode: the same calls over a connection that we open, for installs without a public address.

The connection is Slack's proof of who calls; the payload must still come from a workspace of ours. The SDK's
client reconnects by itself, and has been seen to stop doing so: a watchdog on the monotonic clock looks for
signs of life, and opens a new connection when there are none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import structlog
from aiohttp import WSMessage, web
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.adapter.socket_mode.internals import build_headers
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import NotReady
from handlers.slack.reception import Reception
from handlers.slack.workspace import CALL_TIMEOUT

PING_EVERY = 5.0  # seconds
SILENCE_MAX = 30.0  # seconds without a pong; the SDK itself should have reconnected after 20
CLOSE_WITHIN = 3.0  # seconds

log = structlog.get_logger(__name__)


class Socket:
    """Takes Slack's calls from a web socket."""

    def __init__(self, app_token: str, api_url: str) -> None:
        self._app_token = app_token
        self._web = AsyncWebClient(
            base_url=api_url.rstrip("/") + "/", timeout=CALL_TIMEOUT, retry_handlers=[]
        )
        self._sdk: SocketModeClient | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._pong: float | None = None  # the stamp of the last one, as the SDK keeps it
        self._alive_at = 0.0  # on the event loop's clock

    def taking(self, reception: Reception) -> Callable[[web.Application], AsyncIterator[None]]:
        """Return the aiohttp cleanup context that keeps connected while the app runs."""

        async def connection(_app: web.Application) -> AsyncIterator[None]:
            await self._open(reception)
            watchdog = asyncio.create_task(self._watch(reception))
            yield
            watchdog.cancel()
            await asyncio.gather(watchdog, return_exceptions=True)
            await self._close()

        return connection

    async def problem(self) -> str | None:
        """Say for how long Slack has been silent; None while there are signs of life."""
        silent = asyncio.get_running_loop().time() - self._alive_at
        return f"Slack's socket has been silent for {silent:.0f} s" if silent > SILENCE_MAX else None

    async def _open(self, reception: Reception) -> None:
        async def take(client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
            await _take(client, request, reception)

        sdk = SocketModeClient(self._app_token, web_client=self._web, ping_interval=PING_EVERY)
        sdk.socket_mode_request_listeners.append(take)
        sdk.on_message_listeners.append(self._heard)
        self._sdk = sdk
        self._alive_at = asyncio.get_running_loop().time()
        # Not awaited: it tries for ever, and the server must start while Slack is away.
        self._connecting = asyncio.create_task(sdk.connect())  # type: ignore[no-untyped-call]  # the SDK's

    async def _heard(self, _message: WSMessage) -> None:
        self._alive_at = asyncio.get_running_loop().time()

    async def _close(self) -> None:
        sdk, connecting = self._sdk, self._connecting
        if sdk is None or connecting is None:
            return
        connecting.cancel()
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await sdk.close()  # type: ignore[no-untyped-call]  # the SDK's
        await asyncio.gather(connecting, return_exceptions=True)

    async def _watch(self, reception: Reception) -> None:
        loop = asyncio.get_running_loop()
        silent_since = loop.time()
        while True:
            await asyncio.sleep(PING_EVERY / 2)
            pong = self._sdk.last_ping_pong_time if self._sdk else None
            if None not in (pong, self._pong) and pong != self._pong:  # the first is but a ping's
                self._alive_at = loop.time()
            self._pong = pong
            if loop.time() - max(self._alive_at, silent_since) > SILENCE_MAX:
                log.warning("slack.socket_stalled", silent=round(loop.time() - self._alive_at))
                alive_at = self._alive_at
                await self._close()
                await self._open(reception)
                self._alive_at = alive_at  # opened is not yet alive
                silent_since = loop.time()


async def _take(client: AsyncBaseSocketModeClient, request: SocketModeRequest, reception: Reception) -> None:
    call = AsyncBoltRequest(mode="socket_mode", body=request.payload, headers=build_headers(request))
    try:
        workspace = await reception.whose(call)
    except NotReady:
        workspace = None
    if workspace is None:
        log.warning("slack.other_workspace", team=call.context.team_id)
        return  # not acknowledged: the clicker sees that nothing happened
    answer = await reception.dispatch(call, workspace)
    await send_async_response(client, request, answer, start_time=0)
