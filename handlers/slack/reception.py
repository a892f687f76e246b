"""Whose call it is, and the listeners of that workspace. Both doors, HTTP and the socket, lead here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import NotReady
from bot.ports import Later, Never
from handlers.slack.leaving import listen_for_leaving
from handlers.slack.listeners import Listeners
from handlers.slack.workspace import Workspace
from handlers.slack.workspaces import Workspaces


@dataclass(frozen=True, slots=True)
class Reception:
    """Hands a call to the workspace that it comes from; each has listeners of its own."""

    workspaces: Workspaces
    listeners_of: Callable[[Workspace], Listeners]
    _made: dict[str, tuple[Workspace, AsyncApp, Listeners]] = field(default_factory=dict)

    async def whose(self, call: AsyncBoltRequest) -> Workspace | None:
        """Return the workspace that a call comes from; None for one that is not ours. Raises `NotReady`."""
        try:
            return await self.workspaces.calling(call.context.team_id, call.context.enterprise_id)
        except (Later, Never) as error:
            raise NotReady("Slack does not say which workspace is ours.") from error

    async def dispatch(self, call: AsyncBoltRequest, workspace: Workspace) -> BoltResponse:
        """Let the workspace's listeners answer."""
        made = self._made.get(workspace.key)
        if made is None or made[0] is not workspace:  # installed anew
            listeners = self.listeners_of(workspace)
            bolt = _bolt(workspace)
            listeners.listen(bolt)
            listen_for_leaving(bolt, workspace, self.workspaces)
            made = self._made[workspace.key] = (workspace, bolt, listeners)
        return await made[1].async_dispatch(call)

    async def finish(self, app: web.Application) -> None:
        """Let the work in hand end before the server does."""
        await asyncio.gather(*(listeners.finish(app) for _, _, listeners in self._made.values()))


def _bolt(workspace: Workspace) -> AsyncApp:
    async def authorize() -> AuthorizeResult:
        # Given, so that Bolt makes no auth.test of its own between a click and its answer. Whose call it is
        # was settled by the door.
        ours = await workspace.installation()
        return AuthorizeResult(
            enterprise_id=ours.enterprise,
            team_id=ours.team,
            bot_user_id=ours.bot_user,
            bot_id=ours.bot,
            bot_token=workspace.client.token,
        )

    return AsyncApp(
        name="assent",
        signing_secret="",  # the door verifies, on our clock
        request_verification_enabled=False,
        ssl_check_enabled=False,
        client=AsyncWebClient(base_url=workspace.client.base_url, retry_handlers=[]),
        authorize=authorize,
    )
