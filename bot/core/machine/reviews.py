"""People's verdicts, and the cancellation that ends them: count people, not clicks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core import effects
from bot.core.errors import (
    AlreadyDecided,
    AlreadyReviewed,
    EnoughSaid,
    MustReadAll,
    NoReviewsByMachines,
    NotAnApprover,
    OtherDigest,
    OwnRequest,
    ReasonMissing,
    Refusal,
    SideGone,
    TooLate,
    UnknownPerson,
)
from bot.core.machine.commands import Cancel, Decide
from bot.core.machine.states import approved, ended, grown
from bot.core.machine.waiting import waiting
from bot.core.people import approvers, barred, counted, lenders, seats, spent, tally
from bot.core.terms import (
    Actor,
    ActorKind,
    CallbackKind,
    Change,
    Entry,
    EntryKind,
    OutboxKind,
    PersonName,
    ReasonRule,
    Request,
    Review,
    Roster,
    Send,
    State,
    Surface,
    Verdict,
)

COMMENTS_MAX = 200  # of one request: every change writes all of them again


def decided(request: Request, command: Decide, now: datetime) -> Change:
    """Return what one person's verdict makes of the request, or raise why it does not count."""
    refuse_decided(request, now)
    refuse_nobody(command.person, command.roster, command.by)
    if command.digest != request.digest:
        raise OtherDigest
    if command.verdict is Verdict.COMMENT:
        return _confirmed(_commented(request, command, now), command, now)
    _refuse_reviewer(request, command)
    return _confirmed(_judged(_reviewed(request, command, now), request, command, now), command, now)


def _confirmed(change: Change, command: Decide, now: datetime) -> Change:
    """Tell people in chat what was done with their token or web session, which something may have stolen."""
    if change.after is None or command.by.surface not in (Surface.API, Surface.WEB):
        return change
    event = f"yours:{len(change.after.reviews) - 1}"
    told = Send(OutboxKind.NOTE, f"person:{command.person}", now, event)
    return replace(change, sends=(*change.sends, told))


def cancelled(request: Request, command: Cancel, now: datetime) -> Change:
    """Return the change that withdraws a pending request."""
    refuse_decided(request, now)
    after = ended(grown(request), State.CANCELLED, now)
    private = {"reason": command.reason} if command.reason else {}
    entries = (effects.entry(EntryKind.CANCELLED, after, command.by, now, private=private),)
    return effects.changed(after, request, now, entries, event="cancelled", callback=CallbackKind.CANCELLED)


def refuse_decided(request: Request, now: datetime) -> None:
    """Raise unless the request still waits for people."""
    if request.state is State.EXPIRED:
        raise TooLate
    if request.state is not State.PENDING:
        raise AlreadyDecided(f"This request is already {request.state.value}.")
    if now >= request.expires_at:
        # The sweep may be late; the deadline is not.
        raise TooLate


def refuse_nobody(person: PersonName, roster: Roster, by: Actor) -> None:
    """Raise unless `by` is a person of the directory who acts as themselves."""
    if by.kind is not ActorKind.PERSON:
        raise NoReviewsByMachines
    if person not in roster.people or by.name != person:
        raise UnknownPerson


def refuse_outsider(
    request: Request, person: PersonName, roster: Roster, verdict: Verdict | None = None
) -> None:
    """Raise unless this person's `verdict` would count in the open stage; None: unless any still would."""
    refuse_own(request, person, roster)
    if person in seats(request, roster):
        return
    before = counted(request).get(person)
    owners = approvers(request, roster) - barred(request, roster)
    lent = lenders(person, request, roster)
    if person not in owners and not lent and (before is None or before.giver not in owners):
        raise NotAnApprover
    if before is None:
        _refuse_spoken_for(request, person, lent)
    elif verdict is None or not _takes_back(request, before, verdict):
        raise AlreadyReviewed(f"You have already reviewed this request ({before.verdict.value}).")


def refuse_own(request: Request, person: PersonName, roster: Roster) -> None:
    """Raise for the requester's side, and for everybody while nobody knows who that is."""
    if roster.gone:
        names = " and ".join(sorted(roster.gone))
        raise SideGone(
            f"{names} is not in the directory any more, and may be in it under another name, so nobody may "
            "review this. Give the agent an owner (`agents own NAME --owner PERSON`) and have it ask again."
        )
    if person in barred(request, roster):
        raise OwnRequest


def may_take_back(request: Request, person: PersonName, roster: Roster) -> bool:
    """Say whether this person's approval could still be turned into their denial."""
    before = counted(request).get(person)
    if before is None or before.verdict is not Verdict.APPROVE:
        return False
    try:
        refuse_outsider(request, person, roster, Verdict.DENY)
    except Refusal:
        return False
    return True


def _refuse_spoken_for(request: Request, person: PersonName, lent: frozenset[PersonName]) -> None:
    """Raise, for a seat counts once: in their own, or in each that they could take, somebody has spoken."""
    if person in spent(request):
        raise AlreadyReviewed("Your deputy has already reviewed this request in your place.")
    names = " and ".join(sorted(lent))
    raise AlreadyReviewed(f"{names} has already reviewed this request; you would speak in their place.")


def needs_words(request: Request, verdict: Verdict) -> bool:
    """Say whether the policy wants the reviewer's words with this verdict."""
    rule = request.plan.reason_rule
    return rule is ReasonRule.REQUIRED or (rule is ReasonRule.ON_DENY and verdict is Verdict.DENY)


def _refuse_reviewer(request: Request, command: Decide) -> None:
    refuse_outsider(request, command.person, command.roster, command.verdict)
    if needs_words(request, command.verdict) and not _words(command):
        raise ReasonMissing
    if command.verdict is Verdict.APPROVE and not command.complete:
        raise MustReadAll


def _takes_back(request: Request, before: Review, verdict: Verdict) -> bool:
    """Say whether an approver who sees a mistake turns their approval of the open stage into a denial."""
    stage = request.plan.stages[request.stage_index].name
    return before.stage == stage and before.verdict is Verdict.APPROVE and verdict is Verdict.DENY


def _words(command: Decide) -> str | None:
    return (command.reason or "").strip() or None


def _reviewed(request: Request, command: Decide, now: datetime) -> Request:
    comment = command.verdict is Verdict.COMMENT
    before = counted(request).get(command.person)
    seat = before.giver if before else seats(request, command.roster).get(command.person)
    review = Review(
        person=command.person,
        verdict=command.verdict,
        reason=_words(command),
        stage=None if comment else request.plan.stages[request.stage_index].name,
        digest=command.digest,
        by=command.by,
        at=now,
        giver=None if comment or seat == command.person else seat,
    )
    return replace(request, version=request.version + 1, reviews=(*request.reviews, review))


def _commented(request: Request, command: Decide, now: datetime) -> Change:
    if not _words(command):
        raise ReasonMissing("A comment needs words; put them in `reason`.")
    if sum(review.verdict is Verdict.COMMENT for review in request.reviews) >= COMMENTS_MAX:
        raise EnoughSaid
    after = _reviewed(request, command, now)
    entries = (_review_entry(after, command, now),)
    return effects.changed(after, request, now, entries, event=_event(after))


def _event(request: Request) -> str:
    """Name the review just given, so that its note tells of no other."""
    return f"review:{len(request.reviews) - 1}"


def _review_entry(request: Request, command: Decide, now: datetime) -> Entry:
    review = request.reviews[-1]
    return effects.entry(
        EntryKind.REVIEWED,
        request,
        command.by,
        now,
        decision=command.verdict.value,
        shown=command.shown,
        facts={"stage": review.stage} if review.stage else {},
        private=_said(review),
    )


def _said(review: Review) -> dict[str, str]:
    said = {"reason": review.reason, "giver": review.giver}
    return {name: text for name, text in said.items() if text}


def _judged(after: Request, request: Request, command: Decide, now: datetime) -> Change:
    """Count people in the open stage, and end it when its quorum or its deny count is met."""
    entries: tuple[Entry, ...] = (_review_entry(after, command, now),)
    stage = request.plan.stages[request.stage_index]
    approvals, denials = tally(after, stage.name)
    if denials >= max(stage.deny, 1):
        after = ended(after, State.DENIED, now)
        entries += (effects.entry(EntryKind.DENIED, after, command.by, now, decision="review"),)
        return effects.changed(after, request, now, entries, event="denied", callback=CallbackKind.DENIED)
    if stage.quorum < 1 or approvals < stage.quorum:  # a quorum of nobody is met by nobody
        return waiting(after, request, command.roster, now, entries, event=_event(after))
    entries += (effects.entry(EntryKind.STAGE_MET, after, command.by, now, facts={"stage": stage.name}),)
    if request.stage_index + 1 == len(request.plan.stages):
        return approved(after, request, now, entries, command.by, how="review")
    event = f"stage:{request.stage_index}"
    after = replace(after, stage_index=request.stage_index + 1, stage_opened_at=now, stage_escalated=False)
    return waiting(after, request, command.roster, now, entries, event=event)
