"""Values for the storage tests."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from bot.core.terms import (
    Action,
    Actor,
    ActorKind,
    Address,
    AgentName,
    CallbackKind,
    Change,
    Digest,
    Display,
    Effect,
    Entry,
    EntryKind,
    ExecutorName,
    GrantId,
    OutboxKind,
    Parameter,
    PersonName,
    Plan,
    Proof,
    Request,
    RequestId,
    Resource,
    Reversibility,
    Review,
    RuleId,
    Send,
    Stage,
    State,
    Subject,
    Surface,
    Verdict,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DIGEST = Digest("ab" * 32)
AGENT = AgentName("deployer")
ANA = PersonName("ana")
BO = PersonName("bo")
RUNNER = ExecutorName("db-runner")
BY_AGENT = Actor(ActorKind.AGENT, AGENT, Surface.API, "key-1", Proof.KEY)
BY_ANA = Actor(ActorKind.PERSON, ANA, Surface.SLACK, "T1/U1", Proof.SIGNATURE)
BY_BO = Actor(ActorKind.PERSON, BO, Surface.WEB, "", Proof.SESSION)
PLAN = Plan(
    effect=Effect.REQUIRE_APPROVAL,
    rules=(RuleId("prod"),),
    bundle=DIGEST,
    reason=None,
    title="Run a migration",
    reversibility=Reversibility.IRREVERSIBLE,
    parameters=(Parameter("statement", Display.CODE),),
    executor=RUNNER,
    approve_within=HOUR,
    execute_within=HOUR,
    report_within=HOUR,
    stages=(
        Stage("dba", ("group:dba", "person:bo"), quorum=1),
        Stage("leads", ("group:leads",), quorum=1),
    ),
    show=(Address("slack", "#ops"),),
)

_numbers = count()


def salt() -> bytes:
    """Return 16 random bytes."""
    return os.urandom(16)


def a_request(**parts: Any) -> Request:
    """Return a pending request, with these parts instead of the usual ones."""
    number = next(_numbers)
    usual: dict[str, Any] = {
        "id": RequestId(f"req_{number:012x}{os.urandom(10).hex()}"),
        "version": 1,
        "state": State.PENDING,
        "action": Action(
            "db.migrate", {"statement": "ALTER TABLE t ADD c int", "lock": 1.5, "tries": [1, None]}
        ),
        "resource": Resource("database", "orders"),
        "context": {"ticket": "OPS-1"},
        "subject": Subject(AGENT, ANA),
        "owner": BO,
        "justification": "the release needs it",
        "summary": None,
        "digest": DIGEST,
        "plan": PLAN,
        "grant_id": GrantId(os.urandom(16).hex()),
        "created_at": NOON + timedelta(microseconds=number),
        "expires_at": NOON + HOUR,
        "stage_opened_at": NOON,
        "due_at": NOON + HOUR,
    }
    return Request(**(usual | parts))


def received(request: Request) -> Entry:
    """Return the audit entry of a new request."""
    return Entry(
        EntryKind.RECEIVED,
        request.created_at,
        BY_AGENT,
        request_id=request.id,
        agent=request.subject.agent,
        action_digest=request.digest,
        policy_digest=request.plan.bundle,
    )


def asked(request: Request, **parts: Any) -> Change:
    """Return the change that makes a request: itself, one entry, one card to show."""
    usual: dict[str, Any] = {
        "after": request,
        "expected": None,
        "entries": (received(request),),
        "sends": (Send(OutboxKind.SHOW, "slack:#ops", request.created_at),),
    }
    return Change(**(usual | parts))


def approved(request: Request, by: Actor = BY_ANA, **parts: Any) -> Change:
    """Return the change that approves a request: itself with a review, its entry, its callback."""
    at = NOON + MINUTE
    review = Review(PersonName(by.name), Verdict.APPROVE, "fine", "dba", request.digest, by, at)
    after = replace(
        request,
        version=request.version + 1,
        state=State.APPROVED,
        reviews=(*request.reviews, review),
        decided_at=at,
        due_at=at + HOUR,
    )
    entry = Entry(EntryKind.REVIEWED, at, by, request_id=request.id, private={"reason": "fine"})
    usual: dict[str, Any] = {
        "after": after,
        "expected": request.version,
        "entries": (entry,),
        "sends": (Send(OutboxKind.SHOW, "slack:#ops", at),),
        "callback": CallbackKind.APPROVED,
    }
    return Change(**(usual | parts))


def admin_entry(**parts: Any) -> Entry:
    """Return the audit entry of an admin's command."""
    operator = Actor(ActorKind.OPERATOR, "root", Surface.CLI, "", Proof.SHELL)
    return Entry(EntryKind.ADMIN, NOON, operator, **parts)
