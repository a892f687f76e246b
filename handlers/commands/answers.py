"""What a command answers, as values: each chat renders them with a template of its own.

Every text is shown literally. Where a surface cannot show all of it in one message it sends several, and
says what it left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.core.card import Card
from bot.core.errors import Refusal
from handlers.evidence import File


class Tone(StrEnum):
    """What a line says of itself; a surface marks it, and never by colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    QUIET = "quiet"  # a hint


class Style(StrEnum):
    """How a button looks."""

    PLAIN = "plain"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Act:
    """A button whose press runs `command` as if the presser had typed it: who may is asked anew then.

    `confirm` is what a dialog asks first; None for none. A surface without dialogs shows it as a line.
    """

    label: str  # at most 40 characters
    command: str
    style: Style = Style.PLAIN
    confirm: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `name` stands before it in bold; `code` sets the name, or else the text, in fixed width.

    `url` is where the text leads.
    """

    text: str
    name: str = ""
    tone: Tone = Tone.PLAIN
    code: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; `acts` stand beside it."""

    cells: tuple[str, ...]
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under titles. Rows with acts may be shown as entries, the first cell as the entry's title."""

    titles: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that is sent to the person alone; `alt` says in words what it shows."""

    png: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person is told, alone. Shown in this order; `cards` are whole, with their own buttons."""

    title: str | None = None
    lines: tuple[Line, ...] = ()
    table: Table | None = None
    cards: tuple[Card, ...] = ()
    acts: tuple[Act, ...] = ()
    file: File | None = None
    picture: Picture | None = None


def told(text: str, tone: Tone = Tone.PLAIN) -> Answer:
    """Return one line as an answer."""
    return Answer(lines=(Line(text, tone=tone),))


def said_no(refusal: Refusal) -> Answer:
    """Return a refusal as the answer to whoever it concerns."""
    return told(refusal.detail, Tone.BAD)
