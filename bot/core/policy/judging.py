"""Which rules match an ask. Where a key or a boolean is missing, deny and require match, allow does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.core.policy.model import Calendar, Clause, ConditionError, Limit, Per, Rule, When
from bot.core.policy.parameters import same
from bot.core.terms import Action, Effect, Json, Resource, Subject, Use

MISSING: Any = object()  # a value that could be there, and is not


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules may look at; `variables` are the same facts as conditions name them."""

    action: Action
    resource: Resource | None
    context: Mapping[str, Json]
    subject: Subject
    now: datetime
    variables: Mapping[str, Json]


def facts(
    action: Action,
    resource: Resource | None,
    context: Mapping[str, Json] | None,
    subject: Subject,
    now: datetime,
) -> Facts:
    """Gather what rules may look at. A resource or an optional parameter that is absent is no variable."""
    variables: dict[str, Json] = {
        "params": action.parameters,
        "resource": {} if resource is None else {"type": resource.type, "id": resource.id},
        "context": context or {},
        "agent": subject.agent,
        "on_behalf_of": subject.on_behalf_of or "",  # nobody is a fact, not a missing key
        "now": now,
    }
    for name, value in action.parameters.items():
        variables[f"params.{name}"] = value
    if resource is not None:
        variables["resource.type"] = resource.type
        variables["resource.id"] = resource.id
    return Facts(action, resource, context or {}, subject, now, variables)


def mismatch(rule: Rule, ask: Facts, calendars: Mapping[str, Calendar]) -> Clause | str | None:
    """Return None if the rule matches, else what keeps it from matching: a clause, `during` or `when`.

    That the rule is about the action is taken for granted: `Bundle.rules_for` has seen to it.
    """
    strict = rule.effect is not Effect.ALLOW
    for clause in rule.clauses:
        if not _met(clause, ask, strict):
            return clause
    if rule.during is not None:
        calendar = calendars[rule.during]
        if not calendar.from_at <= ask.now < calendar.to_at:
            return "during"
    if rule.when is not None and not holds(rule.when, ask, otherwise=strict):
        return "when"
    return None


def _met(clause: Clause, ask: Facts, strict: bool) -> bool:
    value = value_at(clause, ask)
    if value is MISSING:
        return strict
    return any(value == wanted and same(value, wanted) for wanted in clause.values)


def value_at(clause: Clause, ask: Facts) -> Json:
    """Return what the clause looks at, or `MISSING` where the ask left it out."""
    if clause.name.startswith("context."):
        return ask.context.get(clause.name[8:], MISSING)
    return ask.variables.get(clause.name, MISSING)


def holds(when: When, ask: Facts, *, otherwise: bool) -> bool:
    """Evaluate a condition; `otherwise` is what an error means."""
    condition = when.compiled.get(ask.action.name)
    if condition is None:
        return otherwise
    try:
        return condition(ask.variables)
    except ConditionError:
        return otherwise


def use(rule: Rule, limit: Limit, ask: Facts) -> Use:
    """Return the bucket in which this ask would count against the rule's limit."""
    keys = {
        Per.AGENT: f"agent:{ask.subject.agent}",
        Per.ON_BEHALF_OF: f"on_behalf_of:{ask.subject.on_behalf_of or ''}",
        Per.RESOURCE: f"resource:{ask.resource.type}:{ask.resource.id}" if ask.resource else "resource:",
        Per.ACTION: f"action:{ask.action.name}",
        Per.ALL: "all",
    }
    return Use(rule.id, f"{rule.id}/{keys[limit.per]}", limit.max, limit.window)
