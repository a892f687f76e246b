"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    GOOD = "good"
    OFF = "off"  # not asked for
    WARN = "warn"  # it runs, and somebody should look
    BAD = "bad"  # it will not run, or not safely


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: what came of it, and what to do."""

    level: Level
    what: str
    todo: str = ""


def good(what: str) -> Finding:
    """It works."""
    return Finding(Level.GOOD, what)


def off(what: str, todo: str = "") -> Finding:
    """It is not asked for."""
    return Finding(Level.OFF, what, todo)


def warn(what: str, todo: str) -> Finding:
    """It runs, and somebody should look."""
    return Finding(Level.WARN, what, todo)


def bad(what: str, todo: str) -> Finding:
    """It will not run, or not safely."""
    return Finding(Level.BAD, what, todo)
