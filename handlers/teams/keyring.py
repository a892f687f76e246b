"""The Bot Service's signing keys: fetched beside what goes on, never between a call and its answer.

The SDK's own client fetches them with a blocking call on the event loop, every five minutes and for every
key id that it does not know. This one stands in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import jwt
import structlog

from bot.core.errors import NotReady
from bot.ports import Clock

FETCH_WITHIN = 5  # seconds for each of the two documents
DOCUMENT_MAX = 1024 * 1024  # bytes
# https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication: the keys
# change rarely, and are to be fetched again at least once a day.
REFRESH = timedelta(hours=12)
AGAIN = timedelta(minutes=1)  # between two looks for a key that we do not know
SOON = timedelta(seconds=5)  # between two looks while we know none at all
CHANNEL = "msteams"

log = structlog.get_logger(__name__)


class KeyRing:
    """Public keys by their id."""

    def __init__(self, metadata_url: str, clock: Clock) -> None:
        self._url, self._clock = metadata_url, clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def knows(self, key_id: str) -> bool:
        """Say whether this is a key of the Bot Service; raises `NotReady` while there are no keys at all.

        An unknown one has the keys fetched anew, at most once a minute however many are asked for.
        """
        now = self._clock.now()
        if key_id in self._keys:
            if self._fetched_at is None or now - self._fetched_at >= REFRESH:
                self._start(now)
            return True
        self._start(now)
        if self._fetching is not None:
            await asyncio.wait([self._fetching])
        if not self._keys:
            raise NotReady("The Bot Service's keys cannot be fetched right now.")
        return key_id in self._keys

    def warm(self) -> None:
        """Begin to fetch the keys."""
        self._start(self._clock.now())

    async def close(self) -> None:
        """Give up what is being fetched."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def get_signing_key_from_jwt(self, token: str) -> jwt.PyJWK:
        """Return the key of a token, as the SDK asks for it; raises `InvalidTokenError` for any other."""
        key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise jwt.InvalidTokenError("unknown signing key")
        return key

    def _start(self, now: datetime) -> None:
        running = self._fetching is not None and not self._fetching.done()
        pause = AGAIN if self._keys else SOON
        if running or (self._tried_at is not None and timedelta(0) <= now - self._tried_at < pause):
            return
        self._tried_at = now
        self._fetching = asyncio.create_task(self._fetch(now))

    async def _fetch(self, now: datetime) -> None:
        try:
            found = await fetched(self._url)
            if not found:
                raise ValueError("no key that is good for Teams")
            self._keys, self._fetched_at = found, now
        except (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError) as error:
            log.warning("teams.keys_not_fetched", error=type(error).__name__)


async def fetched(metadata_url: str) -> Mapping[str, jwt.PyJWK]:
    """Return the keys that the Bot Service publishes and that are good for Teams, perhaps none.

    Raises `ValueError`, `LookupError`, `TypeError`, `OSError` or aiohttp's `ClientError`.
    """
    timeout = aiohttp.ClientTimeout(total=FETCH_WITHIN)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        metadata = await _document(session, metadata_url)
        published = await _document(session, str(metadata["jwks_uri"]))
    good = [key for key in published["keys"] if _is_for_teams(key)]
    try:
        return {key.key_id: key for key in map(jwt.PyJWK, good) if key.key_id is not None}
    except jwt.PyJWTError as error:
        raise ValueError("a key that nobody can read") from error


def _is_for_teams(key: Mapping[str, Any]) -> bool:
    return key.get("kty") == "RSA" and CHANNEL in key.get("endorsements", [CHANNEL])


async def _document(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, raise_for_status=True) as answer:
        if (answer.content_length or 0) > DOCUMENT_MAX:
            raise ValueError("too large")
        document: dict[str, Any] = await answer.json(content_type=None)
        return document
