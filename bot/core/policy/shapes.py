"""What a value in a policy file may look like: each shape reads a node and describes itself as JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

from bot.core.policy.problems import Faulty, Place, Report, suggestion
from bot.core.policy.tree import Node
from bot.core.terms import Json

IDENTIFIER = re.compile(r"[A-Za-z0-9._\-/:@]{1,200}")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._\-]{0,99}")
DURATION = re.compile(
    r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?=\d)(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?"
)


class Shape(Protocol):
    """One kind of value."""

    def read(self, node: Node, report: Report) -> Any:
        """Return the value; raises `Faulty` once the report says what is wrong."""
        ...

    def schema(self) -> dict[str, Json]:
        """Return what JSON Schema says of it."""
        ...


def duration(text: str) -> timedelta | None:
    """Return an ISO 8601 duration of weeks, days, hours, minutes and seconds, or None if it is none."""
    match = DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


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
        length = duration(node.value) if isinstance(node.value, str) else None
        if length is None:
            raise report.fault(node.place, "expected an ISO 8601 duration such as PT30M or P1D")
        if not length:
            raise report.fault(node.place, "this duration is zero")
        return length

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "pattern": f"^{DURATION.pattern}$", "examples": ["PT30M", "P1D"]}


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


@dataclass(frozen=True, slots=True)
class Many:
    """A list; with `or_one` a single member may stand alone."""

    member: Shape
    or_one: bool = False
    empty: str = ""  # what to say of an empty list; without it, one may be empty

    def read(self, node: Node, report: Report) -> tuple[Any, ...]:
        if not isinstance(node.value, tuple):
            if self.or_one:
                return (self.member.read(node, report),)
            raise report.fault(node.place, "expected a list")
        if self.empty and not node.value:
            raise report.fault(node.place, self.empty)
        found, faulty = [], False
        for member in node.value:
            try:
                found.append(self.member.read(member, report))
            except Faulty:
                faulty = True
        if faulty:
            raise Faulty
        return tuple(found)

    def schema(self) -> dict[str, Json]:
        least = {"minItems": 1} if self.empty else {}
        many = {"type": "array", "items": self.member.schema(), **least}
        return {"anyOf": [self.member.schema(), many]} if self.or_one else many


@dataclass(frozen=True, slots=True)
class Located:
    """The value with its node, for what is checked only once everything is read."""

    member: Shape

    def read(self, node: Node, report: Report) -> tuple[Node, Any]:
        return node, self.member.read(node, report)

    def schema(self) -> dict[str, Json]:
        return self.member.schema()


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record."""

    shape: Shape
    about: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Filled:
    """A record as it was read: the values that are there."""

    place: Place
    values: Mapping[str, Any]
    keys: Mapping[str, Place]

    def get(self, name: str, otherwise: Any = None) -> Any:
        """Return a value, or `otherwise` where the key is absent."""
        return self.values.get(name, otherwise)

    def at(self, name: str) -> Place:
        """Return where a key stands, or the record's own place."""
        return self.keys.get(name, self.place)


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys."""

    what: str
    keys: Mapping[str, Key]

    def read(self, node: Node, report: Report) -> Filled:
        if not isinstance(node.value, dict):
            raise report.fault(node.place, f"expected {self.what}: a mapping of {', '.join(self.keys)}")
        values: dict[str, Any] = {}
        faulty = False
        for name, value in node.value.items():
            try:
                if (key := self.keys.get(name)) is None:
                    near = suggestion(name, self.keys)
                    raise report.fault(node.keys[name], f"{self.what} has no key {name}{near}")
                values[name] = key.shape.read(value, report)
            except Faulty:
                faulty = True
        for name, key in self.keys.items():
            if key.required and name not in node.value:
                report.add(node.place, f"{self.what} needs {name}")
                faulty = True
        if faulty:
            raise Faulty
        return Filled(node.place, values, node.keys)

    def schema(self) -> dict[str, Json]:
        properties = {
            name: {"description": key.about, **key.shape.schema()} for name, key in self.keys.items()
        }
        required = [name for name, key in self.keys.items() if key.required]
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


@dataclass(frozen=True, slots=True)
class Named:
    """A mapping from names to one shape; a faulty member leaves the others."""

    what: str
    member: Shape
    name: re.Pattern[str] = field(default=NAME)

    def read(self, node: Node, report: Report) -> dict[str, tuple[Place, Any]]:
        if not isinstance(node.value, dict):
            raise report.fault(node.place, f"expected a mapping from {self.what} names")
        found: dict[str, tuple[Place, Any]] = {}
        for name, value in node.value.items():
            place = node.keys[name]
            if not self.name.fullmatch(name):
                report.add(
                    place, f"{name!r} is no name for {self.what}: letters, digits and a few signs only"
                )
            try:
                found[name] = (place, self.member.read(value, report))
            except Faulty:
                found[name] = (place, None)  # the name is known, so that references to it are no second fault
        return found

    def schema(self) -> dict[str, Json]:
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{self.name.pattern})$"},
            "additionalProperties": self.member.schema(),
        }


Build = Callable[[Filled], Any]
Names = Sequence[str]
