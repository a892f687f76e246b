"""Several rules that require approval → one set of demands, at least as strict as each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from bot.core.policy.judging import Facts, holds
from bot.core.policy.model import Defaults, Rule, StageRule
from bot.core.policy.references import shared
from bot.core.terms import Address, Escalation, ReasonRule, Stage

T = TypeVar("T")
STRICTNESS = list(ReasonRule)


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


def merged(rules: Sequence[Rule], defaults: Defaults, ask: Facts) -> Demands:
    """Merge rules in order of their ids; with none of them, the defaults stand.

    Where a rule says nothing the defaults speak for it, so that a further rule never makes anything laxer.
    """
    demands = [_demands(rule, defaults, ask) for rule in rules] or [_of_defaults(defaults, ask)]
    first = demands[0]
    for other in demands[1:]:
        first = _both(first, other)
    return replace(first, escalations=tuple(sorted(first.escalations, key=_order)))


def _order(escalation: Escalation) -> tuple[timedelta, tuple[str, ...], tuple[str, ...]]:
    return escalation.after, escalation.remind, escalation.add


def _of_defaults(defaults: Defaults, ask: Facts) -> Demands:
    return Demands(
        approve_within=defaults.approve_within,
        execute_within=defaults.execute_within,
        report_within=defaults.report_within,
        stages=_needed(defaults.stages, ask),
        separation=defaults.separation,
        escalations=(),
        show=defaults.show,
        requester_reason=False,
        reason_rule=ReasonRule.OPTIONAL,
        reactions=defaults.reactions,
        reveal_reviewers=defaults.reveal_reviewers,
    )


def _demands(rule: Rule, defaults: Defaults, ask: Facts) -> Demands:
    base = _of_defaults(defaults, ask)
    return Demands(
        approve_within=rule.approve_within or base.approve_within,
        execute_within=rule.execute_within or base.execute_within,
        report_within=rule.report_within or base.report_within,
        stages=_needed(rule.stages, ask) or base.stages,
        separation=_union(base.separation, rule.separation),
        escalations=rule.escalations,
        show=rule.show or base.show,
        requester_reason=rule.requester_reason,
        reason_rule=rule.reviewer_reason,
        reactions=base.reactions if rule.reactions is None else rule.reactions,
        reveal_reviewers=base.reveal_reviewers if rule.reveal_reviewers is None else rule.reveal_reviewers,
    )


def _both(left: Demands, right: Demands) -> Demands:
    return Demands(
        approve_within=min(left.approve_within, right.approve_within),
        execute_within=min(left.execute_within, right.execute_within),
        report_within=min(left.report_within, right.report_within),
        stages=_stages(left.stages, right.stages),
        separation=_union(left.separation, right.separation),
        escalations=_union(left.escalations, right.escalations),
        show=_union(left.show, right.show),
        requester_reason=left.requester_reason or right.requester_reason,
        reason_rule=max(left.reason_rule, right.reason_rule, key=STRICTNESS.index),
        reactions=left.reactions and right.reactions,
        reveal_reviewers=left.reveal_reviewers and right.reveal_reviewers,
    )


def _union(left: tuple[T, ...], right: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*left, *right)))


def _needed(stages: Sequence[StageRule], ask: Facts) -> tuple[Stage, ...]:
    """Return the stages this ask needs; one whose condition has no value is needed."""
    return tuple(
        Stage(stage.name, stage.approvers, stage.quorum, stage.deny, stage.within)
        for stage in stages
        if stage.when is None or holds(stage.when, ask, otherwise=True)
    )


def _stages(left: tuple[Stage, ...], right: tuple[Stage, ...]) -> tuple[Stage, ...]:
    found = {stage.name: stage for stage in left}
    for stage in right:
        found[stage.name] = _stage(found[stage.name], stage) if stage.name in found else stage
    return tuple(found.values())


def _stage(left: Stage, right: Stage) -> Stage:
    spans = [span for span in (left.within, right.within) if span is not None]
    return Stage(
        name=left.name,
        approvers=shared(left.approvers, right.approvers),
        quorum=max(left.quorum, right.quorum),
        deny=min(left.deny, right.deny),
        within=min(spans, default=None),
    )
