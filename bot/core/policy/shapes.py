"""What one value in a policy file may look like: a shape reads a node and says so in JSON Schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

from bot.core.durations import duration
from bot.core.errors import Malformed
from bot.core.policy.problems import Report, suggestion
from bot.core.policy.tree import Node
from bot.core.terms import Json

IDENTIFIER = re.compile(r"[A-Za-z0-9._\-/:@]{1,200}")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._\-]{0,99}")


class Shape(Protocol):
    """One kind of value."""

    def read(self, node: Node, report: Report) -> Any:
        """Return the value; raises `Faulty` once the report says what is wrong."""
        ...

    def schema(self) -> dict[str, Json]:
        """Return what JSON Schema says of it."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Text, perhaps of a pattern that `what` names."""

    pattern: re.Pattern[str] | None = None
    what: str = "text"
    longest: int = 2000

    def read(self, node: Node, report: Report) -> str:
        if not isinstance(node.value, str):
            quote = "; quote it" if isinstance(node.value, (bool, int, float)) else ""
            raise report.fault(node.place, f"expected {self.what}{quote}")
        if not node.value.strip() or len(node.value) > self.longest:
            raise report.fault(node.place, f"expected {self.what}, 1 to {self.longest} characters")
        if self.pattern is not None and not self.pattern.fullmatch(node.value):
            raise report.fault(node.place, f"expected {self.what}")
        return node.value

    def schema(self) -> dict[str, Json]:
        pattern = {"pattern": f"^(?:{self.pattern.pattern})$"} if self.pattern else {}
        return {"type": "string", "minLength": 1, "maxLength": self.longest, **pattern}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds."""

    least: int
    most: int

    def read(self, node: Node, report: Report) -> int:
        if type(node.value) is not int or not self.least <= node.value <= self.most:
            raise report.fault(node.place, f"expected a whole number from {self.least} to {self.most}")
        return node.value

    def schema(self) -> dict[str, Json]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, a number or a boolean."""

    numeric: bool = False  # numbers only

    def read(self, node: Node, report: Report) -> Json:
        wanted = (int, float) if self.numeric else (str, int, float, bool)
        if type(node.value) not in wanted:
            raise report.fault(
                node.place, f"expected {'a number' if self.numeric else 'text, a number or a boolean'}"
            )
        return node.value

    def schema(self) -> dict[str, Json]:
        return {"type": "number" if self.numeric else ["string", "number", "boolean"]}


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def read(self, node: Node, report: Report) -> bool:
        if type(node.value) is not bool:
            raise report.fault(node.place, "expected true or false")
        return node.value

    def schema(self) -> dict[str, Json]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Span:
    """An ISO 8601 duration longer than nothing."""

    def read(self, node: Node, report: Report) -> timedelta:
        try:
            length = duration(node.value if isinstance(node.value, str) else "")
        except Malformed as error:
            raise report.fault(node.place, "expected an ISO 8601 duration such as PT30M or P1D") from error
        if not length:
            raise report.fault(node.place, "this duration is zero")
        return length

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "format": "duration", "examples": ["PT30M", "P1D"]}


@dataclass(frozen=True, slots=True)
class Choice:
    """One word of a closed list."""

    words: type[StrEnum]
    only: tuple[StrEnum, ...] = ()

    def read(self, node: Node, report: Report) -> Any:
        known = [str(word) for word in self.only or self.words]
        if node.value not in known:
            near = suggestion(node.value, known) if isinstance(node.value, str) else ""
            raise report.fault(node.place, f"expected one of {', '.join(known)}{near}")
        return self.words(node.value)

    def schema(self) -> dict[str, Json]:
        return {"enum": [str(word) for word in self.only or self.words]}
