"""The steps between states that several rules take."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core import effects
from bot.core.terms import Actor, CallbackKind, Change, Entry, EntryKind, Grant, Request, State


def approved(
    after: Request,
    before: Request | None,
    now: datetime,
    entries: tuple[Entry, ...],
    by: Actor,
    *,
    how: str,
    alert: str = "",
) -> Change:
    """Return the change that approves a request; its grant waits, if there is an executor to run it.

    `how` it was decided: by `policy`, `review` or `glass`.
    """
    plan = after.plan
    grant = (
        Grant(after.grant_id, plan.executor, issued_at=now, expires_at=now + plan.execute_within)
        if plan.executor
        else None
    )
    after = replace(
        after,
        state=State.APPROVED,
        decided_at=now,
        grant=grant,
        unsatisfiable=None,
        due_at=grant.expires_at if grant else None,
    )
    entries += (effects.entry(EntryKind.APPROVED, after, by, now, decision=how),)
    return effects.changed(
        after, before, now, entries, event="approved", callback=CallbackKind.APPROVED, alert=alert
    )


def ended(request: Request, state: State, now: datetime) -> Request:
    """Return the request, decided otherwise than by approval: nothing is due any more."""
    return replace(request, state=state, decided_at=now, due_at=None, unsatisfiable=None)


def grown(request: Request) -> Request:
    """Return the request with its next version."""
    return replace(request, version=request.version + 1)
