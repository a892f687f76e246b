"""Socket Mode: the same calls over a connection that we open, for installs without a public address.

The connection is Slack's proof of who calls; the payload must still come from our workspace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.adapter.socket_mode.internals import build_headers
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from handlers.slack.workspace import Workspace

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Socket:
    """Takes Slack's calls from a web socket."""

    app_token: str
    workspace: Workspace
    bolt: AsyncApp

    async def connection(self, _app: web.Application) -> AsyncIterator[None]:
        """Keep connected while the app runs (an aiohttp cleanup context); the client reconnects by itself."""
        client = SocketModeClient(self.app_token, web_client=self.workspace.client)
        client.socket_mode_request_listeners.append(self._take)
        # Not awaited: it tries for ever, and the server must start while Slack is away.
        connecting = asyncio.create_task(client.connect())  # type: ignore[no-untyped-call]  # the SDK's
        yield
        connecting.cancel()
        await client.close()  # type: ignore[no-untyped-call]  # the SDK's
        await asyncio.gather(connecting, return_exceptions=True)

    async def _take(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        call = AsyncBoltRequest(mode="socket_mode", body=request.payload, headers=build_headers(request))
        installation = await self.workspace.installation()
        if not installation.is_ours(call.context.team_id, call.context.enterprise_id):
            log.warning("slack.other_workspace", team=call.context.team_id)
            return  # not acknowledged: the clicker sees that nothing happened
        answer = await self.bolt.async_dispatch(call)
        await send_async_response(client, request, answer, start_time=0)
