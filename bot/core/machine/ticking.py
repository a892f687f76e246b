"""What time alone does: reminders, escalation, expiry, lapse, overdue outcomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core import effects
from bot.core.deadline import escalation_due, next_due, stage_due
from bot.core.errors import NotDue
from bot.core.machine.commands import Tick
from bot.core.machine.reviews import counted
from bot.core.machine.states import ended, grown
from bot.core.people import approvers, barred, resolve, shortage
from bot.core.terms import SYSTEM, CallbackKind, Change, Entry, EntryKind, PersonName, Request, Roster, State


def ticked(request: Request, command: Tick, now: datetime) -> Change:
    if request.due_at is None or now < request.due_at:
        raise NotDue
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
    """Fire every escalation that is due; a stage past its `within` fires the next one at once."""
    after, entries = grown(request), list[Entry]()
    due = stage_due(after)
    if due is not None and now >= due:
        after = replace(after, stage_escalated=True)
        entries.append(effects.entry(EntryKind.ESCALATED, after, SYSTEM, now, decision="stage-late"))
        after = escalated(after, roster, now, entries)
    while (due := escalation_due(after)) is not None and now >= due:
        after = escalated(after, roster, now, entries)
    after = replace(after, unsatisfiable=shortage(after, roster))
    after = replace(after, due_at=next_due(after))
    remind = effects.places(after) + tuple(f"person:{name}" for name in _reminded(after, request, roster))
    lonely = not approvers(after, roster) - barred(after, roster)
    alert = "nobody-reachable" if lonely else ""
    return effects.changed(after, request, now, tuple(entries), remind=remind, alert=alert)


def _reminded(after: Request, before: Request, roster: Roster) -> list[PersonName]:
    """Return who is reminded in person: those the escalations name, else everyone who can end the stage."""
    fired = after.plan.escalations[before.escalated : after.escalated]
    named = resolve([reference for escalation in fired for reference in escalation.remind], roster)
    people = named or approvers(after, roster)
    fresh = set(after.told) - set(before.told)  # they get a card, which is reminder enough
    return sorted(people - barred(after, roster) - counted(after).keys() - fresh)


def escalated(request: Request, roster: Roster, now: datetime, entries: list[Entry]) -> Request:
    """Return the request after its next escalation, if there is one, with its entry added to `entries`.

    A level at which nobody can be reached is passed at once to the next, and the log says so.
    """
    after = request
    while after.escalated < len(after.plan.escalations):
        escalation = after.plan.escalations[after.escalated]
        new = resolve(escalation.add, roster) - barred(after, roster)
        reached = new | (resolve(escalation.remind, roster) - barred(after, roster))
        after = replace(
            after,
            escalated=after.escalated + 1,
            added=tuple(dict.fromkeys((*after.added, *escalation.add))),
            told=tuple(dict.fromkeys((*after.told, *sorted(new)))),
        )
        facts = {"add": " ".join(escalation.add), "remind": " ".join(escalation.remind)}
        decision = None if reached else "nobody-reachable"
        entries.append(effects.entry(EntryKind.ESCALATED, after, SYSTEM, now, decision=decision, facts=facts))
        if reached:
            break
    return after
