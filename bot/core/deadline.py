"""When the clock must look at a request next. Deadlines are judged where a rule is, never by who was late."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.core.terms import Request, State

RETRIES = (  # AUDIT.md "The callback"; the last one repeats until the delivery is given up
    timedelta(0),
    timedelta(seconds=2),
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=10),
)
GIVE_UP_AFTER = timedelta(hours=24)  # for every callback but an approval, which ends with its grant


def retry_after(attempts: int, jitter: float) -> timedelta:
    """Return how long to wait after `attempts` failures; `jitter` in [0, 1) spreads it by up to a fifth."""
    base = RETRIES[min(max(attempts, 0), len(RETRIES) - 1)]
    return base * (1 + jitter / 5)


def next_due(request: Request) -> datetime | None:
    """Return the earliest instant at which time alone changes this request; None when it never does."""
    match request.state:
        case State.PENDING:
            return min(request.expires_at, *_wake_ups(request))
        case State.APPROVED:
            return request.grant.expires_at if request.grant else None
        case State.RELEASED:
            return request.report_due_at
        case _:
            return None


def stage_due(request: Request) -> datetime | None:
    """Return when the open stage passes its `within`; None when it has none or has passed it."""
    if request.stage_escalated or request.stage_index >= len(request.plan.stages):
        return None
    within = request.plan.stages[request.stage_index].within
    return None if within is None else request.stage_opened_at + within


def escalation_due(request: Request) -> datetime | None:
    """Return when the next escalation fires, counted from when the request was made."""
    if request.escalated >= len(request.plan.escalations):
        return None
    return request.created_at + request.plan.escalations[request.escalated].after


def _wake_ups(request: Request) -> list[datetime]:
    instants = (stage_due(request), escalation_due(request))
    return [instant for instant in instants if instant is not None] or [request.expires_at]
