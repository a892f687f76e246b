"""References to people: `person:ana`, `group:dba`, and `group:dba&leads`, who are in all of its parts.

The last kind is written by merging alone: rules that share a stage share only the approvers they agree on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bot.core.policy.model import Directory, Group
from bot.core.policy.quorums import NOBODY, People
from bot.core.terms import GroupName, PersonName

Members = Callable[[GroupName], People | None]


def parts(reference: str) -> frozenset[str]:
    """Return the plain references whose people all must be in."""
    kind, _, names = reference.partition(":")
    if kind != "group":
        return frozenset({reference})
    return frozenset(name if name.startswith("person:") else f"group:{name}" for name in names.split("&"))


def joined(plain: Iterable[str]) -> str:
    """Return the one reference for people who are in all of these; the reverse of `parts`."""
    ordered = sorted(plain)
    if len(ordered) == 1:
        return ordered[0]
    return "group:" + "&".join(name.removeprefix("group:") for name in ordered)


def shared(left: Sequence[str], right: Sequence[str]) -> tuple[str, ...]:
    """Return references to the people whom both unions name, each as short as it can be."""
    if tuple(left) == tuple(right):
        return tuple(left)
    found = {parts(one) | parts(other) for one in left for other in right}
    found = {wanted for wanted in found if sum(part.startswith("person:") for part in wanted) < 2}
    least = [wanted for wanted in found if not any(other < wanted for other in found)]
    return tuple(sorted(joined(wanted) for wanted in least))


def people_of(reference: str, members: Members) -> People | None:
    """Return who is behind a reference, or None while the source of one of its parts does not answer."""
    found: People | None = None
    for part in parts(reference):
        kind, _, name = part.partition(":")
        people = members(GroupName(name)) if kind == "group" else frozenset({PersonName(name)})
        if people is None:
            return None
        found = people if found is None else found & people
    return NOBODY if found is None else found


def static_members(group: Group, directory: Directory) -> People | None:
    """Return who is in a group as the files say, or None where only Slack or a calendar knows."""
    if group.members is not None:
        return group.members & directory.people.keys()
    return None if group.slack_usergroup or group.oncall else directory.in_group(group.name)


def on_call(names: Iterable[str], directory: Directory) -> People:
    """Return the people whom a calendar names: by e-mail address, name or title, each of one person alone.

    What two people are called is neither's.
    """
    called: dict[str, set[PersonName]] = {}
    for name, person in directory.people.items():
        for word in {name, person.title or name, person.email or name}:
            called.setdefault(word.casefold(), set()).add(name)
    meant = (called.get(name.strip().casefold(), set()) for name in names)
    return frozenset(name for people in meant if len(people) == 1 for name in people)
