"""When the clock must look at a request next. Deadlines are judged where a rule is, never by who was late."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.core.errors import DirectoryStale
from bot.core.people import spent
from bot.core.terms import Look, Request, State

RETRIES = (  # of a callback; the last one repeats until the delivery is given up
    timedelta(0),
    timedelta(seconds=2),
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=10),
)
STALE_AFTER = timedelta(minutes=15)  # how long people decide under the last good directory
GLASS_EVERY = timedelta(hours=24)  # how often the admins hear of broken glass that nobody has reviewed
GIVE_UP_AFTER = timedelta(hours=24)  # for every callback but an approval, which ends with its grant


def retry_after(attempts: int, jitter: float) -> timedelta:
    """Return how long to wait after `attempts` failures; `jitter` in [0, 1) spreads it by up to a fifth."""
    base = RETRIES[min(max(attempts, 0), len(RETRIES) - 1)]
    return base * (1 + jitter / 5)


def refuse_stale(broken_since: datetime | None, now: datetime) -> None:
    """Raise when the directory or the policy has not loaded for too long."""
    if broken_since is not None and now - broken_since >= STALE_AFTER:
        raise DirectoryStale


def wake_at(request: Request, now: datetime) -> datetime | None:
    """Return when to look at the request next: also when a look ends, for the card then says so no more."""
    due_at = next_due(request)
    if due_at is None or request.state is not State.PENDING:
        return due_at
    return min((due_at, *(look.until_at for look in looking(request, now))))


def looking(request: Request, now: datetime) -> tuple[Look, ...]:
    """Return who is looking at the open stage of a pending request, and has not reviewed."""
    return tuple(look for look in _looks(request) if look.until_at > now)


def next_due(request: Request) -> datetime | None:
    """Return the earliest instant at which time alone changes this request's state; None when it never does.

    The review of broken glass is due beside it; see `glass_due`.
    """
    match request.state:
        case State.PENDING:
            return min(request.expires_at, *_wake_ups(request))
        case State.APPROVED:
            return request.grant.expires_at if request.grant else None
        case State.RELEASED:
            return request.report_due_at
        case _:
            return None


def glass_due(request: Request) -> datetime | None:
    """Return when the review of broken glass is overdue next; None when none is owed."""
    glass = request.glass
    if glass is None or glass.reviewed_at is not None:
        return None
    return glass.review_due_at + glass.reminders * GLASS_EVERY


def stage_due(request: Request) -> datetime | None:
    """Return when the open stage passes its `within`; None when it has none or has passed it."""
    if request.stage_escalated or request.stage_index >= len(request.plan.stages):
        return None
    within = request.plan.stages[request.stage_index].within
    return None if within is None else request.stage_opened_at + within


def escalation_due(request: Request) -> datetime | None:
    """Return when the next escalation fires, counted from when the request was made.

    One that only reminds waits for who is looking, but not for so long that others are added, or the request
    expires, before.
    """
    left = request.plan.escalations[request.escalated :]
    if not left:
        return None
    due_at = request.created_at + left[0].after
    held_until = max((look.until_at for look in _looks(request)), default=due_at)
    if left[0].add or held_until <= due_at or held_until >= request.expires_at:
        return due_at
    adding = (request.created_at + later.after for later in left[1:] if later.add)
    return max(due_at, min((held_until, *adding)))


def _looks(request: Request) -> list[Look]:
    """Return the looks that hold reminders: of the open stage, by people whose verdict is still to come."""
    if not request.looks or request.state is not State.PENDING:
        return []
    stage = request.plan.stages[request.stage_index].name
    spoken = spent(request)
    return [look for look in request.looks if look.stage == stage and look.person not in spoken]


def _wake_ups(request: Request) -> list[datetime]:
    instants = (stage_due(request), escalation_due(request))
    return [instant for instant in instants if instant is not None] or [request.expires_at]
