"""Small values for tests of the core: a request at noon, three approvers, one stage, one executor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.machine import (
    Cancel,
    Command,
    Decide,
    Inquire,
    Looking,
    Redeem,
    Reply,
    Report,
    Revoke,
    Tick,
    step,
)
from bot.core.terms import (
    Action,
    Actor,
    ActorKind,
    Address,
    AgentName,
    Change,
    Digest,
    Effect,
    Escalation,
    ExecutorName,
    GrantId,
    GroupName,
    PersonName,
    Plan,
    Proof,
    Request,
    RequestId,
    Reversibility,
    Roster,
    RuleId,
    Stage,
    State,
    Subject,
    Surface,
    Verdict,
)

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)  # the smallest step of our clocks
DEADLINE = NOON + timedelta(minutes=30)  # of a_request()
GRANT_ENDS = timedelta(minutes=5)
REPORT_DUE = timedelta(minutes=15)

AGENT = PersonName("deployer")  # the agent's own name, for when it poses as a person
OWNER, ASKER = PersonName("olga"), PersonName("ana")
BO, CY, DI, ED = (PersonName(name) for name in ("bo", "cy", "di", "ed"))
STRANGER = PersonName("sam")
EVERYBODY = frozenset({OWNER, ASKER, BO, CY, DI, ED, STRANGER, AGENT})
RUNNER = ExecutorName("db-runner")
DIGEST, OTHER_DIGEST, BUNDLE = Digest("9f2a61c0" + "0" * 56), Digest("0" * 64), Digest("b" * 64)

DBA = Stage("dba", ("group:dba",), 1)
PAIR = Stage("pair", ("group:dba",), 2)
LEADS = Stage("leads", ("group:leads",), 1)
OPS = Address("slack", "#ops")


def a_plan(*stages: Stage, **changes: Any) -> Plan:
    """A plan that wants these stages (one approval by a dba unless told)."""
    plan = Plan(
        effect=Effect.REQUIRE_APPROVAL,
        rules=(RuleId("prod-migrate"),),
        bundle=BUNDLE,
        reason=None,
        title="Run a database migration",
        reversibility=Reversibility.REVERSIBLE,
        parameters=(),
        executor=RUNNER,
        approve_within=DEADLINE - NOON,
        execute_within=GRANT_ENDS,
        report_within=REPORT_DUE,
        stages=stages or (DBA,),
        separation=("requester", "on_behalf_of", "agent_owner"),
        show=(OPS, Address("web", "inbox")),
    )
    return replace(plan, **changes)


def a_request(*stages: Stage, plan: Plan | None = None, **changes: Any) -> Request:
    """A pending request as intake builds it, due at its deadline."""
    plan = plan or a_plan(*stages)
    request = Request(
        id=RequestId("req_" + "0" * 32),
        version=1,
        state=State.PENDING,
        action=Action("db.migrate", {"env": "prod"}),
        resource=None,
        context=None,
        subject=Subject(AgentName(AGENT), ASKER),
        owner=OWNER,
        justification=None,
        summary=None,
        digest=DIGEST,
        plan=plan,
        grant_id=GrantId("1" * 32),
        created_at=NOON,
        expires_at=NOON + plan.approve_within,
        stage_opened_at=NOON,
        due_at=NOON + plan.approve_within,
    )
    return replace(request, **changes)


def a_roster(
    groups: Mapping[str, Collection[str] | None] | None = None,
    people: Collection[str] = EVERYBODY,
    barred: Collection[str] = (),
) -> Roster:
    """Everybody there is; bo, cy and the requester's side are dbas, di and ed lead."""
    named = {"dba": {BO, CY, OWNER, ASKER, AGENT}, "leads": {DI, ED}} if groups is None else groups
    return Roster(
        people=frozenset(PersonName(name) for name in people),
        groups={
            GroupName(group): None if members is None else frozenset(PersonName(name) for name in members)
            for group, members in named.items()
        },
        barred=frozenset(PersonName(name) for name in barred),
    )


def an_actor(name: str, surface: Surface = Surface.SLACK, kind: ActorKind = ActorKind.PERSON) -> Actor:
    """Somebody known by a signature."""
    return Actor(kind, name, surface, f"T0/{name}", Proof.SIGNATURE)


def a_verdict(person: str, verdict: Verdict, **changes: Any) -> Decide:
    """A verdict on the action that the request holds, by somebody who saw all of it."""
    command = Decide(
        person=PersonName(person),
        verdict=verdict,
        reason=None,
        digest=DIGEST,
        complete=True,
        roster=a_roster(),
        by=an_actor(person),
    )
    return replace(command, **changes)


def approve(person: str, **changes: Any) -> Decide:
    """An approval."""
    return a_verdict(person, Verdict.APPROVE, **changes)


def deny(person: str, **changes: Any) -> Decide:
    """A denial."""
    return a_verdict(person, Verdict.DENY, **changes)


def comment(person: str, words: str = "Looking.", **changes: Any) -> Decide:
    """A comment."""
    return a_verdict(person, Verdict.COMMENT, reason=words, **changes)


def cancel() -> Cancel:
    """The agent withdraws."""
    return Cancel(an_actor(AGENT, Surface.API, ActorKind.AGENT))


def ask(person: str, words: str = "Why now?", **changes: Any) -> Inquire:
    """A question to the agent."""
    return replace(Inquire(PersonName(person), words, a_roster(), an_actor(person)), **changes)


def reply(number: int = 1, words: str = "The disk is full", agent: str = AGENT) -> Reply:
    """The agent's answer."""
    return Reply(number, words, an_actor(agent, Surface.API, ActorKind.AGENT))


def look(person: str, **changes: Any) -> Looking:
    """An approver says that they are looking."""
    return replace(Looking(PersonName(person), a_roster(), an_actor(person)), **changes)


def tick(roster: Roster | None = None) -> Tick:
    """Time has passed."""
    return Tick(roster or a_roster())


def redeem(executor: str = RUNNER, **changes: Any) -> Redeem:
    """The executor is about to run it."""
    by = an_actor(executor, Surface.API, ActorKind.EXECUTOR)
    return replace(Redeem(ExecutorName(executor), DIGEST, None, (), False, by), **changes)


def revoke() -> Revoke:
    """An admin takes the grant back."""
    return Revoke(an_actor(ED, Surface.WEB), "not now")


def report(executor: str = RUNNER, status: State = State.SUCCEEDED) -> Report:
    """The executor says what became of it."""
    by = an_actor(executor, Surface.API, ActorKind.EXECUTOR)
    return Report(ExecutorName(executor), status, None, None, by)


def reviewed(request: Request, *commands: Command, at: datetime = NOON) -> Request:
    """The request after these verdicts, or whatever else people did."""
    for command in commands:
        request = after(step(request, command, now=at))
    return request


def after(change: Change) -> Request:
    """The request as a change leaves it."""
    assert change.after is not None
    return change.after


def an_approved(at: datetime = NOON, **changes: Any) -> Request:
    """A request whose grant waits."""
    return reviewed(a_request(**changes), approve(BO), at=at)


def a_released(at: datetime = NOON) -> Request:
    """A request whose grant was redeemed."""
    return after(step(an_approved(at), redeem(), now=at))


def an_escalation(minutes: float, **levels: tuple[str, ...]) -> Escalation:
    """Remind or add people so many minutes after noon."""
    return Escalation(timedelta(minutes=minutes), **levels)


def sent(change: Change) -> set[tuple[str, str, str]]:
    """What a change sends: (kind, address, event)."""
    return {(send.kind.value, send.address, send.event) for send in change.sends}


def kinds(change: Change) -> list[str]:
    """The audit entries a change leaves, with their decisions."""
    return [f"{e.kind.value}={e.decision}" if e.decision else e.kind.value for e in change.entries]
