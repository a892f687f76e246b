"""A request goes on waiting: escalation reminds or adds people; it skips no stage and lowers no quorum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from bot.core import effects
from bot.core.deadline import escalation_due, wake_at
from bot.core.people import approvers, called, heard, resolve, shortage
from bot.core.terms import SYSTEM, Change, Entry, EntryKind, PersonName, Request, Roster

NOBODY = "nobody-reachable"


def waiting(
    request: Request,
    before: Request | None,
    roster: Roster,
    now: datetime,
    entries: Sequence[Entry],
    *,
    event: str = "",
    remind: Sequence[str] = (),
) -> Change:
    """Return the change of a request that stays pending; one that people cannot meet escalates at once."""
    after, told = request, list(entries)
    while (problem := shortage(after, roster)) and after.escalated < len(after.plan.escalations):
        after, _ = _fired(after, roster, now, told)
    after = replace(after, unsatisfiable=problem, due_at=wake_at(after, now))
    had_cards = before.told if before else ()
    cards = {f"person:{name}" for name in after.told if name not in had_cards}  # which are reminder enough
    named = persons(reminded(after, request, roster))
    return effects.changed(
        after,
        before,
        now,
        tuple(told),
        event=event,
        alert=_alarm(after, before, roster, told),
        remind=tuple(one for one in dict.fromkeys((*remind, *named)) if one not in cards),
        turn=tuple(one for one in persons(_called(after, before, roster)) if one not in cards),
    )


def escalated(request: Request, roster: Roster, now: datetime, entries: list[Entry]) -> Request:
    """Return the request after its next escalation, with its entry added to `entries`.

    A level at which nobody can be reached is passed at once to the next, and the log says so. A level that
    would come no sooner than the request's own deadline is kept for when no quorum can be met without it.
    """
    after, reached = request, False
    while not reached and (due := escalation_due(after)) is not None and due < after.expires_at:
        after, reached = _fired(after, roster, now, entries)
    return after


def reminded(after: Request, before: Request, roster: Roster) -> frozenset[PersonName]:
    """Return whom the escalations between the two remind by name, or their deputies; see `heard`."""
    fired = after.plan.escalations[before.escalated : after.escalated]
    named = resolve([reference for escalation in fired for reference in escalation.remind], roster)
    return heard(named, after, roster)


def _called(after: Request, before: Request | None, roster: Roster) -> frozenset[PersonName]:
    """Return whose turn has come: of the first stage, only whom no channel tells."""
    if before is None:
        shown = approvers(after, roster) if effects.places(after) else frozenset()
        return called(after, roster) - shown - roster.mute
    return called(after, roster) - roster.mute if after.stage_index != before.stage_index else frozenset()


def persons(names: Iterable[PersonName]) -> tuple[str, ...]:
    """Return people's addresses, in order."""
    return tuple(f"person:{name}" for name in sorted(names))


def _fired(request: Request, roster: Roster, now: datetime, entries: list[Entry]) -> tuple[Request, bool]:
    """Fire the next escalation; say whether it reaches anybody who has not reviewed."""
    escalation = request.plan.escalations[request.escalated]
    after = replace(
        request,
        escalated=request.escalated + 1,
        added=tuple(dict.fromkeys((*request.added, *escalation.add))),
    )
    new = heard(resolve(escalation.add, roster), after, roster)
    reached = bool(new | heard(resolve(escalation.remind, roster), after, roster))
    after = replace(after, told=tuple(dict.fromkeys((*request.told, *sorted(new)))))
    facts = {"add": " ".join(escalation.add), "remind": " ".join(escalation.remind)}
    decision = None if reached else NOBODY
    entries.append(effects.entry(EntryKind.ESCALATED, after, SYSTEM, now, decision=decision, facts=facts))
    return after, reached


def _alarm(after: Request, before: Request | None, roster: Roster, entries: Sequence[Entry]) -> str:
    if after.unsatisfiable and not (before and before.unsatisfiable):
        return "unsatisfiable"
    if not called(after, roster):
        return NOBODY
    return "level-empty" if any(entry.decision == NOBODY for entry in entries) else ""
