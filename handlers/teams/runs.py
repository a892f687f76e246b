"""Literal text: TextRuns, which read no markdown, links or mentions.

What clients make of a text all the same is undone here: they put dates in the place of `{{DATE(…)}}`, and
they fold blanks.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bot.core.terms import Json

# https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features#datetime-formatting-and-localization
# Between the two braces: each half is a run of its own.
FORMULA = re.compile(r"(?<=\{)(?=\{(?:DATE|TIME)\b)", re.IGNORECASE)
FOLDED = re.compile(r"(?<= ) |^ ", re.MULTILINE)
NO_BREAK = "\u00a0"
TAB = NO_BREAK * 4

Runs = list[dict[str, Json]]


def plain(text: str) -> Runs:
    """Return text as it is."""
    return _runs(text)


def bold(text: str) -> Runs:
    """Return text that stands out."""
    return _runs(text, weight="Bolder")


def subtle(text: str) -> Runs:
    """Return text that steps back."""
    return _runs(text, isSubtle=True, size="Small")


def code(text: str) -> Runs:
    """Return text in fixed width, with every blank of it."""
    return _runs(FOLDED.sub(NO_BREAK, text.replace("\t", TAB)), fontType="Monospace")


def link(text: str, url: str) -> Runs:
    """Return text that leads to an address of ours."""
    return _runs(text, selectAction={"type": "Action.OpenUrl", "url": url})


def instant(at: datetime) -> str:
    """Return an instant in UTC: what clients would localise cannot be read by those who do not."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _runs(text: str, **style: Json) -> Runs:
    return [{"type": "TextRun", "text": part, **style} for part in FORMULA.split(text) if part]
