"""Conditions in a bundle: compiled once for each action they can meet, their faults placed in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.core.policy.model import ActionType, Compile, Condition, ConditionError, When, matches_pattern
from bot.core.policy.parameters import variables
from bot.core.policy.problems import Place, Report
from bot.core.policy.tree import Node


class Conditions:
    """Compiles the conditions of one bundle against its catalog."""

    def __init__(self, compiler: Compile, actions: Mapping[str, ActionType], report: Report) -> None:
        self._compile = compiler
        self._actions = actions
        self._report = report

    def read(self, located: tuple[Node, str] | None, patterns: Sequence[str]) -> When | None:
        """Return the condition, typed for every catalogued action that the patterns fit."""
        if located is None:
            return None
        node, text = located
        compiled: dict[str, Condition] = {}
        for name, action in self._actions.items():
            if not any(matches_pattern(pattern, name) for pattern in patterns):
                continue
            try:
                compiled[name] = self._compile(text, variables(action))
            except ConditionError as error:
                place = _place(node, error)
                self._report.add(place, f"{error.message} (for action {name})")
        return When(text, compiled)


def _place(node: Node, error: ConditionError) -> Place:
    """Return where in the file the fault stands, as far as the writing of the text lets one say."""
    if node.style in ("'", '"') and error.line == 1:
        return Place(node.place.file, node.place.line, node.place.column + error.column)
    if node.style == "" and error.line == 1 and "\n" not in node.value:
        return Place(node.place.file, node.place.line, node.place.column + error.column - 1)
    if node.style == "|":
        return Place(node.place.file, node.place.line + error.line, 1)
    return node.place
