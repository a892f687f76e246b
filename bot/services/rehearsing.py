"""Plays a policy's test cases on the real machine: no store, no clock, nobody is told."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.core.action import digest
from bot.core.errors import Refusal
from bot.core.machine import Decide, Tick, opened, step
from bot.core.policy import Bundle, Case, Directory, barred, people_of, static_members
from bot.core.terms import (
    Actor,
    ActorKind,
    GrantId,
    GroupName,
    PersonName,
    Plan,
    Proof,
    Request,
    RequestId,
    Roster,
    State,
    Subject,
    Surface,
)

ROUNDS = 1000  # of the clock, before a case counts as one that never rests


def played(case: Case, planned: Plan, bundle: Bundle, directory: Directory) -> tuple[State, tuple[str, ...]]:
    """Return the state a case ends in, and the reviews that went otherwise than it expects. See `Play`."""
    roster = _roster(case, planned, bundle, directory)
    request = _opened(case, planned, roster)
    odd: list[str] = []
    for review in sorted(case.reviews, key=lambda one: one.after):
        at = case.now + review.after
        request = _until(request, roster, at)
        by = Actor(ActorKind.PERSON, review.by, Surface.CLI, review.by, Proof.SHELL)
        command = Decide(review.by, review.verdict, review.reason, request.digest, True, roster, by)
        try:
            request = step(request, command, at).after or request
        except Refusal as refusal:
            if not review.refused:
                odd.append(f"{review.by}'s review was refused: {refusal.detail}")
        else:
            if review.refused:
                odd.append(f"{review.by}'s review was taken, not refused")
    last = max((review.after for review in case.reviews), default=timedelta(0))
    return _until(request, roster, case.now + (case.looked_after or last)).state, tuple(odd)


def _opened(case: Case, planned: Plan, roster: Roster) -> Request:
    subject = Subject(case.agent.name, case.ask.on_behalf_of)
    request = Request(
        id=RequestId("req_" + "0" * 32),
        version=1,
        state=State.PENDING,
        action=case.ask.action,
        resource=case.ask.resource,
        context=case.ask.context,
        subject=subject,
        owner=case.agent.owner,
        justification=case.ask.justification,
        summary=None,
        digest=digest(subject, case.ask.action, case.ask.resource, case.ask.context),
        plan=planned,
        grant_id=GrantId("0" * 32),
        created_at=case.now,
        expires_at=case.now + planned.approve_within,
        stage_opened_at=case.now,
    )
    by = Actor(ActorKind.AGENT, case.agent.name, Surface.CLI, case.agent.name, Proof.SHELL)
    return opened(request, roster, by, case.now).after or request


def _until(request: Request, roster: Roster, at: datetime) -> Request:
    """Let the clock ring for everything that is due by then."""
    for _ in range(ROUNDS):
        if request.due_at is None or request.due_at > at:
            break
        request = step(request, Tick(roster), request.due_at).after or request
    return request


def _roster(case: Case, planned: Plan, bundle: Bundle, directory: Directory) -> Roster:
    def plain(name: GroupName) -> frozenset[PersonName] | None:
        if name in case.groups:
            return case.groups[name]
        group = bundle.groups.get(name)
        return frozenset() if group is None else static_members(group, directory)

    named = [ref for stage in planned.stages for ref in stage.approvers]
    named += [ref for escalation in planned.escalations for ref in (*escalation.remind, *escalation.add)]
    groups = {ref: people_of(ref, plain) for ref in (*named, *planned.separation) if ref.startswith("group:")}
    subject = Subject(case.agent.name, case.ask.on_behalf_of)
    return Roster(
        people=frozenset(directory.people),
        groups={GroupName(ref.removeprefix("group:")): people for ref, people in groups.items()},
        barred=barred(planned.separation, subject, case.agent.owner, case.agent.owner, groups),
        away=case.away,
        deputies={name: frozenset(one.deputies) for name, one in directory.people.items()},
    )
