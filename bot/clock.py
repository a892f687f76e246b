"""The one reader of the wall clock."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

SKEW_ALARM = timedelta(seconds=2)  # beyond this an admin should look at the host's clock


class DatabaseClock:
    """The database's clock, carried on by the monotonic clock between readings.

    Deadlines are instants in the database, so its clock decides; a wall clock that jumps moves nothing here.
    """

    def __init__(self) -> None:
        self._base = datetime.now(UTC)
        self._read_at = time.monotonic()
        self.skew = timedelta(0)  # the host's wall clock less the database's, at the last reading

    def now(self) -> datetime:
        """Return the instant, aware and in UTC."""
        return self._base + timedelta(seconds=time.monotonic() - self._read_at)

    async def follow(self, read: Callable[[], Awaitable[datetime]]) -> timedelta:
        """Read the database's clock once and follow it from now on; return the host's skew."""
        sent = time.monotonic()
        database = await read()
        received = time.monotonic()
        # Half of the round trip has passed since the database looked.
        self._base = database + timedelta(seconds=(received - sent) / 2)
        self._read_at = received
        self.skew = datetime.now(UTC) - self._base
        return self.skew


def wall() -> datetime:
    """Return the host's wall clock, which may jump: for the scheduler, never for a deadline."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds that never jump, for measuring how long something took."""
    return time.monotonic()
