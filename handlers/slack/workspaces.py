"""The Slack workspaces that we are installed in: one by its token, or many by OAuth (see `installed`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import aiohttp
from aiohttp import web

from bot.ports import Never
from handlers.slack.workspace import CALL_TIMEOUT, Workspace


class Workspaces(Protocol):
    """Finds the workspace that is meant. Each look-up may raise `Later` or `Never`."""

    async def calling(self, team: str | None, enterprise: str | None) -> Workspace | None:
        """Return the workspace that a payload comes from; None for one that we are not installed in."""
        ...

    async def named(self, team: str | None) -> Workspace:
        """Return the workspace that an address or an account names, or the only one; raises `Never`."""
        ...

    async def at(self, place: str) -> tuple[Workspace, str]:
        """Return the workspace and the channel of a place; raises `Never`."""
        ...

    async def left(self, workspace: Workspace) -> None:
        """We are installed there no more, says Slack."""
        ...

    def session(self, app: web.Application) -> AsyncIterator[None]:
        """Keep connections to Slack open while the app runs (an aiohttp cleanup context)."""
        ...


class TheOne:
    """The workspace of one bot token."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    async def calling(self, team: str | None, enterprise: str | None) -> Workspace | None:
        """Return it for its own payloads."""
        ours = (await self.workspace.installation()).is_ours(team, enterprise)
        return self.workspace if ours else None

    async def named(self, team: str | None) -> Workspace:
        """Return it, unless another one is named."""
        installation = await self.workspace.installation() if team is not None else None
        if installation is not None and installation.team not in (None, team):
            raise Never(f"Slack: the app is not installed in {team}")
        return self.workspace

    async def at(self, place: str) -> tuple[Workspace, str]:
        """Return it, and the channel."""
        return self.workspace, place.rpartition("/")[2]

    async def left(self, workspace: Workspace) -> None:
        """Do nothing: without its token Slack shuts us out, and everything waits for the next one."""

    async def session(self, _app: web.Application) -> AsyncIterator[None]:
        """Keep connections to Slack open while the app runs."""
        async with slack_session() as session:
            self.workspace.client.session = session
            yield
            self.workspace.client.session = None


def slack_session() -> aiohttp.ClientSession:
    """Return a session for calls of the Web API."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT))
