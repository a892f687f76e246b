"""Lists and mappings in policy files: shapes made of shapes. A faulty member leaves the others readable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.core.policy.problems import Faulty, Place, Report, suggestion
from bot.core.policy.shapes import NAME, Shape
from bot.core.policy.tree import Node
from bot.core.terms import Json


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
