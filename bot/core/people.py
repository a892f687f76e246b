"""Who may review as people stand now, and whose verdicts count. Empty means nobody, never everybody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from bot.core.policy import satisfiable
from bot.core.terms import GroupName, PersonName, Request, Review, Roster, Stage, Verdict


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


def awaited(request: Request, roster: Roster) -> frozenset[PersonName]:
    """Return whose first verdict would count now: approvers of the open stage, after separation."""
    return approvers(request, roster) - barred(request, roster) - counted(request).keys()


def shortage(request: Request, roster: Roster) -> str | None:
    """Say why the stages still to come cannot be met by distinct people; None when they can."""
    left = list(request.plan.stages[request.stage_index :])
    if not left:
        return "No rule names an approver for this action."
    if request.added:
        left = [replace(stage, approvers=references(request, stage)) for stage in left]
    if approvals := tally(request, left[0].name)[0]:
        left[0] = replace(left[0], quorum=left[0].quorum - approvals)
    members = {one: resolve((one,), roster) for stage in left for one in stage.approvers}
    return satisfiable(left, members, barred(request, roster) | counted(request).keys())
