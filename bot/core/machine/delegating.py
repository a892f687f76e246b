"""An approver asks somebody to decide in their place, here and in this stage alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core import effects
from bot.core.errors import AlreadyAsked, NotADeputy, UnknownPerson
from bot.core.machine.commands import Delegate
from bot.core.machine.reviews import refuse_decided, refuse_nobody, refuse_outsider
from bot.core.machine.states import grown
from bot.core.people import approvers, barred, seats, spent, stand_ins
from bot.core.terms import Change, Delegation, EntryKind, OutboxKind, PersonName, Request, Roster, Send


def delegated(request: Request, command: Delegate, now: datetime) -> Change:
    """Return the change that lends an approver's seat; they keep it until the deputy has spoken.

    A second deputy of theirs takes the place of the first; asking the same one again changes nothing and is
    refused. The deputy gets a card of their own.
    """
    refuse_decided(request, now)
    refuse_nobody(command.person, command.roster, command.by)
    refuse_outsider(request, command.person, command.roster)
    stage = request.plan.stages[request.stage_index].name
    lent = Delegation(command.person, command.deputy, stage, now)
    others = [one for one in request.delegations if (one.giver, one.stage) != (lent.giver, stage)]
    after = replace(grown(request), delegations=(*others, lent))
    _refuse_deputy(after, lent, command.roster)
    if (lent.giver, lent.deputy, stage) in {
        (one.giver, one.deputy, one.stage) for one in request.delegations
    }:
        raise AlreadyAsked(f"You have asked {lent.deputy} already; they may decide in your place here.")
    after = replace(after, told=tuple(dict.fromkeys((*after.told, lent.deputy))))
    private = {"giver": lent.giver, "deputy": lent.deputy}
    facts = {"stage": stage}
    entry = effects.entry(EntryKind.DELEGATED, after, command.by, now, facts=facts, private=private)
    change = effects.changed(after, request, now, (entry,), event=f"delegated:{lent.giver}")
    asked = Send(OutboxKind.NOTE, f"person:{lent.deputy}", now, f"deputy:{lent.giver}")
    return replace(change, sends=(*change.sends, asked))


def _refuse_deputy(after: Request, lent: Delegation, roster: Roster) -> None:
    """Raise unless the deputy may speak now that they are asked."""
    giver, deputy = lent.giver, lent.deputy
    if deputy not in roster.people:
        raise UnknownPerson(f"There is no {deputy} in the directory.")
    if deputy == giver:
        raise NotADeputy("Nobody stands in for themselves.")
    if deputy in barred(after, roster):
        raise NotADeputy(
            f"{deputy} may not review this request: it was made by them, for them or by their agent, or the "
            "policy keeps them out."
        )
    if deputy in spent(after):
        raise NotADeputy(f"{deputy} has already spoken on this request; one person counts once.")
    _refuse_stranger(after, giver, deputy, roster)
    if roster.away.get(deputy, giver) is None:
        raise NotADeputy(f"{deputy} is away, and nobody stands in for them.")


def _refuse_stranger(after: Request, giver: PersonName, deputy: PersonName, roster: Roster) -> None:
    if deputy in approvers(after, roster):
        return
    if deputy not in roster.deputies.get(giver, frozenset()):
        raise NotADeputy(
            f"{deputy} is no approver of this stage, and the directory names them as no deputy of {giver}."
        )
    if deputy not in stand_ins(giver, after, roster) or deputy not in seats(after, roster):
        raise NotADeputy(f"{deputy} has asked back to {giver}: the two would stand in for each other.")
