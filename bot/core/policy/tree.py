"""YAML 1.2 → nodes that know where they stand. No anchors, aliases, tags or duplicate keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from bot.core.policy.problems import Faulty, Place, Report
from bot.core.terms import Json

FILE_MAX = 1024 * 1024  # characters; a policy is read by people
DEPTH_MAX = 20
DIGITS_MAX = 18  # of a number; what 64 bits hold whatever their sign
INT = re.compile(r"[-+]?[0-9]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
WORDS: Mapping[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place: a scalar, a tuple of nodes, or a dict of nodes with the places of its keys."""

    place: Place
    value: Json
    keys: Mapping[str, Place] = field(default_factory=dict)
    style: str = ""  # of a scalar: '' plain, ' or " quoted, | or > block


def read_tree(text: str, file: str, report: Report) -> Node | None:
    """Return a file's only document, None for an empty file; raises `Faulty` once the report says why."""
    if len(text) > FILE_MAX:
        raise report.fault(Place(file, 1, 1), f"this file has more than {FILE_MAX} characters")
    try:
        return _Reader(text, file, report).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # What breaks off is shown where it does: below the end of a file there is no line for a caret.
        place = _at(text, file, min(mark.index, len(text.rstrip()))) if mark else Place(file, 1, 1)
        raise report.fault(place, f"this is not YAML: {error.problem or error.context}") from error
    except (YAMLError, ValueError) as error:
        position = getattr(error, "position", None)
        raise report.fault(_at(text, file, position), f"this is not YAML: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _at(text: str, file: str, position: object) -> Place:
    before = text[:position] if isinstance(position, int) else ""
    return Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


class _Reader:
    """Walks the parser's events: the one place where anchors and tags can still be seen."""

    def __init__(self, text: str, file: str, report: Report) -> None:
        yaml = YAML(typ="safe", pure=True)
        self._events: Iterator[Event] = iter(yaml.parse(text))
        self._file = file
        self._report = report

    def document(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if event.version or event.tags:
                    raise self._report.fault(self._place(event), "directives are not allowed")
                if documents > 1:
                    raise self._report.fault(self._place(event), "only one document may stand in a file")
            elif isinstance(event, (ScalarEvent, MappingStartEvent, SequenceStartEvent, AliasEvent)):
                root = self._node(event, 1)
        return None if root is None or root.value is None else root

    def _node(self, event: Event, depth: int) -> Node:
        if isinstance(event, AliasEvent):
            raise self._report.fault(self._place(event), "aliases are not allowed; write it out")
        if getattr(event, "anchor", None) is not None:
            raise self._report.fault(self._place(event), "anchors are not allowed; write it out")
        if getattr(event, "tag", None) is not None:
            raise self._report.fault(self._place(event), "tags are not allowed")
        if depth > DEPTH_MAX:
            raise self._report.fault(self._place(event), f"nested more than {DEPTH_MAX} deep")
        if isinstance(event, ScalarEvent):
            return Node(self._place(event), self._scalar(event), style=event.style or "")
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _sequence(self, start: Event, depth: int) -> Node:
        members = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            members.append(self._node(event, depth + 1))
        return Node(self._place(start), tuple(members))

    def _mapping(self, start: Event, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise self._report.fault(self._place(event), "a key must be plain text")
            self._node(event, depth)
            name, place = str(event.value), self._place(event)
            value = self._node(next(self._events), depth + 1)
            if name in keys:
                self._report.add(place, f"{name} stands here twice; first in line {keys[name].line}")
                continue
            keys[name], values[name] = place, value
        return Node(self._place(start), values, keys)

    def _scalar(self, event: ScalarEvent) -> Json:
        text = str(event.value)
        if event.style:
            return text
        if text in WORDS:
            return WORDS[text]
        if INT.fullmatch(text):
            if len(text) > DIGITS_MAX:
                raise self._report.fault(
                    self._place(event), "this is too long a number; quote it if it is text"
                )
            return int(text)
        if FLOAT.fullmatch(text) and len(text) <= DIGITS_MAX and isfinite(float(text)):
            return float(text)
        return text

    def _place(self, event: Event) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)


def plain(node: Node) -> Json:
    """Return what a node holds, without places."""
    if isinstance(node.value, tuple):
        return [plain(member) for member in node.value]
    if isinstance(node.value, dict):
        return {name: plain(value) for name, value in node.value.items()}
    return node.value


__all__ = ["Faulty", "Node", "plain", "read_tree"]
