"""`*_test.yaml` → cases, and whether they hold. The format is described in docs/policy.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.core.errors import Refusal
from bot.core.policy.caseshapes import TEST, noon_or
from bot.core.policy.model import Directory
from bot.core.policy.planning import candidates, plan
from bot.core.policy.problems import Faulty, Place, Report, suggestion
from bot.core.policy.records import Filled
from bot.core.policy.tree import read_tree
from bot.core.policy.whole import Bundle
from bot.core.terms import (
    Action,
    Agent,
    AgentName,
    Ask,
    Digest,
    Effect,
    GroupName,
    PersonName,
    Plan,
    Resource,
    RuleId,
    State,
    Verdict,
)

NO_BODY = Digest("0" * 64)
COMMITMENT = "0" * 64  # redacted values look alike in a test


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review that a case plays: `after` the request was made."""

    by: PersonName
    verdict: Verdict
    after: timedelta
    reason: str | None
    refused: bool  # whether the case expects it to be refused


@dataclass(frozen=True, slots=True)
class Expected:
    """What a case expects; None expects nothing."""

    effect: Effect | None
    rules: frozenset[RuleId] | None
    stages: tuple[str, ...] | None
    state: State | None
    refused: bool


@dataclass(frozen=True, slots=True)
class Case:
    """An ask, what happens to it, and what should come of it."""

    name: str
    place: Place
    agent: Agent
    ask: Ask
    now: datetime
    used: Mapping[str, int]
    groups: Mapping[GroupName, frozenset[PersonName]]  # who is in the groups that no file tells
    away: Mapping[PersonName, PersonName]
    reviews: tuple[Reviewed, ...]
    looked_after: timedelta | None  # when the state is looked at; default after the last review
    expected: Expected


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case: it holds if there are no problems."""

    case: Case
    plan: Plan | None
    problems: tuple[str, ...]


Play = Callable[[Case, Plan, Bundle, Directory], tuple[State, tuple[str, ...]]]
"""Plays a case's reviews on its plan; returns the state it ends in, and what went otherwise than expected."""


def read_cases(files: Mapping[str, str]) -> tuple[Case, ...]:
    """Return the cases of the test files; raises `PolicyBroken`."""
    report = Report(files)
    cases: list[Case] = []
    for name in sorted(files):
        try:
            root = read_tree(files[name], name, report)
            if root is not None:
                cases += _cases(TEST.read(root, report), report)
        except Faulty:
            continue
    report.close()
    return tuple(cases)


def _cases(filled: Filled, report: Report) -> list[Case]:
    agents = {name: _agent(name, given) for name, (_, given) in filled.get("agents", {}).items() if given}
    groups = {
        GroupName(name): frozenset(PersonName(person) for person in people or ())
        for name, (_, people) in filled.get("groups", {}).items()
    }
    cases = []
    for given in filled.get("cases", ()):
        name = given.get("agent", next(iter(agents), ""))
        if name not in agents:
            report.add(given.at("agent"), f"there is no agent {name} here{suggestion(name, agents)}")
            continue
        cases.append(_case(given, agents[name], groups))
    return cases


def _agent(name: str, filled: Filled) -> Agent:
    owner = PersonName(filled.get("owner"))
    return Agent(
        name=AgentName(name),
        owner=owner,
        acts_for=frozenset(PersonName(person) for person in filled.get("acts_for", (owner,))),
        executes=filled.get("executes", False),
        pending_max=1,
        per_minute=1,
        created_at=datetime(2000, 1, 1, tzinfo=UTC),
    )


def _case(filled: Filled, agent: Agent, groups: Mapping[GroupName, frozenset[PersonName]]) -> Case:
    resource = filled.get("resource")
    expect = filled.get("expect")
    rules = expect.get("rules")
    return Case(
        name=filled.get("name"),
        place=filled.place,
        agent=agent,
        ask=Ask(
            action=Action(filled.get("action"), filled.get("parameters", {})),
            body_digest=NO_BODY,
            resource=Resource(resource.get("type"), resource.get("id")) if resource else None,
            on_behalf_of=filled.get("on_behalf_of"),
            justification=filled.get("justification"),
            context=filled.get("context"),
            approve_within=filled.get("approve_within"),
        ),
        now=noon_or(filled.get("now")),
        used={name: count for name, (_, count) in filled.get("used", {}).items()},
        groups=groups,
        away={PersonName(name): PersonName(to) for name, (_, to) in filled.get("away", {}).items() if to},
        reviews=tuple(_reviewed(given) for given in filled.get("reviews", ())),
        looked_after=filled.get("after"),
        expected=Expected(
            effect=expect.get("effect"),
            rules=None if rules is None else frozenset(RuleId(rule) for rule in rules),
            stages=expect.get("stages"),
            state=expect.get("state"),
            refused=expect.get("refused", False),
        ),
    )


def _reviewed(filled: Filled) -> Reviewed:
    return Reviewed(
        by=PersonName(filled.get("by")),
        verdict=filled.get("verdict"),
        after=filled.get("after", timedelta(minutes=1)),
        reason=filled.get("reason"),
        refused=filled.get("refused", False),
    )


def run_cases(
    bundle: Bundle, directory: Directory, cases: Sequence[Case], play: Play
) -> tuple[CaseResult, ...]:
    """Plan each case, play its reviews, and compare."""
    return tuple(_run(bundle, directory, case, play) for case in cases)


def _run(bundle: Bundle, directory: Directory, case: Case, play: Play) -> CaseResult:
    buckets = candidates(bundle, case.agent, case.ask, case.now)
    used = {bucket.bucket: case.used.get(bucket.rule, 0) for bucket in buckets}
    try:
        planned = plan(
            bundle,
            directory,
            case.agent,
            case.ask,
            case.now,
            used,
            executes=case.agent.executes,
            commit=lambda _: COMMITMENT,
        )
    except Refusal as refusal:
        said = "; ".join(f"{pointer}: {message}" for pointer, message in refusal.pointers) or refusal.detail
        return CaseResult(case, None, () if case.expected.refused else (f"refused: {said}",))
    problems = _compared(case, planned)
    if case.expected.state is not None or case.reviews:
        state, odd = play(case, planned, bundle, directory)
        problems += odd
        if case.expected.state not in (None, state):
            problems += (f"state is {state}, not {case.expected.state}",)
    return CaseResult(case, planned, problems)


def _compared(case: Case, planned: Plan) -> tuple[str, ...]:
    wanted, problems = case.expected, list[str]()
    if wanted.refused:
        problems.append("it was taken, not refused")
    if wanted.effect not in (None, planned.effect):
        problems.append(f"effect is {planned.effect}, not {wanted.effect}")
    if wanted.rules is not None and wanted.rules != frozenset(planned.rules):
        problems.append(f"rules are {_listed(planned.rules)}, not {_listed(sorted(wanted.rules))}")
    names = tuple(stage.name for stage in planned.stages)
    if wanted.stages is not None and wanted.stages != names:
        problems.append(f"stages are {_listed(names)}, not {_listed(wanted.stages)}")
    return tuple(problems)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def uncovered(bundle: Bundle, results: Sequence[CaseResult]) -> tuple[RuleId, ...]:
    """Return the rules that no case's plan names: nobody has tried them yet."""
    seen = {rule for result in results if result.plan for rule in result.plan.rules}
    return tuple(rule.id for rule in bundle.rules if rule.id not in seen)
