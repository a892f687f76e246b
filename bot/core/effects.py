"""What a change to a request leaves behind: audit entries, and what is to be sent.

Nothing here decides; `machine` says what happened, this says who hears of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.core.terms import (
    Actor,
    CallbackKind,
    Change,
    Digest,
    Effect,
    Entry,
    EntryKind,
    OutboxKind,
    Request,
    Send,
)

ADMINS = "admins"
OUTCOMES = frozenset(  # events after which something has ended
    {
        "approved",
        "denied",
        "expired",
        "cancelled",
        "lapsed",
        "revoked",
        "succeeded",
        "failed",
        "unreported",
    }
)


def entry(
    kind: EntryKind,
    request: Request,
    by: Actor,
    now: datetime,
    *,
    decision: str | None = None,
    shown: Digest | None = None,
    facts: Mapping[str, str] | None = None,
    private: Mapping[str, str] | None = None,
) -> Entry:
    """Return the audit entry of something that happened to a request."""
    return Entry(
        kind=kind,
        at=now,
        by=by,
        request_id=request.id,
        agent=request.subject.agent,
        on_behalf_of=request.subject.on_behalf_of,
        action_digest=request.digest,
        shown_digest=shown,
        policy_digest=request.plan.bundle,
        decision=decision,
        facts=facts or {},
        private=private or {},
    )


def changed(
    request: Request,
    before: Request | None,
    now: datetime,
    entries: tuple[Entry, ...],
    *,
    event: str = "",
    callback: CallbackKind | None = None,
    alert: str = "",
    remind: tuple[str, ...] = (),
    turn: tuple[str, ...] = (),
) -> Change:
    """Return the change: every card is brought up to date, and `event` is told in each card's thread.

    An outcome is also told to the people it was asked for, an `alert` to the admins and the agent's owner, a
    reminder to each address in `remind`, and that their stage is open to each in `turn`.
    """
    sends = [Send(OutboxKind.SHOW, address, now) for address in addresses(request)]
    if event and before is not None:
        sends += [Send(OutboxKind.NOTE, address, now, event) for address in places(request)]
        sends += [Send(OutboxKind.NOTE, address, now, event) for address in _concerned(request, event)]
    sends += [Send(OutboxKind.NOTE, address, now, "reminder") for address in remind]
    sends += [Send(OutboxKind.NOTE, address, now, f"turn:{request.stage_index}") for address in turn]
    if alert:
        sends.append(Send(OutboxKind.ALERT, ADMINS, now, alert))
        sends.append(Send(OutboxKind.NOTE, f"person:{request.owner}", now, alert))
    return Change(
        after=request,
        expected=before.version if before else None,
        entries=entries,
        sends=tuple(dict.fromkeys(sends)),
        callback=callback if request.plan.executor else None,
    )


def _concerned(request: Request, event: str) -> tuple[str, ...]:
    """Return who hears of an outcome: for whom it was asked, and the agent's owner, once.

    What policy alone decided is no news to them: an agent that may do something a thousand times does it.
    """
    if event not in OUTCOMES or request.plan.effect is not Effect.REQUIRE_APPROVAL:
        return ()
    people = dict.fromkeys((request.subject.on_behalf_of, request.owner))
    return tuple(f"person:{name}" for name in people if name is not None)


def places(request: Request) -> tuple[str, ...]:
    """Return the channels that show this request; the web inbox reads the database and needs no sending."""
    return tuple(f"{a.surface}:{a.target}" for a in request.plan.show if a.surface != "web")


def addresses(request: Request) -> tuple[str, ...]:
    """Return everywhere a card of this request stands or shall stand."""
    return places(request) + tuple(f"person:{name}" for name in request.told)
