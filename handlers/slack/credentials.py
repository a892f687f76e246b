"""What OAuth gave us for one workspace or organisation: kept sealed, and rotated before it expires."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from slack_sdk.oauth.installation_store import Installation as Granted
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports import Signer
from handlers.slack.troubles import repeatable
from handlers.slack.workspace import Installation

ROTATE_BEFORE = timedelta(hours=2)  # a rotated token lives for twelve hours


class Unreadable(ValueError):
    """These credentials were sealed with other keys, or by another version."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A bot token with where it is good; `refresh_token` and `expires_at` only with token rotation."""

    installation: Installation
    name: str
    token: str
    refresh_token: str | None
    expires_at: datetime | None

    @property
    def key(self) -> str:
        """`T…` for a workspace, `E…` for an organisation."""
        return self.installation.team or self.installation.enterprise or ""

    def sealed(self, signer: Signer) -> bytes:
        """Return them encrypted."""
        return signer.seal(json.dumps(asdict(self), default=datetime.isoformat).encode())


def granted(given: Granted) -> Credentials:
    """Read what the SDK made of Slack's answer; raises `ValueError` when the bot's part is missing."""
    whole_org = bool(given.is_enterprise_install)
    place, expires = given.enterprise_id if whole_org else given.team_id, given.bot_token_expires_at
    if not (place and given.bot_token and given.bot_id and given.bot_user_id):
        raise ValueError("Slack granted no bot token")
    return Credentials(
        installation=Installation(
            team=None if whole_org else given.team_id,
            enterprise=given.enterprise_id or None,
            bot_user=given.bot_user_id,
            bot=given.bot_id,
        ),
        name=(given.enterprise_name if whole_org else given.team_name) or place,
        token=given.bot_token,
        refresh_token=given.bot_refresh_token,
        expires_at=datetime.fromtimestamp(expires, UTC) if expires else None,
    )


def unsealed(sealed: bytes, signer: Signer) -> Credentials:
    """Decrypt them; raises `Unreadable`."""
    try:
        held = json.loads(signer.unseal(sealed))
        expires_at = held["expires_at"] and datetime.fromisoformat(held["expires_at"])
        installation = Installation(**held["installation"])
        return Credentials(**{**held, "installation": installation, "expires_at": expires_at})
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable(str(error)) from error


async def rotated(
    held: Credentials, oauth: AsyncWebClient, client_id: str, client_secret: str, now: datetime
) -> Credentials:
    """Trade the refresh token, which is good once, for new credentials. Raises `Later` or `Never`."""
    with repeatable():
        said = await oauth.oauth_v2_access(
            client_id=client_id,
            client_secret=client_secret,
            grant_type="refresh_token",
            refresh_token=held.refresh_token,
        )
        return replace(
            held,
            token=str(said["access_token"]),
            refresh_token=str(said["refresh_token"]),
            expires_at=now + timedelta(seconds=int(said["expires_in"])),
        )
