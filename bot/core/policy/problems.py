"""What is wrong with a policy file, where, and how it is shown: the line and a caret under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, with the source line it is wrong in."""

    file: str
    line: int
    column: int
    message: str
    source: str = ""

    def __str__(self) -> str:
        """Return `file:line:column: message`, the line, and a caret below the fault."""
        head = f"{self.file}:{self.line}:{self.column}: {self.message}"
        if not self.source:
            return head
        # A tab must stand under a tab, or the caret drifts.
        margin = "".join("\t" if char == "\t" else " " for char in self.source[: self.column - 1])
        shown = "".join(
            char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}"
            for char in self.source
        )
        return f"{head}\n  {shown}\n  {margin}^"


class PolicyBroken(Exception):
    """The policy does not load."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Faulty(Exception):
    """This value cannot be read; the report already says why."""


class Report:
    """Collects problems while a policy is read, so that its writer sees them all at once."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._lines = {name: text.split("\n") for name, text in files.items()}
        self.problems: list[Problem] = []

    def add(self, place: Place, message: str) -> None:
        """Note a problem at a place."""
        lines = self._lines.get(place.file, [])
        source = lines[place.line - 1].rstrip("\r") if 0 < place.line <= len(lines) else ""
        self.problems.append(Problem(place.file, place.line, place.column, message, source))

    def fault(self, place: Place, message: str) -> Faulty:
        """Note a problem and return what to raise."""
        self.add(place, message)
        return Faulty(message)

    def close(self) -> None:
        """Raise `PolicyBroken` if anything was noted."""
        if self.problems:
            raise PolicyBroken(self.problems)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?`, or nothing when nothing is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
