"""A new request: what its plan makes of it at once."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from bot.core import effects
from bot.core.machine.states import approved, ended
from bot.core.machine.waiting import waiting
from bot.core.terms import (
    SYSTEM,
    Actor,
    CallbackKind,
    Change,
    Effect,
    Entry,
    EntryKind,
    Request,
    Roster,
    State,
)


def opened(request: Request, roster: Roster, by: Actor, now: datetime) -> Change:
    """Return the change that makes `request` (as intake built it, pending) what its plan says."""
    plan = request.plan
    entries: tuple[Entry, ...] = (
        effects.entry(EntryKind.RECEIVED, request, by, now, private=_claims(request)),
        effects.entry(
            EntryKind.PLANNED,
            request,
            SYSTEM,
            now,
            decision=plan.effect.value,
            facts={"rules": " ".join(plan.rules), "action": request.action.name},
        ),
    )
    match plan.effect:
        case Effect.ALLOW:
            return approved(request, None, now, entries, SYSTEM, how="policy")
        case Effect.DENY:
            after = ended(request, State.DENIED, now)
            entries += (effects.entry(EntryKind.DENIED, after, SYSTEM, now, decision="policy"),)
            return effects.changed(after, None, now, entries, callback=CallbackKind.DENIED)
        case Effect.REQUIRE_APPROVAL:
            return waiting(request, None, roster, now, entries)
        case _:
            assert_never(plan.effect)


def _claims(request: Request) -> dict[str, str]:
    said = {"justification": request.justification, "summary": request.summary}
    return {name: text for name, text in said.items() if text}
