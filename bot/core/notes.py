"""One line about an event: what a card's thread, a reminded person and the admins read.

Only our own words, names and titles stand here; nothing an agent wrote.
"""

from __future__ import annotations

from datetime import datetime

from bot.core.action import code
from bot.core.machine import tally
from bot.core.terms import Request, Review, State

_ENDS = {
    "approved": "Approved. The executor may run it once.",
    "denied": "Denied.",
    "expired": "Expired: nobody decided in time.",
    "cancelled": "Cancelled by the agent.",
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
    "unreported": "was run, and its executor has not reported an outcome in time.",
    "digest-mismatch": "was about to run as something else than was approved; it was stopped.",
    "dead-letter": "could not be delivered and was given up; see `deliveries`.",
    "gone": "was refused for good by its executor's address, which is now disabled.",
    "card-lost": "could not be shown where its policy says.",
}


def note(event: str, request: Request, now: datetime) -> str | None:
    """Return the line about `event`, or None when it says nothing any more."""
    match event:
        case "reminder" if request.state is State.PENDING:
            return f"Still waiting: {request.plan.title} ({code(request.digest)}), {_left(request, now)}."
        case "reminder":
            return None
        case "stage":
            return _stage(request)
        case "approve" | "deny" | "comment":
            said = [r for r in request.reviews if r.verdict == event]
            return _review(said[-1]) if said else None
        case _:
            return _ENDS.get(event)


def alert(event: str, request: Request) -> str:
    """Return what the admins read about a request."""
    what = _ALERTS.get(event, event).format(problem=request.unsatisfiable or "")
    return f"{request.plan.title} ({code(request.digest)}, {request.id}) {what}"


def _left(request: Request, now: datetime) -> str:
    minutes = int((request.expires_at - now).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute left"
    return f"{minutes} min left" if minutes < 120 else f"{minutes // 60} h left"


def _stage(request: Request) -> str | None:
    if request.stage_index == 0 or request.stage_index >= len(request.plan.stages):
        return None
    met = request.plan.stages[request.stage_index - 1]
    now_open = request.plan.stages[request.stage_index]
    approvals, _ = tally(request, met.name)
    return f"Stage {met.name} is met ({approvals} of {met.quorum}); now waiting for {now_open.name}."


def _review(review: Review) -> str:
    said = {"approve": "approved", "deny": "denied", "comment": "commented"}[review.verdict.value]
    return f"{review.person} {said}: {review.reason}" if review.reason else f"{review.person} {said}."
