"""What time alone does: reminders, escalation, expiry, lapse, overdue outcomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core import effects
from bot.core.deadline import glass_due, next_due, stage_due
from bot.core.errors import NotDue
from bot.core.machine.commands import Tick
from bot.core.machine.glass import overdue
from bot.core.machine.states import ended, grown
from bot.core.machine.waiting import escalated, persons, reminded, waiting
from bot.core.people import called
from bot.core.terms import SYSTEM, CallbackKind, Change, Entry, EntryKind, Request, Roster, State


def ticked(request: Request, command: Tick, now: datetime) -> Change:
    """Return what time makes of the request; raises `NotDue` before its `due_at`."""
    if request.due_at is None or now < request.due_at:
        raise NotDue
    review_due_at, due_at = glass_due(request), next_due(request)
    if review_due_at is None:
        return _passed(request, command, now)
    passed = _passed(request, command, now) if due_at is not None and now >= due_at else None
    if now >= review_due_at:
        return overdue(request, passed, now)
    if passed is None:
        raise NotDue
    return passed


def _passed(request: Request, command: Tick, now: datetime) -> Change:
    match request.state:
        case State.PENDING if now >= request.expires_at:
            after = ended(grown(request), State.EXPIRED, now)
            entries = (effects.entry(EntryKind.EXPIRED, after, SYSTEM, now),)
            return effects.changed(
                after, request, now, entries, event="expired", callback=CallbackKind.EXPIRED
            )
        case State.PENDING:
            return _woken(request, command.roster, now)
        case State.APPROVED:
            after = replace(grown(request), state=State.LAPSED, due_at=None)
            entries = (effects.entry(EntryKind.LAPSED, after, SYSTEM, now),)
            return effects.changed(after, request, now, entries, event="lapsed", callback=CallbackKind.LAPSED)
        case State.RELEASED:
            after = replace(grown(request), state=State.UNREPORTED, due_at=None)
            entries = (effects.entry(EntryKind.OVERDUE, after, SYSTEM, now),)
            return effects.changed(after, request, now, entries, event="unreported", alert="unreported")
        case _:
            raise NotDue


def _woken(request: Request, roster: Roster, now: datetime) -> Change:
    """Fire what is due in the order of its instants, so that a late sweep ends where a prompt one would."""
    after, entries = grown(request), list[Entry]()
    while (due := next_due(after)) is not None and now >= due:
        if stage_due(after) == due:
            # A stage past its `within` does not wait for the next escalation's own instant.
            after = replace(after, stage_escalated=True)
            entries.append(effects.entry(EntryKind.ESCALATED, after, SYSTEM, now, decision="stage-late"))
        after = escalated(after, roster, now, entries)
    if not entries:  # nothing but somebody's look has ended
        over = effects.entry(EntryKind.LOOKED, after, SYSTEM, now, decision="over")
        return waiting(after, request, roster, now, (over,))
    people = reminded(after, request, roster) or called(after, roster)
    remind = effects.places(after) + persons(people)
    return waiting(after, request, roster, now, entries, remind=remind)
