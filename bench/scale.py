"""How much is measured: the figures of record, or a quick look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts and lengths of a run."""

    rounds: int  # of servers under load in turn
    seconds: float  # of load in each
    waiters: int
    decisions: int
    pending: int
    few: int  # pending requests for the smaller half of the timers' ratio
    due: int  # at one instant
    timers: int
    starts: int
    plans: int  # in each round


FULL = Scale(
    rounds=5, seconds=6, waiters=1000, decisions=300, pending=100_000, few=10_000, due=10_000,
    timers=300, starts=5, plans=5000,
)  # fmt: skip
QUICK = Scale(
    rounds=2, seconds=2, waiters=200, decisions=60, pending=10_000, few=2_000, due=1_000,
    timers=60, starts=2, plans=1000,
)  # fmt: skip
