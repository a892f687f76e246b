"""Who may review as people stand now, and whose verdicts count. Empty means nobody, never everybody.

Each approver has a seat. Who speaks takes one: their own, or that of whom they stand in for. A seat counts
once and a person counts once, so neither an absence nor a delegation ever makes one voice two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import chain

from bot.core.policy import satisfiable
from bot.core.terms import (
    Delegation,
    GroupName,
    PersonName,
    Registry,
    Request,
    Review,
    Roster,
    Stage,
    State,
    Verdict,
)


def absent(registry: Registry, now: datetime) -> dict[PersonName, PersonName | None]:
    """Return who is away at this instant, and whom each asked to stand in."""
    absences = registry.absences.values()
    return {one.person: one.deputy for one in absences if one.from_at <= now < one.until_at}


def resolve(references: Iterable[str], roster: Roster) -> frozenset[PersonName]:
    """Return the people that `group:NAME` and `person:NAME` mean now; a silent source means nobody."""
    found: set[PersonName] = set()
    for reference in references:
        kind, _, name = reference.partition(":")
        if kind == "group":
            found |= roster.groups.get(GroupName(name)) or frozenset()
        elif kind == "person":
            found.add(PersonName(name))
    return roster.people & found


def barred(request: Request, roster: Roster) -> frozenset[PersonName]:
    """Return whom separation keeps from reviewing: as frozen when it was asked, and as things stand now."""
    if roster.gone:
        return roster.people
    subject = request.subject
    mine = {PersonName(subject.agent), request.owner}
    return roster.barred | (mine if subject.on_behalf_of is None else mine | {subject.on_behalf_of})


def counted(request: Request) -> dict[PersonName, Review]:
    """Return each person's review that counts: their latest verdict; comments count for nothing."""
    return {r.person: r for r in request.reviews if r.verdict is not Verdict.COMMENT}


def tally(request: Request, stage: str) -> tuple[int, int]:
    """Return (approvals, denials) of a stage: people, not clicks."""
    if not request.reviews:
        return 0, 0
    verdicts = [r.verdict for r in counted(request).values() if r.stage == stage]
    return verdicts.count(Verdict.APPROVE), verdicts.count(Verdict.DENY)


def references(request: Request, stage: Stage) -> tuple[str, ...]:
    """Return who a stage names, and whom escalations have added to it."""
    fired = request.plan.escalations[: request.escalated]
    added = [one.add for one in fired if one.stages is None or stage.name in one.stages]
    return tuple(dict.fromkeys(chain(stage.approvers, *added)))


def approvers(request: Request, roster: Roster) -> frozenset[PersonName]:
    """Return who may approve or deny in the open stage, before separation."""
    if request.stage_index >= len(request.plan.stages):
        return frozenset()
    return resolve(references(request, request.plan.stages[request.stage_index]), roster)


def spent(request: Request) -> frozenset[PersonName]:
    """Return who has spoken, and in whose place somebody has: neither has a voice any more."""
    if not request.reviews:
        return frozenset()
    said = counted(request)
    return frozenset(said) | {review.giver for review in said.values() if review.giver is not None}


def seats(request: Request, roster: Roster) -> dict[PersonName, PersonName]:
    """Return who may review the open stage now, and whose seat each would take: first of all their own.

    1. Only approvers of the open stage have seats.
    2. Whom separation bars has none, and so lends none.
    3. Who has spoken, and in whose place somebody has, has none any more.
    4. A seat is lent along `stand_ins`, to people of whom 2 and 3 hold, too.
    """
    over = spent(request)
    out = barred(request, roster) | over  # 2, 3
    owners = approvers(request, roster) - out  # 1
    asked, found = _asked(request, roster), dict[PersonName, PersonName]()
    here = {one.giver for one in request.delegations}
    for giver in sorted(owners & asked.keys(), key=lambda name: (name not in here, name)):
        for deputy in _chain(giver, asked, request, roster):
            if deputy not in out:  # 4
                found.setdefault(deputy, giver)
    return found | {owner: owner for owner in owners}


def stand_ins(giver: PersonName, request: Request, roster: Roster) -> tuple[PersonName, ...]:
    """Return who may speak in somebody's place, those they asked first.

    They asked somebody, who perhaps asked somebody else; each must be one whom the directory lets stand in
    for the one before, and whom separation does not bar: there the chain ends. One that loops is nobody's.
    """
    return _chain(giver, _asked(request, roster), request, roster)


def lenders(person: PersonName, request: Request, roster: Roster) -> frozenset[PersonName]:
    """Return the approvers, whether they have spoken or not, whose seat this person may take."""
    asked = _asked(request, roster)
    owners = (approvers(request, roster) - barred(request, roster)) & asked.keys()
    return frozenset(giver for giver in owners if person in _chain(giver, asked, request, roster))


def _asked(request: Request, roster: Roster) -> dict[PersonName, PersonName]:
    """Return who asked whom to stand in: while they are away or, which goes first, here in the open stage."""
    away = {giver: deputy for giver, deputy in roster.away.items() if deputy is not None}
    stages = request.plan.stages[request.stage_index : request.stage_index + 1]
    names = {stage.name for stage in stages}
    return away | {one.giver: one.deputy for one in request.delegations if one.stage in names}


def _chain(
    giver: PersonName, asked: dict[PersonName, PersonName], request: Request, roster: Roster
) -> tuple[PersonName, ...]:
    if giver not in asked:
        return ()
    out, seen, lent, cut = barred(request, roster), [giver], list[PersonName](), False
    while (deputy := asked.get(seen[-1])) is not None:
        if deputy in seen:
            return ()
        cut = cut or deputy in out or deputy not in roster.people
        cut = cut or deputy not in roster.deputies.get(seen[-1], frozenset())
        seen.append(deputy)
        if not cut:
            lent.append(deputy)
    return tuple(lent)


def open_delegations(request: Request) -> tuple[Delegation, ...]:
    """Return the delegations that still wait: of the open stage, where neither of the two has spoken."""
    if not request.delegations or request.state is not State.PENDING:
        return ()
    over = spent(request)
    stages = request.plan.stages[request.stage_index : request.stage_index + 1]
    names = {stage.name for stage in stages}
    return tuple(
        one
        for one in request.delegations
        if one.stage in names and one.giver not in over and one.deputy not in over
    )


def called(request: Request, roster: Roster) -> frozenset[PersonName]:
    """Return whom to tell that the open stage waits for them; see `heard`."""
    return heard(approvers(request, roster), request, roster)


def heard(people: Iterable[PersonName], request: Request, roster: Roster) -> frozenset[PersonName]:
    """Return whom to tell what is meant for these people, but those who have spoken or may not.

    In the place of who is away, or asked somebody here, their deputy is told; without one, who is away is
    not told at all.
    """
    asked, out = _asked(request, roster), barred(request, roster) | spent(request)
    if not asked and not roster.away:  # everybody is told in person
        return frozenset(people) - out
    return frozenset(
        told
        for person in people
        if person not in out
        for told in _told(person, asked, request, roster)
        if told not in out
    )


def _told(
    person: PersonName, asked: dict[PersonName, PersonName], request: Request, roster: Roster
) -> tuple[PersonName, ...]:
    lent = _chain(person, asked, request, roster)
    there = [deputy for deputy in lent if deputy not in roster.away]
    if there:
        return (there[-1],)
    deputy = asked.get(person)
    if deputy is not None and deputy in approvers(request, roster) and deputy not in roster.away:
        return (deputy,)
    return () if person in roster.away else (person,)


def shortage(request: Request, roster: Roster) -> str | None:
    """Say why the stages still to come cannot be met by distinct people; None when they can."""
    left = list(request.plan.stages[request.stage_index :])
    if not left:
        return "No rule names an approver for this action."
    if roster.gone:
        return f"{' and '.join(sorted(roster.gone))} is not in the directory any more; whose side is this on?"
    if request.added:
        left = [replace(stage, approvers=references(request, stage)) for stage in left]
    if approvals := tally(request, left[0].name)[0]:
        left[0] = replace(left[0], quorum=left[0].quorum - approvals)
    members = {one: resolve((one,), roster) for stage in left for one in stage.approvers}
    return satisfiable(left, members, barred(request, roster) | spent(request))
