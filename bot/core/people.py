"""Who may review a request as people stand now. Empty means nobody, never everybody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bot.core.policy import satisfiable
from bot.core.terms import GroupName, PersonName, Request, Roster, Stage, Verdict


def resolve(references: Iterable[str], roster: Roster) -> frozenset[PersonName]:
    """Return the people that `group:NAME` and `person:NAME` mean now; a silent source means nobody."""
    found: set[PersonName] = set()
    for reference in references:
        kind, _, name = reference.partition(":")
        if kind == "group":
            found |= roster.groups.get(GroupName(name)) or frozenset()
        elif kind == "person":
            found.add(PersonName(name))
    return frozenset(found) & roster.people


def barred(request: Request, roster: Roster) -> frozenset[PersonName]:
    """Return whom separation keeps from reviewing: as frozen when it was asked, and as things stand now."""
    mine = {request.owner, request.subject.on_behalf_of} - {None}
    return roster.barred | frozenset(name for name in mine if name)


def approvers(request: Request, roster: Roster) -> frozenset[PersonName]:
    """Return who may approve or deny in the open stage, before separation."""
    if request.stage_index >= len(request.plan.stages):
        return frozenset()
    stage = request.plan.stages[request.stage_index]
    return resolve((*stage.approvers, *request.added), roster)


def shortage(request: Request, roster: Roster) -> str | None:
    """Say why the stages still to come cannot be met by distinct people; None when they can."""
    stages = _left(request)
    if not stages:
        return None if request.plan.stages else "No rule names an approver for this action."
    used = {r.person for r in request.reviews if r.verdict is not Verdict.COMMENT}
    references = {reference for stage in stages for reference in stage.approvers}
    members = {reference: resolve((reference,), roster) for reference in references}
    return satisfiable(stages, members, barred(request, roster) | used)


def _left(request: Request) -> tuple[Stage, ...]:
    """Return the stages from the open one on, with the people who joined and the quorum still missing."""
    left = request.plan.stages[request.stage_index :]
    if not left:
        return ()
    latest = {r.person: r for r in request.reviews if r.verdict is not Verdict.COMMENT}
    done = sum(r.stage == left[0].name and r.verdict is Verdict.APPROVE for r in latest.values())
    grown = [replace(s, approvers=(*s.approvers, *request.added)) for s in left]
    grown[0] = replace(grown[0], quorum=grown[0].quorum - done)
    return tuple(stage for stage in grown if stage.quorum > 0)
