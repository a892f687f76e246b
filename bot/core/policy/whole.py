"""The policy in force: the rules, and what was worked out of them once, so that planning is quick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.policy.index import Index
from bot.core.policy.judging import Facts, mismatch
from bot.core.policy.merging import Merger
from bot.core.policy.model import ActionType, Calendar, Defaults, Group, Rule
from bot.core.terms import Digest, GroupName


@dataclass(frozen=True, slots=True)
class Bundle:
    """The rules in force. `digest` is over its canonical content: comments and layout do not move it."""

    digest: Digest
    defaults: Defaults
    actions: Mapping[str, ActionType]
    groups: Mapping[GroupName, Group]
    calendars: Mapping[str, Calendar]
    rules: tuple[Rule, ...]  # by id
    by_action: Mapping[str, tuple[Rule, ...]]  # of the catalog: the rules that can ever match it
    indexes: Mapping[str, Index]  # of the same rules
    merger: Merger
    files: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    def rules_for(self, action: str) -> tuple[Rule, ...]:
        """Return the rules whose pattern matches the action, by id."""
        if (known := self.by_action.get(action)) is not None:
            return known
        return tuple(rule for rule in self.rules if rule.covers(action))

    def matching(self, ask: Facts) -> list[Rule]:
        """Return the rules that match, by id; `mismatch` says of any other one why it does not."""
        if (index := self.indexes.get(ask.action.name)) is not None:
            return index.matching(ask)
        rules = self.rules_for(ask.action.name)
        return [rule for rule in rules if mismatch(rule, ask, self.calendars) is None]
