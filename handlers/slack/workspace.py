"""The one Slack workspace we are installed in: its client, and who we are there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports import Clock
from handlers.slack.pace import Pace
from handlers.slack.troubles import repeatable

CALL_TIMEOUT = 10  # seconds for one call of the Web API


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the app is installed, and its bot there, by Slack's ids."""

    team: str
    enterprise: str | None
    bot_user: str
    bot: str

    def is_ours(self, team: str | None, enterprise: str | None) -> bool:
        """Say whether a payload that names this team and organisation comes from our workspace."""
        return team == self.team and (enterprise or None) in (None, self.enterprise)


class Workspace:
    """Slack's Web API with our bot token, and how fast we may call it."""

    def __init__(self, bot_token: str, api_url: str, clock: Clock) -> None:
        # The SDK's default retry posts twice when the connection dies after Slack acted: the outbox retries.
        self.client = AsyncWebClient(
            token=bot_token, base_url=api_url.rstrip("/") + "/", timeout=CALL_TIMEOUT, retry_handlers=[]
        )
        self.bot_token = bot_token
        self.pace = Pace(clock)
        self._installation: Installation | None = None

    async def installation(self) -> Installation:
        """Return whose bot token this is; asked once. Raises `Later` or `Never`."""
        if self._installation is None:
            with repeatable():
                said = await self.client.auth_test()
                self._installation = Installation(
                    team=str(said["team_id"]),
                    enterprise=said.get("enterprise_id") or None,
                    bot_user=str(said["user_id"]),
                    bot=str(said["bot_id"]),
                )
        return self._installation

    async def session(self, _app: web.Application) -> AsyncIterator[None]:
        """Keep connections to Slack open while the app runs (an aiohttp cleanup context)."""
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            self.client.session = session
            yield
            self.client.session = None
