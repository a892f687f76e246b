"""How fast we call Slack: what it lets through is asked here first, so that it need not refuse us.

`Allowance` is arithmetic on values. `Pace` keeps one for each channel and method, in this process; what
another replica takes beside us shows as a 429, and its Retry-After empties the allowance here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.ports import Clock, Full, Turn
from handlers.slack.troubles import Slower

NOTHING = timedelta()


@dataclass(frozen=True, slots=True)
class Limit:
    """One call `every` so long, and `burst` at once after a pause."""

    every: timedelta
    burst: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a limit still lets through."""

    whole_at: datetime  # when the burst is whole again
    booked_at: datetime  # the last turn that was given

    def wait(self, limit: Limit, now: datetime) -> timedelta:
        """Return how long until the next call may be made."""
        return max(self.whole_at - now - limit.every * (limit.burst - 1), NOTHING)

    def taken(self, limit: Limit, now: datetime) -> Allowance:
        """Return what is left after a call."""
        return replace(self, whole_at=max(self.whole_at, now) + limit.every)

    def booked(self, limit: Limit, now: datetime) -> Allowance:
        """Return it with one more turn given, behind those that were given before."""
        turn = max(now + self.wait(limit, now), self.booked_at + limit.every)
        return replace(self, booked_at=turn)

    def emptied(self, limit: Limit, until: datetime) -> Allowance:
        """Return it with nothing left before `until`."""
        return replace(self, whole_at=max(self.whole_at, until + limit.every * (limit.burst - 1)))


# https://docs.slack.dev/apis/web-api/rate-limits: a message a second and channel, with short bursts; "several
# hundred messages per minute" a workspace; tier 3 is 50 calls a minute and method.
CHANNEL = Limit(timedelta(seconds=1), 4)
WORKSPACE = Limit(timedelta(seconds=0.2), 50)
TIER_3 = Limit(timedelta(seconds=1.2), 50)
METHODS: Mapping[str, Limit] = {
    "chat.update": TIER_3,
    "conversations.history": TIER_3,
    "conversations.open": TIER_3,
    "users.conversations": TIER_3,
}
ROOMS_MAX = 10_000  # channels remembered; those whose burst is whole again are forgotten first


class Pace:
    """The pace of one workspace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._methods: dict[str, Allowance] = {}
        self._rooms: dict[str, Allowance] = {}

    @contextmanager
    def posting(self, channel: str) -> Iterator[None]:
        """Take leave to post; raises `Full` when the channel, or the workspace, takes nothing more now."""
        now = self._clock.now()
        room = self._rooms.get(channel) or _fresh(now)
        everyone = self._methods.get("chat.postMessage") or _fresh(now)
        wait = max(room.wait(CHANNEL, now), everyone.wait(WORKSPACE, now))
        if wait > NOTHING:
            raise Full(wait, "Slack takes about one message a second and channel")
        self._forget(now)
        self._rooms[channel] = room.taken(CHANNEL, now)
        self._methods["chat.postMessage"] = everyone.taken(WORKSPACE, now)
        try:
            yield
        except Slower as slower:
            self._rooms[channel] = self._rooms[channel].emptied(CHANNEL, self._clock.now() + slower.after)
            raise Full(slower.after, str(slower)) from slower

    @contextmanager
    def calling(self, method: str) -> Iterator[None]:
        """Take leave to call a method; raises `Turn`, with a turn that is kept free."""
        limit, now = METHODS[method], self._clock.now()
        allowance = self._methods.get(method) or _fresh(now)
        if allowance.wait(limit, now) > NOTHING:
            self._methods[method] = allowance.booked(limit, now)
            raise Turn(self._methods[method].booked_at - now, f"Slack's pace for {method}")
        self._methods[method] = allowance.taken(limit, now)
        try:
            yield
        except Slower as slower:
            emptied = self._methods[method].emptied(limit, self._clock.now() + slower.after)
            self._methods[method] = emptied
            raise Turn(slower.after, str(slower)) from slower

    def _forget(self, now: datetime) -> None:
        if len(self._rooms) >= ROOMS_MAX:
            self._rooms = {channel: room for channel, room in self._rooms.items() if room.whole_at > now}


def _fresh(now: datetime) -> Allowance:
    return Allowance(now, now)
