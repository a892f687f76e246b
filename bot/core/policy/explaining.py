"""explain(…) → why an ask gets its plan: each rule with what decided it, and what merging made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.core.policy.judging import MISSING, Facts, facts, mismatch, value_at
from bot.core.policy.model import Clause, ConditionError, Directory, Rule
from bot.core.policy.planning import Commit, plan
from bot.core.policy.whole import Bundle
from bot.core.terms import Agent, Ask, Effect, Plan, RuleId, Stage, Subject


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule about this action: whether it matches, and by what."""

    rule: RuleId
    effect: Effect
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A plan and how it came about."""

    plan: Plan
    considered: tuple[Considered, ...]
    others: int  # rules about other actions
    merged: tuple[str, ...]


def explain(
    bundle: Bundle,
    directory: Directory,
    agent: Agent,
    ask: Ask,
    now: datetime,
    used: Mapping[str, int],
    *,
    executes: bool,
    commit: Commit,
) -> Explanation:
    """Return the plan of `plan`, with every rule that was considered. Raises what `plan` raises."""
    planned = plan(bundle, directory, agent, ask, now, used, executes=executes, commit=commit)
    asked = facts(ask.action, ask.resource, ask.context, Subject(agent.name, ask.on_behalf_of), now)
    rules = bundle.rules_for(ask.action.name)
    return Explanation(
        plan=planned,
        considered=tuple(_considered(rule, asked, bundle) for rule in rules),
        others=len(bundle.rules) - len(rules),
        merged=tuple(_merged(planned, rules)),
    )


def _considered(rule: Rule, asked: Facts, bundle: Bundle) -> Considered:
    failed = mismatch(rule, asked, bundle.calendars)
    if failed is None:
        why = "; ".join(_held(rule, asked)) or "it matches every such action"
        return Considered(rule.id, rule.effect, True, why)
    if isinstance(failed, Clause):
        absent = value_at(failed, asked) is MISSING
        why = f"{failed.name} is {'missing' if absent else 'not'}{'' if absent else ' ' + _values(failed)}"
    elif failed == "during":
        why = f"now is outside the calendar {rule.during}"
    else:
        why = f"{_condition(rule, asked)}: {rule.when.text if rule.when else ''}"
    return Considered(rule.id, rule.effect, False, why)


def _held(rule: Rule, asked: Facts) -> Iterator[str]:
    for clause in rule.clauses:
        if value_at(clause, asked) is MISSING:
            yield f"{clause.name} is missing, which a rule that is no allow takes as a match"
        else:
            yield f"{clause.name} is {_values(clause)}"
    if rule.during is not None:
        yield f"now is within the calendar {rule.during}"
    if rule.when is not None:
        yield f"{_condition(rule, asked)}: {rule.when.text}"


def _values(clause: Clause) -> str:
    return " or ".join(str(value) for value in clause.values)


def _condition(rule: Rule, asked: Facts) -> str:
    compiled = rule.when.compiled.get(asked.action.name) if rule.when else None
    if compiled is None:
        return "its condition was not made for this action"
    try:
        return "its condition holds" if compiled(asked.variables) else "its condition does not hold"
    except ConditionError as error:
        return f"its condition has no answer ({error.message})"


def _merged(planned: Plan, rules: tuple[Rule, ...]) -> Iterator[str]:
    """Say where each stage comes from, where several rules had a word in it."""
    taking = [rule for rule in rules if rule.id in planned.rules]
    for stage in planned.stages:
        sources = [(rule.id, own) for rule in taking for own in rule.stages if own.stage.name == stage.name]
        if not sources:
            yield f"stage {stage.name} stands in the defaults: {_stage(stage)}"
        elif len(sources) > 1:
            quorums = ", ".join(f"{rule} asks for {own.stage.quorum}" for rule, own in sources)
            yield f"stage {stage.name} is shared ({quorums}): {_stage(stage)}"
    if planned.effect is Effect.REQUIRE_APPROVAL and not planned.stages:
        yield "no stage says who could approve: the request opens unsatisfiable and goes to the admins"


def _stage(stage: Stage) -> str:
    return f"{stage.quorum} of {', '.join(stage.approvers) or 'nobody'}, ended by {stage.deny} against"
