"""A figure, what it must reach, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Bound(Enum):
    """Which side of the goal is the good one."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value and its goal; `told` is what it was made of, for the reader of this run only."""

    name: str
    value: float
    bound: Bound
    goal: float
    unit: str = ""
    told: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.value >= self.goal if self.bound is Bound.AT_LEAST else self.value <= self.goal

    @property
    def share(self) -> float:
        """The value as a share of its goal: what travels from machine to machine."""
        return self.value / self.goal

    def as_json(self) -> dict[str, object]:
        """Return it for a program."""
        return {
            "name": self.name,
            "value": self.value,
            "bound": self.bound.value,
            "goal": self.goal,
            "unit": self.unit,
            "share_of_goal": self.share,
            "met": self.met,
            "told": self.told,
        }


def at_least(goal: float, name: str, value: float, unit: str = "", told: str = "") -> Figure:
    """Return a figure that should be large."""
    return Figure(name, value, Bound.AT_LEAST, goal, unit, told)


def at_most(goal: float, name: str, value: float, unit: str = "", told: str = "") -> Figure:
    """Return a figure that should be small."""
    return Figure(name, value, Bound.AT_MOST, goal, unit, told)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share lies (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def plain(number: float) -> str:
    """Write a number with three figures that matter."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
