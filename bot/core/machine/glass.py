"""Breaking glass: one person's own act in an emergency, and the review that it owes.

1. Only a request that still waits for people, before its deadline.
2. Only a person of the directory, as themselves, who saw this very action, all of it, and gives a reason.
3. Only a holder of the role; nobody of the requester's side, whatever roles they have.
4. Never over a freeze, over what the policy in force denies, or over somebody's denial.
5. An admin who is neither the breaker nor of the requester's side reviews it; until then it is due. That
   somebody of that side has left the directory keeps no other admin from it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core import effects
from bot.core.deadline import GLASS_EVERY, glass_due, next_due
from bot.core.errors import (
    AlreadyReviewed,
    Frozen,
    MustReadAll,
    NotAHolder,
    NotAnAdmin,
    NotBroken,
    OtherDigest,
    OwnGlass,
    OwnRequest,
    PolicyDenies,
    ReasonMissing,
    SomebodyDenied,
)
from bot.core.machine.commands import BreakGlass, ReviewGlass
from bot.core.machine.reviews import refuse_decided, refuse_nobody, refuse_own
from bot.core.machine.states import approved, grown
from bot.core.people import barred, counted
from bot.core.terms import (
    SYSTEM,
    Actor,
    Change,
    EntryKind,
    GlassBreak,
    OutboxKind,
    PersonName,
    Request,
    Send,
    Surface,
    Verdict,
)

REVIEW_WITHIN = timedelta(hours=24)


def broken(request: Request, command: BreakGlass, now: datetime) -> Change:
    """Return the change that approves a request by breaking glass, or raise why it may not."""
    refuse_decided(request, now)  # 1
    refuse_nobody(command.person, command.roster, command.by)  # 2
    if not command.holder:  # 3
        raise NotAHolder
    refuse_own(request, command.person, command.roster)
    _refuse_denied(request, command)  # 4
    reason = command.reason.strip()
    if command.digest != request.digest:  # 2
        raise OtherDigest
    if not reason:
        raise ReasonMissing("Breaking glass needs a reason: the admins and the audit log read it.")
    if not command.complete:
        raise MustReadAll
    glass = GlassBreak(command.person, reason, now, now + REVIEW_WITHIN)
    entry = effects.entry(
        EntryKind.GLASS_BROKEN,
        request,
        command.by,
        now,
        shown=command.shown,
        facts={"review_due_at": glass.review_due_at.isoformat()},
        private={"reason": reason},
    )
    after = replace(grown(request), glass=glass)
    change = approved(after, request, now, (entry,), command.by, how="glass", alert="glass")
    return _confirmed(change, command.person, command.by, now)


def _refuse_denied(request: Request, command: BreakGlass) -> None:
    if command.frozen:
        raise Frozen
    if command.denied_by:
        raise PolicyDenies(f"The policy in force now denies this action ({', '.join(command.denied_by)}).")
    if any(review.verdict is Verdict.DENY for review in counted(request).values()):
        raise SomebodyDenied


def _confirmed(change: Change, person: PersonName, by: Actor, now: datetime) -> Change:
    """Tell people in chat what was done with their token or web session, which something may have stolen."""
    if by.surface not in (Surface.API, Surface.WEB, Surface.CLI):
        return change
    told = Send(OutboxKind.NOTE, f"person:{person}", now, "your-glass")
    return replace(change, sends=(*change.sends, told))


def glass_reviewed(request: Request, command: ReviewGlass, now: datetime) -> Change:
    """Return the change that records what an admin found of broken glass (5)."""
    glass = request.glass
    if glass is None:
        raise NotBroken
    refuse_nobody(command.person, command.roster, command.by)
    if not command.admin:
        raise NotAnAdmin
    if command.person == glass.person:
        raise OwnGlass
    # Somebody of that side who left may be back under another name: that bars all from deciding. Here it
    # would leave broken glass unreviewed for ever, so only those are barred who are known to be of that side.
    if command.person in barred(request, replace(command.roster, gone=frozenset())):
        raise OwnRequest
    if glass.reviewed_by is not None:
        raise AlreadyReviewed(f"{glass.reviewed_by} has already reviewed this.")
    words = command.words.strip()
    if not words:
        raise ReasonMissing("Say what you found; the audit log keeps it.")
    found = replace(glass, reviewed_by=command.person, reviewed_at=now, proper=command.proper, words=words)
    after = replace(grown(request), glass=found, due_at=next_due(request))
    entry = effects.entry(
        EntryKind.GLASS_REVIEWED,
        after,
        command.by,
        now,
        decision="proper" if command.proper else "improper",
        private={"words": words},
    )
    change = effects.changed(after, request, now, (entry,), event="glass-reviewed")
    told = Send(OutboxKind.NOTE, f"person:{glass.person}", now, "glass-reviewed")
    return replace(change, sends=(*change.sends, told))


def overdue(request: Request, change: Change | None, now: datetime) -> Change:
    """Return the change, with an alert more: nobody has reviewed the broken glass. None: that is all."""
    glass = request.glass
    before = grown(request) if change is None or change.after is None else change.after
    if glass is None:
        raise NotBroken
    times = (now - glass.review_due_at) // GLASS_EVERY + 1
    after = replace(before, glass=replace(glass, reminders=times), due_at=next_due(before))
    entry = effects.entry(EntryKind.GLASS_OVERDUE, after, SYSTEM, now, facts={"times": str(times)})
    late = effects.changed(after, request, now, (entry,), alert=f"glass-overdue:{times}")
    if change is None:
        return late
    sends = tuple(dict.fromkeys((*change.sends, *late.sends)))
    return replace(change, after=after, entries=(*change.entries, entry), sends=sends)


def watched(change: Change) -> Change:
    """Return the change, whose request the clock must look at again while its broken glass is not reviewed.

    Whatever becomes of a request afterwards goes through here, so no state loses the review.
    """
    after = change.after
    if after is None or (due := glass_due(after)) is None:
        return change
    return replace(change, after=replace(after, due_at=min(due, after.due_at or due)))
