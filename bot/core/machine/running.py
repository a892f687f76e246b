"""The grant: redeemed once, or revoked; and what became of the action."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core import effects
from bot.core.errors import (
    AlreadyRedeemed,
    AlreadyReported,
    DigestMismatch,
    Frozen,
    Lapsed,
    Malformed,
    NotRedeemable,
    NotReleased,
    PolicyDenies,
    Revoked,
    Unknown,
)
from bot.core.machine.commands import Redeem, Report, Revoke
from bot.core.machine.states import grown
from bot.core.terms import CallbackKind, Change, EntryKind, Outcome, Request, State

OUTCOMES = (State.SUCCEEDED, State.FAILED)


def redeemed(request: Request, command: Redeem, now: datetime) -> Change:
    """Return the change that releases the action to run once, or raise why it may not run."""
    grant = request.grant
    if grant is None or grant.executor != command.executor:
        raise Unknown
    if grant.redeemed_at is not None:
        raise AlreadyRedeemed
    if request.state is State.REVOKED:
        raise Revoked
    if request.state is State.LAPSED or now >= grant.expires_at:
        raise Lapsed
    if request.state is not State.APPROVED:
        raise NotRedeemable
    if command.digest != request.digest:
        raise DigestMismatch
    if command.frozen:
        raise Frozen
    if command.denied_by:
        raise PolicyDenies(f"The policy in force now denies this action ({', '.join(command.denied_by)}).")
    redeemed = replace(grant, redeemed_at=now, redemption_key=command.key)
    due = now + request.plan.report_within
    after = replace(grown(request), state=State.RELEASED, grant=redeemed, report_due_at=due, due_at=due)
    facts = {"executor": grant.executor, "grant": grant.id}
    entries = (effects.entry(EntryKind.REDEEMED, after, command.by, now, facts=facts),)
    return effects.changed(after, request, now, entries, event="released")


def revoked(request: Request, command: Revoke, now: datetime) -> Change:
    """Return the change that takes an unused grant back."""
    if request.grant is None or request.state is not State.APPROVED or now >= request.grant.expires_at:
        raise NotRedeemable("Only an approved request whose grant is unused can be revoked.")
    grant = replace(request.grant, revoked_at=now)
    after = replace(grown(request), state=State.REVOKED, grant=grant, due_at=None)
    private = {"reason": command.reason} if command.reason else {}
    entries = (effects.entry(EntryKind.REVOKED, after, command.by, now, private=private),)
    return effects.changed(after, request, now, entries, event="revoked", callback=CallbackKind.REVOKED)


def reported(request: Request, command: Report, now: datetime) -> Change:
    """Return the change that records what became of a released action; late is better than never."""
    if request.grant is None or request.grant.executor != command.executor:
        raise Unknown
    if request.outcome is not None:
        raise AlreadyReported
    if request.state not in (State.RELEASED, State.UNREPORTED):
        raise NotReleased
    if command.status not in OUTCOMES:
        raise Malformed("An outcome is `succeeded` or `failed`.")
    outcome = Outcome(command.status, command.note, command.output_digest, now)
    after = replace(grown(request), state=command.status, outcome=outcome, due_at=None)
    facts = {"output_digest": command.output_digest} if command.output_digest else {}
    private = {"note": command.note} if command.note else {}
    entries = (
        effects.entry(
            EntryKind.OUTCOME,
            after,
            command.by,
            now,
            decision=command.status.value,
            facts=facts,
            private=private,
        ),
    )
    return effects.changed(after, request, now, entries, event=command.status.value)
