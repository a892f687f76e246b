"""A Slack workspace that we are installed in, or a whole organisation: its client, and who we are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from bot.core.terms import Json
from bot.ports import Clock
from handlers.slack.pace import Pace
from handlers.slack.troubles import repeatable

CALL_TIMEOUT = 10  # seconds for one call of the Web API


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the app is installed, and its bot there, by Slack's ids.

    Without a team it is installed in every workspace of the organisation (Enterprise Grid).
    """

    team: str | None
    enterprise: str | None
    bot_user: str
    bot: str

    def is_ours(self, team: str | None, enterprise: str | None) -> bool:
        """Say whether a payload that names this team and organisation comes from where we are installed."""
        if self.team is None:
            return self.enterprise is not None and enterprise == self.enterprise
        return team == self.team and (enterprise or None) in (None, self.enterprise)

    def may_hold(self, team: str) -> bool:
        """Say whether a person of this team may be one of ours; `account` then asks Slack's own word."""
        return self.enterprise is not None or team == self.team

    def account(self, user: Mapping[str, Json]) -> str | None:
        """Return the account `T…/U…` that is meant by what users.info says, or None for a stranger.

        In an organisation people have one home workspace and are members of others: an app that is installed
        in one workspace takes its members under its own id, one that is installed in all under their home's.
        """
        home, org = user.get("team_id"), user.get("enterprise_user") or {}
        in_org = self.enterprise is not None and org.get("enterprise_id") == self.enterprise
        if self.team is None:
            return f"{home}/{user.get('id')}" if in_org and home else None
        is_member = home == self.team or (in_org and self.team in (org.get("teams") or ()))
        return f"{self.team}/{user.get('id')}" if is_member else None


class Workspace:
    """Slack's Web API with our bot token, and how fast we may call it.

    `key` is set where several are installed: `T…`, or `E…` for an organisation.
    """

    def __init__(
        self,
        bot_token: str,
        api_url: str,
        clock: Clock,
        key: str = "",
        installation: Installation | None = None,
    ) -> None:
        # The SDK's default retry posts twice when the connection dies after Slack acted: the outbox retries.
        self.client = AsyncWebClient(
            token=bot_token, base_url=api_url.rstrip("/") + "/", timeout=CALL_TIMEOUT, retry_handlers=[]
        )
        self.key = key
        self.pace = Pace(clock)
        self._installation = installation

    async def installation(self) -> Installation:
        """Return whose bot token this is; asked once. Raises `Later` or `Never`."""
        if self._installation is None:
            with repeatable():
                said = await self.client.auth_test()
                whole_org = bool(said.get("is_enterprise_install"))
                self._installation = Installation(
                    team=None if whole_org else str(said["team_id"]),
                    enterprise=said.get("enterprise_id") or None,
                    bot_user=str(said["user_id"]),
                    bot=str(said["bot_id"]),
                )
        return self._installation

    def placed(self, channel: str) -> str:
        """Return a channel as `Place` and `Posted` name it: where several are installed, with where it is."""
        return f"{self.key}/{channel}" if self.key else channel
