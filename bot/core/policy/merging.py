"""Several rules that require approval → one set of demands, at least as strict as each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain

from bot.core.policy.judging import Facts, holds
from bot.core.policy.model import Rule, StageRule
from bot.core.policy.references import shared
from bot.core.terms import Address, Escalation, ReasonRule, RuleId, Stage

KNOWN_MAX = 1000  # sets of rules: some megabytes at most
STRICTNESS = {rule: place for place, rule in enumerate(ReasonRule)}


@dataclass(frozen=True, slots=True)
class Demands:
    """What approval takes."""

    approve_within: timedelta
    execute_within: timedelta
    report_within: timedelta
    stages: tuple[Stage, ...]
    separation: tuple[str, ...]
    escalations: tuple[Escalation, ...]
    show: tuple[Address, ...]
    requester_reason: bool
    reason_rule: ReasonRule
    reactions: bool
    reveal_reviewers: bool


class Merger:
    """Merges; what rules come to is kept where no condition of a stage has a say in it."""

    __slots__ = ("_known", "_silent")

    def __init__(self, silent: Rule) -> None:
        self._silent = silent
        self._known: dict[tuple[RuleId, ...], Demands] = {}

    def demands(self, rules: Sequence[Rule], ask: Facts) -> Demands:
        """Return what `merged` returns."""
        names = tuple([rule.id for rule in rules])
        known = self._known.get(names)
        if known is not None:
            return known
        found = merged(rules, self._silent, ask)
        stages = chain(self._silent.stages, *(rule.stages for rule in rules))
        if len(self._known) < KNOWN_MAX and all(stage.when is None for stage in stages):
            self._known[names] = found
        return found


def merged(rules: Sequence[Rule], silent: Rule, ask: Facts) -> Demands:
    """Merge rules in order of their ids; with none of them, `silent` alone speaks: the defaults.

    A rule without stages of its own takes those of the defaults, so that a further rule never makes
    anything laxer.
    """
    taken = rules or (silent,)
    return Demands(
        approve_within=min([rule.approve_within for rule in taken]),
        execute_within=min([rule.execute_within for rule in taken]),
        report_within=min([rule.report_within for rule in taken]),
        stages=_stages(taken, silent, ask),
        separation=tuple(dict.fromkeys(chain.from_iterable([rule.separation for rule in taken]))),
        escalations=_escalations(taken, silent, ask),
        show=tuple(dict.fromkeys(chain.from_iterable([rule.show for rule in taken]))),
        requester_reason=any(rule.requester_reason for rule in taken),
        reason_rule=max([rule.reviewer_reason for rule in taken], key=STRICTNESS.__getitem__),
        reactions=all(rule.reactions for rule in taken),
        reveal_reviewers=all(rule.reveal_reviewers for rule in taken),
    )


def _escalations(rules: Sequence[Rule], silent: Rule, ask: Facts) -> tuple[Escalation, ...]:
    """Unite them; each adds people only to stages that no rule without it names: those would become laxer."""
    found = dict.fromkeys(chain.from_iterable([rule.escalations for rule in rules]))
    if not found:
        return ()
    named = [
        (rule, {stage.name for stage in _needed(rule.stages, ask) or _needed(silent.stages, ask)})
        for rule in rules
    ]
    scoped = []
    for one in found:
        its = set().union(*(names for rule, names in named if one in rule.escalations))
        others = set().union(*(names for rule, names in named if one not in rule.escalations))
        scoped.append(replace(one, stages=tuple(sorted(its - others))))
    return tuple(sorted(scoped, key=lambda one: (one.after, one.remind, one.add)))


def _stages(rules: Sequence[Rule], silent: Rule, ask: Facts) -> tuple[Stage, ...]:
    found: dict[str, Stage] = {}
    for rule in rules:
        for stage in _needed(rule.stages, ask) or _needed(silent.stages, ask):
            other = found.get(stage.name)
            found[stage.name] = stage if other is None else _stricter(other, stage)
    return tuple(found.values())


def _needed(stages: Sequence[StageRule], ask: Facts) -> list[Stage]:
    """Return the stages this ask needs; one whose condition has no value is needed."""
    return [one.stage for one in stages if one.when is None or holds(one.when, ask, otherwise=True)]


def _stricter(left: Stage, right: Stage) -> Stage:
    if left == right:
        return left
    spans = [span for span in (left.within, right.within) if span is not None]
    return Stage(
        name=left.name,
        approvers=shared(left.approvers, right.approvers),
        quorum=max(left.quorum, right.quorum),
        deny=min(left.deny, right.deny),
        within=min(spans, default=None),
    )
