"""The sentences on a card: where a request stands, who is asked, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from bot.core.card.face import ReviewLine, StageLine, Tone
from bot.core.card.facts import line
from bot.core.terms import (
    Effect,
    GroupName,
    PersonName,
    Request,
    Reversibility,
    Review,
    Stage,
    State,
    Verdict,
)

Names = Mapping[GroupName, frozenset[PersonName]]
WHO_MAX = 6  # people named one by one; the rest are counted
TONES = {
    State.APPROVED: Tone.GOOD,
    State.RELEASED: Tone.GOOD,
    State.SUCCEEDED: Tone.GOOD,
    State.DENIED: Tone.BAD,
    State.FAILED: Tone.BAD,
    State.UNREPORTED: Tone.BAD,
}


def tone(request: Request) -> Tone:
    """Return the colour of a request; glass that was broken outshines how it ended, unless it was proper."""
    if request.glass is not None and not request.glass.proper:
        return Tone.DANGER if request.glass.reviewed_at is None else Tone.BAD
    if request.state is State.PENDING:
        irreversible = request.plan.reversibility is Reversibility.IRREVERSIBLE
        return Tone.DANGER if irreversible else Tone.WAITING
    return TONES.get(request.state, Tone.QUIET)


def status(request: Request, now: datetime, names: Names) -> str:
    """Return one sentence that says where the request stands."""
    match request.state:
        case State.PENDING:
            return _pending(request, now, names)
        case State.APPROVED:
            return f"{_approved(request)}; {_waits(request)}"
        case State.DENIED:
            return _denied(request)
        case State.EXPIRED:
            return "Expired: nobody decided in time"
        case State.CANCELLED:
            return "Cancelled before it was decided"
        case State.RELEASED:
            return f"{_approved(request)}; running since {_redeemed(request)}"
        case State.LAPSED:
            return f"{_approved(request)}, but it was not run in time; the approval lapsed"
        case State.REVOKED:
            return f"{_approved(request)}, then revoked; it did not run"
        case State.SUCCEEDED:
            return f"{_approved(request)}; it ran and succeeded"
        case State.FAILED:
            return f"{_approved(request)}; it ran and failed"
        case State.UNREPORTED:
            return (
                f"{_approved(request)}; released at {_redeemed(request)}, and nobody has reported the outcome"
            )


def glass(request: Request) -> str | None:
    """Return by whom glass was broken and why, and what came of its review."""
    broken = request.glass
    if broken is None:
        return None
    told = f"Glass was broken by {line(broken.person)} at {_at(broken.at)}: “{line(broken.reason, 500)}”."
    if broken.reviewed_by is None:
        late = ", which is overdue" if broken.reminders else ""
        return f"{told} An admin must review that by {_day(broken.review_due_at)}{late}."
    found = "proper" if broken.proper else "NOT proper"
    return f"{told} {line(broken.reviewed_by)} found that {found}: “{line(broken.words or '', 500)}”."


def why(request: Request) -> str:
    """Return which rules decided what is wanted, in words."""
    plan = request.plan
    wants = {
        Effect.ALLOW: ("allows this", "allow this"),
        Effect.DENY: ("denies this", "deny this"),
        Effect.REQUIRE_APPROVAL: ("wants approval", "want approval"),
    }[plan.effect]
    match len(plan.rules):
        case 0:
            sentence = f"No rule matched, and the default {wants[0]}"
        case 1:
            sentence = f"Rule {plan.rules[0]} {wants[0]}"
        case _:
            sentence = f"Rules {_and(_plain(plan.rules))} {wants[1]}"
    return f"{sentence}: {line(plan.reason)}" if plan.reason else sentence


def stages(request: Request, names: Names) -> tuple[StageLine, ...]:
    """Return each stage's progress, people counted once."""
    return tuple(
        StageLine(
            stage.name,
            _stage_state(request, index),
            stage.quorum,
            len(approvers(request, stage)),
            _asked(request, index, names),
        )
        for index, stage in enumerate(request.plan.stages)
    )


def reviews(request: Request) -> tuple[ReviewLine, ...]:
    """Return the reviews in the order they came."""
    return tuple(
        ReviewLine(
            _speaker(review),
            review.verdict.value,
            line(review.reason, 2000) if review.reason else None,
            review.at,
            review.by.surface.value,
        )
        for review in request.reviews
    )


def _speaker(review: Review) -> str:
    """Return who spoke, and in whose place."""
    return f"{line(review.person)} for {line(review.giver)}" if review.giver else line(review.person)


def outcome(request: Request) -> str | None:
    """Return what the executor says became of it."""
    if request.outcome is None:
        return None
    verb = "Succeeded" if request.outcome.status is State.SUCCEEDED else "Failed"
    return f"{verb}: {line(request.outcome.note, 2000)}" if request.outcome.note else verb


def approvers(request: Request, stage: Stage) -> frozenset[PersonName]:
    """Return the distinct people whose latest verdict approves in a stage."""
    return frozenset(
        review.person for review in _latest(request, Verdict.APPROVE) if review.stage == stage.name
    )


def who(references: Iterable[str], names: Names) -> str:
    """Return approvers in words: `group:dba` → "dba (ana, bo, cy)", `person:di` → "di"."""
    words = []
    for reference in references:
        kind, _, name = reference.partition(":")
        people = names.get(GroupName(name), frozenset()) if kind == "group" else frozenset()
        words.append(f"{line(name)} ({_few(people)})" if people else line(name))
    return " or ".join(dict.fromkeys(words))


def _pending(request: Request, now: datetime, names: Names) -> str:
    if now >= request.expires_at:
        return "Time is up: nobody decided in time"
    if request.unsatisfiable is not None:
        return f"Nobody can approve this as things stand: {line(request.unsatisfiable)}"
    total = len(request.plan.stages)
    if request.stage_index >= total:
        return "Waiting for approvers"
    stage = request.plan.stages[request.stage_index]
    done = len(approvers(request, stage))
    missing = max(stage.quorum - done, 1)
    more = "more " if done else ""
    people = who(_references(request, request.stage_index), names)
    sentence = f"aiting for {missing} {more}of {people}"
    return f"Stage {request.stage_index + 1} of {total}: w{sentence}" if total > 1 else f"W{sentence}"


def _asked(request: Request, index: int, names: Names) -> str:
    """Return whose reviews a stage waits for, and who was asked to decide in whose place."""
    stage = request.plan.stages[index].name
    lent = [one for one in request.delegations if one.stage == stage]
    deputies = [f"{line(one.deputy)} for {line(one.giver)}" for one in lent]
    return ", ".join([who(_references(request, index), names), *deputies])


def _approved(request: Request) -> str:
    if request.plan.effect is Effect.ALLOW:
        return "Allowed by policy"
    if request.glass is not None:
        reviewed = "" if request.glass.reviewed_at else ", not reviewed yet"
        return f"Approved by breaking glass ({line(request.glass.person)}{reviewed})"
    people = _reviewers(request, Verdict.APPROVE)
    return f"Approved by {_and(people)}" if people else "Approved"


def _denied(request: Request) -> str:
    people = _reviewers(request, Verdict.DENY)
    if not people:
        reason = request.plan.reason
        return f"Denied by policy: {line(reason)}" if reason else "Denied by policy"
    reasons = [review.reason for review in _latest(request, Verdict.DENY) if review.reason]
    said = "; ".join(f"“{line(reason)}”" for reason in reasons)
    return f"Denied by {_and(people)}: {said}" if said else f"Denied by {_and(people)}"


def _waits(request: Request) -> str:
    if request.grant is None:
        return "it may run once"
    return f"{line(request.grant.executor)} may run it once, until {_at(request.grant.expires_at)}"


def _redeemed(request: Request) -> str:
    at = request.grant.redeemed_at if request.grant else None
    return _at(at) if at else "an unknown time"


def _at(instant: datetime) -> str:
    return f"{instant:%H:%M:%S} UTC"


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _references(request: Request, index: int) -> tuple[str, ...]:
    stage = request.plan.stages[index]
    return (*stage.approvers, *request.added) if index == request.stage_index else stage.approvers


def _stage_state(request: Request, index: int) -> str:
    stage = request.plan.stages[index]
    if index < request.stage_index or len(approvers(request, stage)) >= stage.quorum:
        return "met"
    if request.state is not State.PENDING:
        return "closed"
    return "open" if index == request.stage_index else "waiting"


def _latest(request: Request, verdict: Verdict) -> list[Review]:
    """Return the reviews of that verdict that count: a person's latest; comments count for nothing."""
    latest = {review.person: review for review in request.reviews if review.verdict is not Verdict.COMMENT}
    return [review for review in latest.values() if review.verdict is verdict]


def _reviewers(request: Request, verdict: Verdict) -> list[str]:
    return [_speaker(review) for review in _latest(request, verdict)]


def _plain(names: Iterable[str]) -> list[str]:
    return [line(name) for name in names]


def _few(people: Iterable[PersonName]) -> str:
    names = sorted(people)
    shown = _plain(names[:WHO_MAX])
    return ", ".join([*shown, f"{len(names) - WHO_MAX} more"] if len(names) > WHO_MAX else shown)


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
