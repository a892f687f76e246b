"""stats, doctor: how the work goes, and how the house stands."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from bot.core.counts import Busy, Counts
from bot.core.literal import visible
from bot.core.terms import State
from bot.services.counting import Counting
from handlers.commands.answers import Answer, Line, Picture, Row, Table, Tone
from handlers.commands.picture import drawn, said
from handlers.commands.words import Asked, Role, Word
from handlers.render import duration

USUAL = 30  # days
DAYS = re.compile(r"([1-9][0-9]{0,3})d?")
TONES = {"good": Tone.GOOD, "off": Tone.QUIET, "warn": Tone.WARN, "bad": Tone.BAD}


class Finding(Protocol):
    """One thing that was tried: `level` is good, off, warn or bad."""

    @property
    def level(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def todo(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Stats:
    """The word about how the work goes."""

    counting: Counting

    def words(self) -> tuple[Word, ...]:
        """Return it."""
        return (
            Word(
                "stats",
                "stats [DAYS]",
                "how long decisions take, what expires, who is busiest; with a picture",
                ("stats", "stats 7"),
                self.stats,
                Role.AUDITOR,
            ),
        )

    async def stats(self, asked: Asked) -> Answer:
        """Count the last days."""
        typed = asked.one() if asked.rest else str(USUAL)
        found = DAYS.fullmatch(typed)
        if found is None:
            raise asked.wrong()
        counts = await self.counting.last(int(found[1]))
        title = f"The last {found[1]} days" if found[1] != "1" else "Today"
        if not counts.asked:
            return Answer(title=title, lines=(Line("Nothing was asked."),))
        png = await asyncio.to_thread(drawn, counts)
        rows = [*_rows("agent", counts.agents), *_rows("approver", counts.approvers)]
        table = Table(("BUSIEST", "", "COUNT", "MEDIAN"), tuple(rows))
        return Answer(title=title, lines=_sums(counts), table=table, picture=Picture(png, said(counts)))


@dataclass(frozen=True, slots=True)
class Doctor:
    """The word that tries everything; `examine` yields findings, as `python -m bot doctor` does."""

    examine: Callable[[], AsyncIterator[Finding]]

    def words(self) -> tuple[Word, ...]:
        """Return it."""
        return (
            Word(
                "doctor",
                "doctor",
                "try everything that the settings promise, and say what to mend",
                ("doctor",),
                self.doctor,
                Role.ADMIN,
            ),
        )

    async def doctor(self, asked: Asked) -> Answer:
        """Try everything; what must be mended comes first."""
        asked.nothing()
        found = [finding async for finding in self.examine()]
        order = list(TONES)
        found.sort(key=lambda one: -order.index(one.level))
        bad = sum(one.level == "bad" for one in found)
        verdict = f"{bad} thing{'s' if bad > 1 else ''} to mend" if bad else "Nothing has to be mended"
        lines = [Line(f"{verdict}.", tone=Tone.BAD if bad else Tone.GOOD)]
        for one in found:
            lines.append(Line(visible(one.what)[0], tone=TONES[one.level]))
            if one.todo:
                lines.append(Line(visible(f"→ {one.todo}")[0], tone=Tone.QUIET))
        return Answer(title="Doctor", lines=tuple(lines))


def _sums(counts: Counts) -> tuple[Line, ...]:
    states = ", ".join(f"{counts.states[state]:,} {state}" for state in State if counts.states.get(state))
    rate = counts.expiry_rate
    ended = "" if rate is None else f"{rate:.0%} of what waited for people and ended"
    took = ""
    if counts.median is not None and counts.tenth is not None:
        took = f"{duration(counts.median)} in the median, nine of ten within {duration(counts.tenth)}"
    lines = (
        Line(f"{counts.asked:,} ({states})", name="Asked"),
        Line(took, name="Time to decide"),
        Line(ended, name="Expired"),
    )
    return tuple(line for line in lines if line.text)


def _rows(what: str, busy: tuple[Busy, ...]) -> list[Row]:
    took = ["" if one.median is None else duration(one.median) for one in busy]
    return [
        Row((what, visible(one.name)[0], f"{one.count:,}", length))
        for one, length in zip(busy, took, strict=True)
    ]
