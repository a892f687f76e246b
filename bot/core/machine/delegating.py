"""An approver asks somebody to decide in their place, here and in this stage alone, or takes that back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core import effects
from bot.core.errors import AlreadyAsked, AlreadyReviewed, EnoughLent, NotADeputy, Unknown
from bot.core.machine.commands import Delegate, Reclaim
from bot.core.machine.reviews import refuse_decided, refuse_nobody, refuse_outsider
from bot.core.machine.states import grown
from bot.core.people import approvers, barred, open_delegations, seats, spent, stand_ins
from bot.core.terms import Change, Delegation, EntryKind, OutboxKind, PersonName, Request, Roster, Send

LENT_MAX = 10  # times that one person lends their seat at one request; each is a line in its thread


def delegated(request: Request, command: Delegate, now: datetime) -> Change:
    """Return the change that lends an approver's seat; they keep it until the deputy has spoken.

    A second deputy of theirs takes the place of the first; asking the same one again changes nothing and is
    refused, and so is the eleventh time. The deputy gets a card of their own.
    """
    refuse_decided(request, now)
    refuse_nobody(command.person, command.roster, command.by)
    refuse_outsider(request, command.person, command.roster)
    stage = request.plan.stages[request.stage_index].name
    new = Delegation(command.person, command.deputy, stage, now)
    after = replace(
        grown(request),
        delegations=(*_others(request, new.giver, stage), new),
        givers=(*request.givers, new.giver),
    )
    _refuse_deputy(after, new, command.roster)
    if (new.giver, new.deputy, stage) in {(one.giver, one.deputy, one.stage) for one in request.delegations}:
        raise AlreadyAsked(f"You have asked {new.deputy} already; they may decide in your place here.")
    if after.givers.count(new.giver) > LENT_MAX:
        raise EnoughLent
    after = replace(after, told=tuple(dict.fromkeys((*after.told, new.deputy))))
    private = {"giver": new.giver, "deputy": new.deputy}
    facts = {"stage": stage}
    entry = effects.entry(EntryKind.DELEGATED, after, command.by, now, facts=facts, private=private)
    change = effects.changed(after, request, now, (entry,), event=f"delegated:{new.giver}")
    asked = Send(OutboxKind.NOTE, f"person:{new.deputy}", now, f"deputy:{new.giver}")
    return replace(change, sends=(*change.sends, asked))


def reclaimed(request: Request, command: Reclaim, now: datetime) -> Change:
    """Return the change after which a giver's deputy may no longer speak in their place, here.

    It only ever takes a voice away, so the giver need not be an approver any more. The deputy keeps the card.
    """
    refuse_decided(request, now)
    refuse_nobody(command.person, command.roster, command.by)
    taken = _asked_by(command.person, request)
    after = replace(grown(request), delegations=_others(request, taken.giver, taken.stage))
    private = {"giver": taken.giver, "deputy": taken.deputy}
    facts = {"stage": taken.stage}
    entry = effects.entry(EntryKind.RECLAIMED, after, command.by, now, facts=facts, private=private)
    event = f"reclaimed:{taken.giver}"
    change = effects.changed(after, request, now, (entry,), event=event)
    told = Send(OutboxKind.NOTE, f"person:{taken.deputy}", now, event)
    return replace(change, sends=(*change.sends, told))


def _asked_by(giver: PersonName, request: Request) -> Delegation:
    """Return what somebody asked in the open stage; raises why there is nothing to take back."""
    for one in open_delegations(request):
        if one.giver == giver:
            return one
    if giver in spent(request):
        raise AlreadyReviewed("You or your deputy have already reviewed this request.")
    raise Unknown("You have asked nobody to decide this request in your place.")


def _others(request: Request, giver: PersonName, stage: str) -> tuple[Delegation, ...]:
    return tuple(one for one in request.delegations if (one.giver, one.stage) != (giver, stage))


def _refuse_deputy(after: Request, new: Delegation, roster: Roster) -> None:
    """Raise unless the deputy may speak now that they are asked."""
    giver, deputy = new.giver, new.deputy
    if deputy not in roster.people:
        raise NotADeputy(f"There is no {deputy} in the directory.")
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
