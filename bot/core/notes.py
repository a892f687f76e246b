"""One line about an event: what a card's thread, a reminded person and the admins read.

Only our own words, names, titles and what reviewers said stand here; nothing an agent wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.core.action import code
from bot.core.deadline import STALE_AFTER
from bot.core.effects import OUTCOMES
from bot.core.people import tally
from bot.core.terms import Request, Review, State, Surface, Verdict

_SAID = {Verdict.APPROVE: "approved", Verdict.DENY: "denied", Verdict.COMMENT: "commented"}

_ENDS = {
    "expired": "Expired: nobody decided in time.",
    "cancelled": "Cancelled before it was decided.",
    "lapsed": "Lapsed: approved, but not run in time.",
    "revoked": "Revoked by an admin before it ran.",
    "released": "Running: the executor redeemed the grant.",
    "succeeded": "Succeeded, says the executor.",
    "failed": "Failed, says the executor.",
    "unreported": "Overdue: the executor has not said what became of it.",
}

_ALERTS = {
    "unsatisfiable": "cannot be approved as people stand: {problem}",
    "nobody-reachable": "waits, and nobody who may review it can be reached.",
    "glass": "was approved by breaking glass, without its quorum. {glass} Review that within a day.",
    "glass-overdue": "was approved by breaking glass, and nobody has reviewed that (alert {cause}). {glass}",
    "level-empty": "was escalated to people of whom nobody can be reached, and passed on at once.",
    "unreported": "was run, and its executor has not reported an outcome in time.",
    "digest-mismatch": "was about to run as something else than was approved; it was stopped.",
    "dead-letter": "could not be delivered and was given up ({cause}); see `deliveries`.",
    "gone": "was refused for good by its executor's address, which is now disabled ({cause}).",
    "stalled": "has a deadline that cannot be passed just now; it is tried again, and the log says why.",
    "unreadable": "was not written as one of our servers reads it, which sent nothing of it.",
    "card-lost": "could not be shown where its policy says ({cause}); it can be decided on its page.",
    "shut": "cannot be shown: {cause}. It can be decided on its page, and is shown when that is mended.",
}
_WHILE_PENDING = ("unsatisfiable", "nobody-reachable", "level-empty")


def note(event: str, request: Request, now: datetime) -> str | None:
    """Return the line about `event`, or None when it says nothing any more."""
    kind, _, number = event.partition(":")
    pending = request.state is State.PENDING
    if (of_glass := _OF_GLASS.get(kind)) is not None:
        return of_glass(request)
    match kind:
        case "reminder":
            return _waits("", request, now) if pending else None
        case "stage":
            return _stage(request, int(number))
        case "turn":
            return _turn(request, int(number), now)
        case "question" | "answer":
            return _asking(kind, int(number), request)
        case "delegated" | "deputy" | "reclaimed":
            return _lending(kind, number, request, now) if pending else None
        case "looking":
            return f"{number} is looking at this; reminders wait for a moment." if pending else None
        case "review":
            return _review(request.reviews[int(number)])
        case "yours":
            return _yours(request, request.reviews[int(number)])
        case "approved" | "denied":
            return _decision(kind, request)
        case _ if kind in _WHILE_PENDING:
            return alert(kind, request) if pending else None
        case _:
            return _ENDS.get(kind)


def personal(event: str, request: Request, now: datetime) -> str | None:
    """Return the line as one person reads it, by itself: an outcome says first what it is about."""
    said = note(event, request, now)
    if said is None or event not in OUTCOMES:
        return said
    return f"{request.plan.title} ({code(request.digest)}): {said}"


def apart(text: str, request: Request) -> str:
    """Return a line as it stands in a thread that several requests share: identical ones have one code."""
    return f"{request.plan.title} ({code(request.digest)}, {request.id}): {text}"


def _asking(kind: str, number: int, request: Request) -> str:
    if kind == "answer":
        # Not the agent's own words: they stand on the card, as its claim.
        return f"The agent has answered question {number}; its answer is on the card."
    asked = request.questions[number - 1]
    return f"{asked.person} asks: {asked.text}"


def _glass(request: Request) -> str:
    glass = request.glass
    if glass is None:
        return "Approved."
    runs = " The executor may run it once." if request.plan.executor else ""
    return f"Approved by breaking glass.{runs} {_breaker(request)}"


def _breaker(request: Request) -> str:
    return f"{request.glass.person}: {request.glass.reason}" if request.glass else ""


def _your_glass(request: Request) -> str:
    """Tell a person what was done in their name where a stolen token or session would do it."""
    what = f"{request.plan.title} ({code(request.digest)})"
    return f"You broke glass: {what}. If that was not you, tell an admin at once."


def _glass_reviewed(request: Request) -> str | None:
    glass = request.glass
    if glass is None or glass.reviewed_by is None:
        return None
    found = "proper" if glass.proper else "NOT proper"
    return f"{glass.reviewed_by} reviewed the broken glass and found it {found}: {glass.words}"


_OF_GLASS: Mapping[str, Callable[[Request], str | None]] = {
    "glass": _glass,
    "your-glass": _your_glass,
    "glass-reviewed": _glass_reviewed,
}


def alert(event: str, request: Request) -> str:
    """Return what the admins read about a request; `event` may name its cause after a colon."""
    kind, _, cause = event.partition(":")
    what = _ALERTS.get(kind, event).format(
        problem=request.unsatisfiable or "", cause=cause, glass=_breaker(request)
    )
    return f"{request.plan.title} ({code(request.digest)}, {request.id}) {what}"


def notice(event: str) -> str:
    """Return what the admins, or a person, read of something that is about no request."""
    kind, _, cause = event.partition(":")
    cause = cause.strip()
    match kind:
        case "policy":
            return (
                "The policy or the directory was edited and does not load. The last good one stays in force, "
                f"and from {STALE_AFTER.seconds // 60} minutes on nobody can review anything. "
                "`policy check` says where the mistake is."
            )
        case "oncall":
            return f"The on-call calendar of {cause} does not answer; its fallback stands in."
        case "linking":
            person, _, account = cause.partition(" ")
            return f"{person} says on the web that the chat account {account} is theirs, and is linking it."
        case "yours-linking":
            said = f"Your web session says that the chat account {cause} is yours, and is about to link it."
            return f"{said} If that was not you, tell an admin at once."
        case "unreadable":
            return f"{cause} cannot be read by this version: it is not shown, sent or decided until it can."
        case "unknown":
            return f"A message of a kind that this version does not know ({cause}) waits for a newer one."
        case _:
            return event


def _yours(request: Request, review: Review) -> str:
    """Tell a person what was done in their name where a stolen token or session would do it."""
    what = f"{request.plan.title} ({code(request.digest)})"
    where = "the web" if review.by.surface is Surface.WEB else "the API"
    return f"You {_SAID[review.verdict]} through {where}: {what}. If that was not you, tell an admin at once."


def _waits(giver: str, request: Request, now: datetime) -> str:
    """Remind of a request, or say for whom to decide it."""
    what = f"{request.plan.title} ({code(request.digest)}), {_left(request, now)}."
    return f"{giver} asks you to decide in their place: {what}" if giver else f"Still waiting: {what}"


def _turn(request: Request, stage: int, now: datetime) -> str | None:
    if request.state is not State.PENDING or request.stage_index != stage:
        return None
    return f"Your turn: {request.plan.title} ({code(request.digest)}) waits for you, {_left(request, now)}."


def _left(request: Request, now: datetime) -> str:
    minutes = int((request.expires_at - now).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute left"
    return f"{minutes} min left" if minutes < 120 else f"{minutes // 60} h left"


def _stage(request: Request, index: int) -> str:
    met = request.plan.stages[index]
    approvals, _ = tally(request, met.name)
    said = f"Stage {met.name} is met ({approvals} of {met.quorum})"
    if request.state is State.PENDING and request.stage_index == index + 1:
        return f"{said}; now waiting for {request.plan.stages[index + 1].name}."
    return f"{said}."


def _decision(kind: str, request: Request) -> str:
    """Say how it was decided, and the verdict that decided it."""
    if request.glass is not None:
        return _glass(request)
    words = [f"{kind.capitalize()}."]
    if kind == "approved" and request.plan.executor:
        words.append("The executor may run it once.")
    verdicts = [review for review in request.reviews if review.verdict is not Verdict.COMMENT]
    return " ".join([*words, *map(_review, verdicts[-1:])])


def _lending(kind: str, giver: str, request: Request, now: datetime) -> str | None:
    """Tell whom somebody asked last, or that they took it back, as long as that is so."""
    asked = [one.deputy for one in request.delegations if one.giver == giver]
    if kind == "reclaimed":
        what = f"{request.plan.title} ({code(request.digest)})"
        return None if asked else f"{giver} asks nobody any more to decide in their place: {what}."
    if not asked:
        return None
    if kind == "deputy":
        return _waits(giver, request, now)
    return f"{giver} asks {asked[-1]} to decide in their place."  # both may speak, once between them


def _review(review: Review) -> str:
    who = f"{review.person}, for {review.giver}," if review.giver else review.person
    said = f"{who} {_SAID[review.verdict]}"
    return f"{said}: {review.reason}" if review.reason else f"{said}."
