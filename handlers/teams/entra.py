"""Our own token for the Bot Connector: got from Entra with the app's secret, kept until it nearly ends."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import aiohttp

from bot.ports import Clock, Later, Shut

SCOPE = "https://api.botframework.com/.default"
ASK_WITHIN = 10  # seconds
EARLY = timedelta(minutes=5)  # a token that ends sooner is not used any more
LIFE_MAX = timedelta(days=1)
SOON, WHILE_SHUT = timedelta(seconds=5), timedelta(minutes=1)


class Entra:
    """Gets the token. The SDK would do so in a thread of its own, from an address that nothing can change."""

    def __init__(self, login_url: str, tenant: str, app_id: str, secret: str, clock: Clock) -> None:
        self._url = f"{login_url.rstrip('/')}/{tenant}/oauth2/v2.0/token"
        self._app_id, self._secret, self._clock = app_id, secret, clock
        self._token, self._good_until = "", clock.now()
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is good now; raises `Later`, or `Shut` when Entra does not take our secret."""
        async with self._asking:
            now = self._clock.now()
            if not self._token or now >= self._good_until:
                self._token, self._good_until = await self._fresh(now)
            return self._token

    def forget(self) -> None:
        """Get a new one next time: the connector did not take this one."""
        self._token = ""

    async def _fresh(self, now: datetime) -> tuple[str, datetime]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._app_id,
            "client_secret": self._secret,
            "scope": SCOPE,
        }
        timeout = aiohttp.ClientTimeout(total=ASK_WITHIN)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._url, data=form) as answer,
            ):
                said = await answer.json(content_type=None)
                if answer.status in (400, 401):
                    raise Shut(WHILE_SHUT, f"Teams: Entra does not take the app's secret ({said['error']})")
                token, life = str(said["access_token"]), timedelta(seconds=int(said["expires_in"]))
        except (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError) as error:
            raise Later(SOON, f"Teams: Entra gave no token ({type(error).__name__})") from error
        return token, now + min(life, LIFE_MAX) - EARLY
