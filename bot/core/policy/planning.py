"""plan(bundle, directory, agent, ask, now, used) → Plan: what the policy demands of one ask. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.canonical import canonical
from bot.core.durations import iso_duration
from bot.core.errors import ActsForNobody, Malformed, NotItsExecutor
from bot.core.policy.judging import Facts, facts, mismatch, use
from bot.core.policy.merging import Demands
from bot.core.policy.model import ActionType, Directory, Otherwise, Rule
from bot.core.policy.validating import validate
from bot.core.policy.whole import Bundle
from bot.core.terms import (
    Agent,
    Ask,
    Display,
    Effect,
    Escalation,
    ExecutorName,
    GroupName,
    Parameter,
    PersonName,
    Plan,
    Request,
    Reversibility,
    RuleId,
    Stage,
    Subject,
    Use,
)

Commit = Callable[[bytes], str]
UNKNOWN = "The catalog does not know this action."
UNSPOKEN = "No rule speaks of this action."


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of an ask: the effect, the rules that make it so, and why."""

    effect: Effect
    rules: tuple[Rule, ...]
    reason: str | None
    uses: tuple[Use, ...] = ()


def candidates(bundle: Bundle, agent: Agent, ask: Ask, now: datetime) -> tuple[Use, ...]:
    """Return the allow-limit buckets that may matter for this ask, so that their use can be looked up."""
    rules = [rule for rule in bundle.rules_for(ask.action.name) if rule.limit]
    if not rules:
        return ()
    asked = _facts(agent, ask, now)
    return tuple(
        use(rule, rule.limit, asked)
        for rule in rules
        if rule.limit and mismatch(rule, asked, bundle.calendars) is None
    )


def plan(
    bundle: Bundle,
    directory: Directory,
    agent: Agent,
    ask: Ask,
    now: datetime,
    used: Mapping[str, int],
    *,
    executes: bool,
    commit: Commit,
) -> Plan:
    """Return what the policy demands of this ask; `used` says how full each bucket of `candidates` is.

    `executes` lets the agent itself redeem where the catalog names no executor. `commit` makes the keyed
    commitment of a redacted value. Raises `Malformed` for what the catalog does not take, `ActsForNobody`,
    `NotItsExecutor`.
    """
    known = bundle.actions.get(ask.action.name)
    if not _acts_for(agent, ask.on_behalf_of, directory):
        raise ActsForNobody(pointers=(("/on_behalf_of", ActsForNobody.sentence()),))
    validate(ask, known)
    executor = _executor(known, agent, ask, executes)
    if ask.runner not in (None, executor):
        raise NotItsExecutor(f"{ask.action.name} is run by {executor or 'nobody'}, not by {ask.runner}.")
    asked = _facts(agent, ask, now)
    judged = judge(bundle, asked, used)
    required = judged.rules if judged.effect is not Effect.DENY else ()
    demands = bundle.merger.demands(required, asked)
    waits = judged.effect is Effect.REQUIRE_APPROVAL
    if waits and demands.requester_reason and not (ask.justification or "").strip():
        sentence = "The policy wants a justification for this action."
        raise Malformed(sentence, pointers=(("/justification", sentence),))
    return _plan(bundle, known, ask, judged, demands, executor, commit)


def _acts_for(agent: Agent, person: PersonName | None, directory: Directory) -> bool:
    return person is None or (person in agent.acts_for and person in directory.people)


def _executor(known: ActionType | None, agent: Agent, ask: Ask, executes: bool) -> ExecutorName | None:
    if known is not None and known.executor is not None:
        return known.executor
    return ask.runner or ExecutorName(agent.name) if executes else None


def _plan(
    bundle: Bundle,
    known: ActionType | None,
    ask: Ask,
    judged: Judgement,
    demands: Demands,
    executor: ExecutorName | None,
    commit: Commit,
) -> Plan:
    waits = judged.effect is Effect.REQUIRE_APPROVAL
    within = min(demands.approve_within, ask.approve_within or demands.approve_within)
    stages = demands.stages if waits else ()
    return Plan(
        effect=judged.effect,
        rules=tuple(rule.id for rule in judged.rules),
        bundle=bundle.digest,
        reason=judged.reason,
        title=known.title if known else ask.action.name,
        reversibility=known.reversibility if known else Reversibility.IRREVERSIBLE,
        parameters=_parameters(known, ask, commit),
        executor=executor,
        approve_within=within,
        execute_within=demands.execute_within,
        report_within=demands.report_within,
        stages=stages,
        separation=demands.separation,
        escalations=(*demands.escalations, *_fallbacks(bundle, stages, within)) if waits else (),
        show=demands.show,
        reason_rule=demands.reason_rule,
        reactions=demands.reactions and waits,
        reveal_reviewers=demands.reveal_reviewers,
        uses=judged.uses,
    )


def _facts(agent: Agent, ask: Ask, now: datetime) -> Facts:
    return facts(ask.action, ask.resource, ask.context, Subject(agent.name, ask.on_behalf_of), now)


def judge(bundle: Bundle, asked: Facts, used: Mapping[str, int]) -> Judgement:
    """Weigh every matching rule: deny before require before allow."""
    known = asked.action.name in bundle.actions
    found = bundle.matching(asked)
    if denying := tuple(rule for rule in found if rule.effect is Effect.DENY):
        return Judgement(Effect.DENY, denying, _reasons(denying))
    if not known and bundle.defaults.unknown_action is Otherwise.DENY:
        return Judgement(Effect.DENY, (), UNKNOWN)
    spent = [rule for rule in found if rule.limit and _is_spent(rule, asked, used)]
    requiring = tuple(rule for rule in found if rule.effect is Effect.REQUIRE_APPROVAL or rule in spent)
    if requiring:
        return Judgement(Effect.REQUIRE_APPROVAL, requiring, _reasons(requiring) or _spent(spent))
    if not known:
        return Judgement(Effect.REQUIRE_APPROVAL, (), UNKNOWN)
    if found:
        uses = tuple(use(rule, rule.limit, asked) for rule in found if rule.limit)
        return Judgement(Effect.ALLOW, tuple(found), _reasons(found), uses)
    if bundle.defaults.no_match is Otherwise.DENY:
        return Judgement(Effect.DENY, (), UNSPOKEN)
    return Judgement(Effect.REQUIRE_APPROVAL, (), UNSPOKEN)


def _is_spent(rule: Rule, asked: Facts, used: Mapping[str, int]) -> bool:
    if rule.limit is None:
        return False
    bucket = use(rule, rule.limit, asked)
    return used.get(bucket.bucket, 0) >= bucket.max


def _spent(rules: Iterable[Rule]) -> str | None:
    said = [
        f"{rule.id} allows {rule.limit.max} in {iso_duration(rule.limit.window)}"
        for rule in rules
        if rule.limit
    ]
    return f"Past its limit: {'; '.join(said)}." if said else None


def _reasons(rules: Iterable[Rule]) -> str | None:
    said = dict.fromkeys(rule.reason for rule in rules if rule.reason)
    return "; ".join(said) or None


def _fallbacks(bundle: Bundle, stages: Sequence[Stage], within: timedelta) -> tuple[Escalation, ...]:
    """Return last escalations to the groups' fallbacks: they fire when no quorum can be met without them."""
    found: dict[tuple[str, ...], list[str]] = {}
    for stage in stages:
        if add := _fallback(bundle, stage):
            found.setdefault(add, []).append(stage.name)
    return tuple(Escalation(within, add=add, stages=tuple(names)) for add, names in found.items())


def _fallback(bundle: Bundle, stage: Stage) -> tuple[str, ...]:
    """Return whom the stage's groups fall back to, and they in turn."""
    found: dict[str, None] = {}
    waiting = list(stage.approvers)
    while waiting:
        group = bundle.groups.get(GroupName(waiting.pop(0).removeprefix("group:")))
        if group is not None and group.fallback is not None and f"group:{group.fallback}" not in found:
            found[f"group:{group.fallback}"] = None
            waiting.append(f"group:{group.fallback}")
    return tuple(found)


def _parameters(known: ActionType | None, ask: Ask, commit: Commit) -> tuple[Parameter, ...]:
    """Return how each parameter is shown, in the catalog's order, then those it does not know."""
    given = ask.action.parameters
    types = known.parameters if known else {}
    shown = []
    for name, kind in types.items():
        if name in given:
            hidden = kind.display is Display.REDACTED
            commitment = commit(canonical(given[name])) if hidden else None
            shown.append(Parameter(name, kind.display, kind.title, commitment))
    unknown = sorted(name for name in given if name not in types)
    return (*shown, *(Parameter(name, Display.UNINSPECTABLE) for name in unknown))


def denies(
    bundle: Bundle, request: Request, agent: Agent | None, directory: Directory, now: datetime
) -> tuple[RuleId, ...]:
    """Return what in the policy in force now denies a planned request; a laxer bundle changes nothing.

    Besides rules: `defaults.unknown_action`, `defaults.no_match`, and `acts_for` when the agent may no longer
    act for that person.
    """
    if agent is None or not _acts_for(agent, request.subject.on_behalf_of, directory):
        return (RuleId("acts_for"),)
    asked = facts(request.action, request.resource, request.context, request.subject, now)
    judged = judge(bundle, asked, {})
    if judged.effect is not Effect.DENY:
        return ()
    if judged.rules:
        return tuple(rule.id for rule in judged.rules)
    known = request.action.name in bundle.actions
    return (RuleId("defaults.no_match" if known else "defaults.unknown_action"),)
