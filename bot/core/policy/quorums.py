"""Whether distinct people can meet every quorum, and who may not be one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.core.terms import PersonName, Stage, Subject

People = frozenset[PersonName]
NOBODY: People = frozenset()


def barred(
    separation: Sequence[str],
    subject: Subject,
    owner: PersonName,
    live_owner: PersonName | None,
    members: Mapping[str, People | None],
) -> People:
    """Return the people whom separation keeps from reviewing.

    `owner` owned the agent when it asked, `live_owner` owns it now; both are barred. `members` are the people
    of each `group:NAME` that the separation names. The three built-in separations hold even if it is empty.
    """
    people = {PersonName(subject.agent), owner}  # a person called like the agent is no second pair of eyes
    if subject.on_behalf_of is not None:
        people.add(subject.on_behalf_of)
    if live_owner is not None:
        people.add(live_owner)
    for reference in separation:
        kind, _, name = reference.partition(":")
        if kind == "person":
            people.add(PersonName(name))
        elif kind == "group":
            people |= members.get(reference) or NOBODY
    return frozenset(people)


def satisfiable(stages: Sequence[Stage], members: Mapping[str, People | None], barred: People) -> str | None:
    """Return None if distinct people can meet the quorums of all stages, else a sentence that says why not.

    `members` are the people behind each reference of the stages (`group:dba`, `person:ana`); one that is
    missing or None counts as empty. One person counts in one stage.
    """
    if not stages:
        return "No stage says who could approve this."
    eligible: list[list[PersonName]] = []
    for stage in stages:
        able: People = frozenset().union(*(members.get(name) or NOBODY for name in stage.approvers)) - barred
        if stage.quorum < 1:
            return f"Stage {stage.name} asks for {stage.quorum} approvals; nobody can meet that."
        if len(able) < stage.quorum:
            return f"Stage {stage.name} needs {_people(stage.quorum)}, and only {len(able)} may review."
        eligible.append(sorted(able))
    return _matched(stages, eligible)


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _matched(stages: Sequence[Stage], eligible: Sequence[Sequence[PersonName]]) -> str | None:
    """Give each stage its quorum of people, moving people between stages where that helps (Kuhn)."""
    stage_of: dict[PersonName, int] = {}

    def place(index: int, tried: set[PersonName]) -> bool:
        for person in eligible[index]:
            if person in tried:
                continue
            tried.add(person)
            if person not in stage_of or place(stage_of[person], tried):
                stage_of[person] = index
                return True
        return False

    for index, stage in enumerate(stages):
        for _ in range(stage.quorum):
            if not place(index, set()):
                return (
                    f"Stage {stage.name} needs {_people(stage.quorum)}, but one person counts in one stage "
                    "and the others need theirs."
                )
    return None
