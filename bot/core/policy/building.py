"""Records as they were read → the model's values. Only what one record shows by itself is checked here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.core.policy.grammar import Additional, Requested, Shown
from bot.core.policy.model import (
    ActionType,
    Calendar,
    Clause,
    Defaults,
    Group,
    Kind,
    Limit,
    Otherwise,
    ParameterType,
    Per,
    Rule,
    StageRule,
    When,
)
from bot.core.policy.problems import Report
from bot.core.policy.records import Filled
from bot.core.terms import (
    Display,
    Effect,
    Escalation,
    ExecutorName,
    GroupName,
    PersonName,
    ReasonRule,
    Reversibility,
    RuleId,
    Stage,
)

NUMERIC = (Kind.INT, Kind.NUMBER)
MEASURED = (*NUMERIC, Kind.STRING, Kind.TEXT, Kind.IDENTIFIER, Kind.LIST)
ONLY_FOR = {
    "stages": (Effect.REQUIRE_APPROVAL,),
    "escalate": (Effect.REQUIRE_APPROVAL,),
    "justification": (Effect.REQUIRE_APPROVAL,),
    "separation": (Effect.REQUIRE_APPROVAL,),
    "approve_within": (Effect.REQUIRE_APPROVAL,),
    "reactions": (Effect.REQUIRE_APPROVAL,),
    "reveal_reviewers": (Effect.REQUIRE_APPROVAL,),
    "execute_within": (Effect.REQUIRE_APPROVAL, Effect.ALLOW),
    "report_within": (Effect.REQUIRE_APPROVAL, Effect.ALLOW),
    "show": (Effect.REQUIRE_APPROVAL, Effect.ALLOW),
    "limit": (Effect.ALLOW,),
}
ROUNDUP_AFTER = 12  # cards a minute: one every five seconds is more than a person can judge
BUILT_IN = ("requester", "on_behalf_of", "agent_owner")


def action_type(name: str, filled: Filled, report: Report) -> ActionType:
    """Return a catalogued action."""
    params = filled.get("params", {})
    parameters = {key: parameter(key, given, report) for key, (_, given) in params.items() if given}
    doubtful = len(parameters) < len(params)  # one is faulty: what refers to it is no second fault
    executor = filled.get("executor")
    return ActionType(
        name=name,
        title=filled.get("title"),
        executor=None if executor is None else ExecutorName(executor),
        reversibility=filled.get("reversibility", Reversibility.IRREVERSIBLE),
        parameters=parameters,
        additional=filled.get("additional") is Additional.SHOW or doubtful,
    )


def parameter(name: str, filled: Filled, report: Report) -> ParameterType:
    """Return one parameter, having checked that its keys fit its type."""
    kind: Kind = filled.get("type")
    for key, kinds in (("values", (Kind.ENUM,)), ("min", NUMERIC), ("max", MEASURED), ("of", (Kind.LIST,))):
        if filled.get(key) is not None and kind not in kinds:
            report.add(filled.at(key), f"a parameter of type {kind} has no {key}")
    if kind is Kind.ENUM and not filled.get("values"):
        report.add(filled.place, "an enum needs values")
    if filled.get("of") in (Kind.LIST, Kind.ENUM):
        report.add(filled.at("of"), "a list cannot hold lists or enums")
    least, most = filled.get("min"), filled.get("max")
    if most is not None and most < (
        0 if least is None and kind not in NUMERIC else least if least is not None else most
    ):
        report.add(filled.at("max"), "no value could be that small")
    redacted = filled.get("show") is Shown.REDACTED
    return ParameterType(
        name=name,
        kind=kind,
        display=Display.REDACTED if redacted else filled.get("render", Display.TEXT),
        title=filled.get("title"),
        optional=filled.get("optional", False),
        values=filled.get("values", ()),
        min=least,
        max=most,
        of=filled.get("of"),
    )


def group(name: str, filled: Filled) -> Group:
    """Return a group."""
    members, fallback = filled.get("members"), filled.get("fallback")
    return Group(
        name=GroupName(name),
        members=None if members is None else frozenset(PersonName(person) for _, person in members),
        slack_usergroup=filled.get("slack_usergroup"),
        oncall=filled.get("oncall"),
        fallback=None if fallback is None else GroupName(fallback),
    )


def calendar(name: str, filled: Filled, report: Report) -> Calendar:
    """Return a calendar with both ends in UTC."""
    zone = _zone(filled, report)
    # An hour that the clocks skip or repeat: begin at the earlier and end at the later reading.
    from_at = _instant(filled, "from", zone, 0, report)
    to_at = _instant(filled, "to", zone, 1, report)
    if to_at <= from_at:
        raise report.fault(filled.at("to"), "this calendar ends before it begins")
    return Calendar(name, from_at, to_at)


def _zone(filled: Filled, report: Report) -> ZoneInfo | None:
    if (name := filled.get("tz")) is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise report.fault(filled.at("tz"), f"there is no time zone {name}") from error


def _instant(filled: Filled, key: str, zone: ZoneInfo | None, fold: int, report: Report) -> datetime:
    try:
        read = datetime.fromisoformat(filled.get(key))
    except ValueError as error:
        raise report.fault(filled.at(key), f"there is no such instant: {error}") from error
    if read.tzinfo is None:
        if zone is None:
            raise report.fault(
                filled.at(key), "this instant has no zone; add tz, or an offset such as +01:00"
            )
        read = read.replace(tzinfo=zone, fold=fold)
    return read.astimezone(UTC)


def references(located: Any) -> tuple[str, ...]:
    """Return references without their places, each once, in order of their names."""
    return tuple(sorted({reference for _, reference in located or ()}))


def stage(filled: Filled, when: When | None) -> StageRule:
    """Return a stage as a rule writes it."""
    read = Stage(
        name=filled.get("name"),
        approvers=references(filled.get("approvers")),
        quorum=filled.get("quorum", 1),
        deny=filled.get("deny", 1),
        within=filled.get("within"),
    )
    return StageRule(read, when)


def escalations(filled: Filled, report: Report) -> tuple[Escalation, ...]:
    """Return a rule's escalations, earliest first."""
    found = []
    for given in filled.get("escalate", ()):
        if not (given.get("remind") or given.get("add")):
            report.add(given.place, "an escalation reminds or adds somebody")
        found.append(
            Escalation(given.get("after"), references(given.get("remind")), references(given.get("add")))
        )
    return tuple(sorted(found, key=lambda one: (one.after, one.remind, one.add)))


def rule(
    filled: Filled, stages: tuple[StageRule, ...], when: When | None, silent: Rule, report: Report
) -> Rule:
    """Return a rule, having checked that its keys fit its effect; `silent` speaks where it does not."""
    effect: Effect = filled.get("effect")
    for key, effects in ONLY_FOR.items():
        if filled.get(key) is not None and effect not in effects:
            report.add(filled.at(key), f"a rule whose effect is {effect} has no {key}")
    match = filled.get("match")
    limit, reasons = filled.get("limit"), filled.get("justification")
    return Rule(
        id=RuleId(filled.get("id")),
        actions=match["action"][1],
        effect=effect,
        clauses=tuple(Clause(name, values) for name, (_, values) in match.items() if name != "action"),
        during=filled.get("during"),
        when=when,
        reason=filled.get("reason"),
        limit=limit and Limit(limit.get("max"), limit.get("per", Per.AGENT), limit.get("window")),
        stages=stages,
        escalations=escalations(filled, report),
        show=filled.get("show") or silent.show,
        separation=tuple(dict.fromkeys((*silent.separation, *references(filled.get("separation"))))),
        approve_within=filled.get("approve_within", silent.approve_within),
        execute_within=filled.get("execute_within", silent.execute_within),
        report_within=filled.get("report_within", silent.report_within),
        requester_reason=bool(reasons and reasons.get("requester") is Requested.REQUIRED),
        reviewer_reason=reasons.get("reviewer", ReasonRule.OPTIONAL) if reasons else ReasonRule.OPTIONAL,
        reactions=filled.get("reactions", silent.reactions),
        reveal_reviewers=filled.get("reveal_reviewers", silent.reveal_reviewers),
    )


def defaults(filled: Filled, stages: tuple[StageRule, ...]) -> Defaults:
    """Return the defaults; separation can only be added to."""
    silent = Rule(
        id=RuleId("defaults"),
        actions=(),
        effect=Effect.REQUIRE_APPROVAL,
        approve_within=filled.get("approve_within", timedelta(minutes=30)),
        execute_within=filled.get("execute_within", timedelta(minutes=5)),
        report_within=filled.get("report_within", timedelta(hours=1)),
        separation=tuple(dict.fromkeys((*BUILT_IN, *references(filled.get("separation"))))),
        stages=stages,
        show=filled.get("show", ()),
        reactions=filled.get("reactions", False),
        reveal_reviewers=filled.get("reveal_reviewers", False),
    )
    return Defaults(
        unknown_action=filled.get("unknown_action", Otherwise.DENY),
        no_match=filled.get("no_match", Otherwise.REQUIRE_APPROVAL),
        rule=silent,
        alert=filled.get("alert", ()),
        roundup_after=filled.get("roundup_after", ROUNDUP_AFTER),
    )
