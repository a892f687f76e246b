"""How fast we call Teams: what it lets through is asked here first, so that it need not refuse us.

Kept in this process; what another replica takes beside us shows as a 429, and its Retry-After counts here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.ports import Clock, Full, Turn
from handlers.teams.troubles import Slower

NOTHING = timedelta()


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many calls within so long."""

    calls: int
    within: timedelta


# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit: per bot and conversation, and
# 30 calls a second per app and tenant.
CONVERSATION = (
    Limit(7, timedelta(seconds=1)),
    Limit(60, timedelta(seconds=30)),
    Limit(1800, timedelta(hours=1)),
)
TENANT = (Limit(30, timedelta(seconds=1)),)
REMEMBERED = 10_000  # conversations; those that are at rest are forgotten first


@dataclass(slots=True)
class Allowance:
    """The calls of the last hour, and until when Teams itself wants none."""

    limits: tuple[Limit, ...]
    calls: deque[datetime] = field(default_factory=deque)
    shut_until: datetime | None = None

    def wait(self, now: datetime) -> timedelta:
        """Return how long until the next call may be made."""
        longest = max(limit.within for limit in self.limits)
        while self.calls and now - self.calls[0] >= longest:
            self.calls.popleft()
        waits = [
            self.calls[-limit.calls] + limit.within - now
            for limit in self.limits
            if len(self.calls) >= limit.calls
        ]
        if self.shut_until is not None:
            waits.append(self.shut_until - now)
        return max([NOTHING, *waits])

    def is_at_rest(self, now: datetime) -> bool:
        """Say whether nothing is lost by forgetting it."""
        return self.wait(now) == NOTHING and not self.calls


class Pace:
    """The pace of one app in one tenant."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._everyone = Allowance(TENANT)
        self._conversations: dict[str, Allowance] = {}

    @contextmanager
    def posting(self, conversation: str) -> Iterator[None]:
        """Take leave to post; raises `Full` while the conversation, or the tenant, takes nothing."""
        try:
            with self.calling(conversation):
                yield
        except Turn as turn:
            raise Full(turn.after, str(turn)) from turn

    @contextmanager
    def calling(self, conversation: str) -> Iterator[None]:
        """Take leave for another call about a conversation; raises `Turn`."""
        now = self._clock.now()
        own = self._conversations.get(conversation) or Allowance(CONVERSATION)
        wait = max(own.wait(now), self._everyone.wait(now))
        if wait > NOTHING:
            raise Turn(wait, "Teams' pace")
        self._forget(now)
        self._conversations[conversation] = own
        own.calls.append(now)
        self._everyone.calls.append(now)
        try:
            yield
        except Slower as slower:
            own.shut_until = self._clock.now() + slower.after
            raise Turn(slower.after, str(slower)) from slower

    def _forget(self, now: datetime) -> None:
        if len(self._conversations) >= REMEMBERED:
            known = self._conversations.items()
            self._conversations = {name: one for name, one in known if not one.is_at_rest(now)}
