"""The one source of randomness."""

from __future__ import annotations

import os
import random
import secrets

from bot.core.terms import GrantId, RequestId


class RandomIds:
    """Unguessable ids and secrets from the operating system."""

    def request_id(self) -> RequestId:
        """Return a new request id: 128 random bits."""
        return RequestId(f"req_{os.urandom(16).hex()}")

    def grant_id(self) -> GrantId:
        """Return a new grant id: 128 random bits."""
        return GrantId(os.urandom(16).hex())

    def secret(self) -> str:
        """Return 256 random bits, URL-safe."""
        return secrets.token_urlsafe(32)

    def salt(self) -> bytes:
        """Return 16 random bytes."""
        return os.urandom(16)

    def jitter(self) -> float:
        """Return a number in [0, 1) that only has to be spread, not unguessable."""
        return random.random()  # noqa: S311
