"""What became of requests, in numbers: how many, how long people took, who was busiest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bot.core.terms import State

UNDECIDED = frozenset({State.PENDING, State.EXPIRED, State.CANCELLED})


@dataclass(frozen=True, slots=True)
class Busy:
    """An agent with its requests, or a person with their verdicts; `median` counts from the ask.

    An agent's is over its requests that people decided, None where there is none.
    """

    name: str
    count: int
    median: timedelta | None


@dataclass(frozen=True, slots=True)
class Counts:
    """The requests that were made from `since_at` until before `until_at`, as they stand now.

    `decided` are those that people decided, by their verdicts; what policy allows or denies by itself is
    none of them. `median` and `tenth` (nine of ten were faster) are from the ask to the last verdict.
    """

    since_at: datetime
    until_at: datetime
    states: Mapping[State, int]
    days: Mapping[date, Mapping[State, int]]  # by the day of the ask, in UTC; days without one are missing
    decided: int
    median: timedelta | None
    tenth: timedelta | None
    agents: tuple[Busy, ...]  # busiest first, then by name
    approvers: tuple[Busy, ...]

    @property
    def asked(self) -> int:
        """Return how many requests were made."""
        return sum(self.states.values())

    @property
    def expiry_rate(self) -> float | None:
        """Return which part of what waited for people nobody decided in time; None where nothing ended."""
        expired = self.states.get(State.EXPIRED, 0)
        return expired / (self.decided + expired) if self.decided + expired else None
