"""Finding the rules that match: by an index over what they match, and all their conditions at once.

It gives what `mismatch` gives rule by rule, for a cost that hardly grows with their number. Sets of rules
are whole numbers here: bit n stands for the nth rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.policy.judging import MISSING, Facts, holds
from bot.core.policy.model import Calendar, Clause, ConditionError, Rule, Together
from bot.core.terms import Effect, Json

FEW = 2  # conditions that cost less one by one than all of them together


@dataclass(frozen=True, slots=True)
class Column:
    """What the rules say of one name: which of them each of its values lets through."""

    name: str
    in_context: bool  # the name is that of a member of the context, else of a variable
    absent: int
    other: int
    by_value: Mapping[tuple[bool, Json], int]

    def passed(self, ask: Facts) -> int:
        """Return the rules that this ask's value lets through."""
        value = (ask.context if self.in_context else ask.variables).get(self.name, MISSING)
        if value is MISSING:
            return self.absent
        if isinstance(value, list | dict):
            return self.other  # no clause names such a value
        return self.by_value.get((isinstance(value, bool), value), self.other)


class Index:
    """The rules that can match one action."""

    __slots__ = ("_action", "_calendars", "_columns", "_conditioned", "_dated", "_together", "rules")

    def __init__(self, action: str, rules: Sequence[Rule], calendars: Mapping[str, Calendar]) -> None:
        self.rules = tuple(rules)
        self._action = action
        self._calendars = calendars
        names = dict.fromkeys(clause.name for rule in rules for clause in rule.clauses)
        self._columns = tuple(_column(name, self.rules) for name in names)
        self._conditioned = _those(rule.when is not None for rule in rules)
        self._dated = _those(rule.during is not None for rule in rules)
        self._together: Together | bool | None = False  # until it is wanted: to compile takes its time

    def matching(self, ask: Facts) -> list[Rule]:
        """Return the rules that match, in their order."""
        left = (1 << len(self.rules)) - 1
        for column in self._columns:
            left &= column.passed(ask)
        for place in _places(left & self._dated):
            calendar = self._calendars[self.rules[place].during or ""]
            if not calendar.from_at <= ask.now < calendar.to_at:
                left &= ~(1 << place)
        if left & self._conditioned:
            left = self._meeting(left, ask)
        return [self.rules[place] for place in _places(left)]

    def _meeting(self, left: int, ask: Facts) -> int:
        """Return those of the rules that are left whose condition holds."""
        asked = left & self._conditioned
        together = self._joined() if asked.bit_count() > FEW else None
        if together is not None:
            try:
                return left & (together(ask.variables) | ~self._conditioned)
            except ConditionError:
                pass  # one of them has no value: which one shows when each is asked
        for place in _places(asked):
            rule = self.rules[place]
            if rule.when is not None and not holds(rule.when, ask, otherwise=_is_strict(rule)):
                left &= ~(1 << place)
        return left

    def _joined(self) -> Together | None:
        if isinstance(self._together, bool):
            conditions = [rule.when.compiled.get(self._action) if rule.when else None for rule in self.rules]
            found = [condition for condition in conditions if condition is not None]
            whole = len(found) == self._conditioned.bit_count()
            self._together = found[0].among(conditions) if whole else None
        return self._together


def _column(name: str, rules: Sequence[Rule]) -> Column:
    said = [next((one for one in rule.clauses if one.name == name), None) for rule in rules]
    silent = _those(clause is None for clause in said)
    strict = _those(clause is not None and _is_strict(rule) for rule, clause in zip(rules, said, strict=True))
    wanted = dict.fromkeys(
        (isinstance(value, bool), value) for clause in said if clause for value in clause.values
    )
    by_value = {one: silent | _those(_names(clause, one) for clause in said) for one in wanted}
    bare = name.removeprefix("context.")
    return Column(bare, bare != name, silent | strict, silent, by_value)


def _names(clause: Clause | None, wanted: tuple[bool, Json]) -> bool:
    return clause is not None and any((isinstance(value, bool), value) == wanted for value in clause.values)


def _is_strict(rule: Rule) -> bool:
    return rule.effect is not Effect.ALLOW


def _those(chosen: Iterable[bool]) -> int:
    return sum(1 << place for place, is_one in enumerate(chosen) if is_one)


def _places(rules: int) -> Iterator[int]:
    while rules:
        lowest = rules & -rules
        yield lowest.bit_length() - 1
        rules ^= lowest
