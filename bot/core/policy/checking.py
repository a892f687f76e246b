"""What only the whole bundle shows: names that lead nowhere, sources that disagree, quorums out of reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.core.policy.model import ActionType, Calendar, Defaults, Directory, Group, Otherwise, matches_pattern
from bot.core.policy.parameters import objection
from bot.core.policy.problems import Place, Report, suggestion
from bot.core.policy.quorums import NOBODY, People, satisfiable
from bot.core.policy.records import Filled
from bot.core.policy.references import static_members
from bot.core.policy.tree import Node
from bot.core.terms import GroupName, Json, PersonName, Stage

Names = Mapping[str, tuple[Place, Any]]


@dataclass(slots=True)
class Everything:
    """All that references may lead to."""

    report: Report
    actions: Mapping[str, ActionType]
    groups: Mapping[GroupName, Group]
    calendars: Mapping[str, Calendar]
    directory: Directory
    defaults: Defaults
    warnings: set[str] = field(default_factory=set)


def check_actions(named: Names, everything: Everything) -> None:
    """Warn of actions that only a self-executing agent can run."""
    for name in named:
        if (action := everything.actions.get(name)) and action.executor is None:
            everything.warnings.add(
                f"{name} has no executor: only an agent that executes for itself can run it"
            )


def check_groups(named: Names, everything: Everything) -> None:
    """Refuse unknown people, sources that disagree, and fallbacks that lead nowhere or in a circle."""
    for name, (_, filled) in named.items():
        if filled is None:
            continue
        for node, person in filled.get("members") or ():
            _known("person", person, node.place, everything.directory.people, everything)
        _check_sources(everything.groups[GroupName(name)], filled, everything)
        _check_oncall(everything.groups[GroupName(name)], filled, everything)
        if (fallback := filled.get("fallback")) is not None:
            _known("group", fallback, filled.at("fallback"), everything.groups, everything)
            if _circles(GroupName(name), everything.groups):
                everything.report.add(filled.at("fallback"), f"the fallbacks of {name} lead back to it")


def _check_sources(group: Group, filled: Filled, everything: Everything) -> None:
    listed = everything.directory.in_group(group.name)
    if group.members is not None and listed and listed != group.members:
        odd = ", ".join(sorted(listed ^ group.members))
        everything.report.add(
            filled.at("members"),
            f"the directory and this list disagree about {group.name}: {odd} in only one of them",
        )
    if group.members is None and group.slack_usergroup and listed:
        everything.report.add(
            filled.at("slack_usergroup"),
            f"{group.name} is read from Slack, but the directory lists {', '.join(sorted(listed))}",
        )


def _check_oncall(group: Group, filled: Filled, everything: Everything) -> None:
    """Refuse a second source beside a calendar, and a calendar that is silent with nobody to stand in."""
    if group.oncall is None:
        return
    for key in ("members", "slack_usergroup"):
        if filled.get(key) is not None:
            everything.report.add(filled.at(key), f"{group.name} is read from a calendar; take {key} away")
    if listed := everything.directory.in_group(group.name):
        names = ", ".join(sorted(listed))
        everything.report.add(
            filled.at("oncall"), f"{group.name} is read from a calendar, but the directory lists {names}"
        )
    if group.fallback is None:
        everything.report.add(
            filled.at("oncall"),
            "this group needs a fallback: who reviews while nobody is known to be on call?",
        )


def _circles(name: GroupName, groups: Mapping[GroupName, Group]) -> bool:
    at, seen = groups[name].fallback, set[GroupName]()
    while at is not None and at in groups and at not in seen:
        if at == name:
            return True
        seen.add(at)
        at = groups[at].fallback
    return False


def _known(what: str, name: str, place: Place, known: Iterable[str], everything: Everything) -> bool:
    if name in known:
        return True
    everything.report.add(place, f"there is no {what} {name}{suggestion(name, known)}")
    return False


def check_match(filled: Filled, calendars: Names, everything: Everything) -> None:
    """Refuse a match that no catalogued action, parameter or calendar can meet."""
    match = filled.get("match")
    node, patterns = match["action"]
    covered: dict[str, ActionType] = {}
    for pattern in patterns:
        fitting = {
            name: action for name, action in everything.actions.items() if matches_pattern(pattern, name)
        }
        if not fitting and everything.defaults.unknown_action is Otherwise.DENY:
            near = suggestion(pattern, everything.actions)
            everything.report.add(node.place, f"no action in the catalog is called {pattern}{near}")
        covered |= fitting
    for name, (value, values) in match.items():
        if name.startswith("params.") and covered:
            _check_clause(filled.get("id"), name.removeprefix("params."), value, values, covered, everything)
    if (calendar := filled.get("during")) is not None:
        _known("calendar", calendar, filled.at("during"), calendars, everything)


def _check_clause(
    rule: str,
    name: str,
    node: Node,
    values: tuple[Json, ...],
    covered: dict[str, ActionType],
    everything: Everything,
) -> None:
    having = [action for action in covered.values() if name in action.parameters]
    open_ended = any(action.additional for action in covered.values())
    if not having and not open_ended:
        known = {parameter for action in covered.values() for parameter in action.parameters}
        everything.report.add(
            node.place, f"no action it matches has a parameter {name}{suggestion(name, known)}"
        )
    for action in covered.values():
        if name not in action.parameters and not action.additional:
            everything.warnings.add(f"rule {rule} never matches {action.name}, which has no parameter {name}")
    doubtful = any(action.additional and name not in action.parameters for action in covered.values())
    for position, value in enumerate(values):
        faults = [objection(action.parameters[name], value) for action in having]
        if faults and all(faults) and not doubtful:
            at = node.value[position].place if isinstance(node.value, tuple) else node.place
            near = suggestion(
                str(value), [str(v) for action in having for v in action.parameters[name].values]
            )
            everything.report.add(at, f"{name} cannot have this value: {faults[0]}{near}")


def check_defaults(filled: Filled, everything: Everything) -> None:
    """Warn where a request could only ever open unsatisfiable."""
    waits = Otherwise.REQUIRE_APPROVAL in (everything.defaults.no_match, everything.defaults.unknown_action)
    if waits and not filled.get("stages"):
        everything.warnings.add("defaults has no stages: nobody can approve what no rule speaks of")


def check_people(filled: Filled, everything: Everything) -> None:
    """Refuse references to nobody, and stages that their people cannot meet."""
    for node, reference in filled.get("separation") or ():
        if ":" in reference:
            _check_reference(node, reference, everything)
    for escalation in filled.get("escalate") or ():
        for node, reference in (*(escalation.get("remind") or ()), *(escalation.get("add") or ())):
            _check_reference(node, reference, everything)
    stages = filled.get("stages") or ()
    sound = [_check_reference(n, ref, everything) for _, stage in stages for n, ref in stage.get("approvers")]
    if stages and all(sound):
        barred = _barred(filled, everything)
        _check_quorums(stages, barred, everything)
        for _, stage in stages:
            _check_denials(str(filled.get("id", "defaults")), stage, barred, everything)


def _check_reference(node: Node, reference: str, everything: Everything) -> bool:
    kind, _, name = reference.partition(":")
    if kind == "person":
        return _known("person", name, node.place, everything.directory.people, everything)
    if not _known("group", name, node.place, everything.groups, everything):
        return False
    if static_members(everything.groups[GroupName(name)], everything.directory) == NOBODY:
        everything.report.add(node.place, f"nobody is in the group {name}")
        return False
    return True


def _barred(filled: Filled, everything: Everything) -> People:
    own = [reference for _, reference in filled.get("separation") or ()]
    named = (ref for ref in (*own, *everything.defaults.rule.separation) if ":" in ref)
    return frozenset().union(*(_people(ref, everything) or NOBODY for ref in named))


def _check_denials(whose: str, stage: Filled, barred: People, everything: Everything) -> None:
    """Refuse a `deny` that more people must meet than may: nobody could stop what they are asked about.

    As with quorums, those whom an escalation adds later do not count. Where only Slack or a calendar knows
    how many there are it is a warning, unless one is enough.
    """
    needed = stage.get("deny", 1)
    found = [_people(reference, everything) for _, reference in stage.get("approvers")]
    if None in found:
        if needed > 1:
            everything.warnings.add(
                f"{whose}, stage {stage.get('name')}: {needed} people must deny to end it, and only Slack "
                "or a calendar knows how many may; while they are fewer nobody can"
            )
        return
    able = len(frozenset().union(*(people or NOBODY for people in found)) - barred)
    if 0 < able < needed:
        everything.report.add(
            stage.at("deny"), f"{needed} people must deny to end this stage, and only {able} may review it"
        )


def _check_quorums(stages: Sequence[tuple[Node, Filled]], barred: People, everything: Everything) -> None:
    """Refuse stages that cannot be met: the unconditional ones together, each conditional one with them."""
    always = [stage for _, stage in stages if stage.get("when") is None]
    sets = [always] if always else []
    sets += [[*always, stage] for _, stage in stages if stage.get("when") is not None]
    for chosen in sets:
        built: list[Stage] = []
        members: dict[str, People | None] = {}
        for stage in chosen:
            names = tuple(reference for _, reference in stage.get("approvers"))
            people = {name: _people(name, everything) for name in names}
            if any(found is None for found in people.values()):
                continue  # Slack knows; it is asked at intake
            members |= people
            built.append(Stage(stage.get("name"), names, stage.get("quorum", 1)))
        if built and (why := satisfiable(built, members, barred)):
            everything.report.add(chosen[-1].at("approvers"), why)
            return


def _people(reference: str, everything: Everything) -> People | None:
    kind, _, name = reference.partition(":")
    if kind == "person":
        return frozenset({PersonName(name)})
    group = everything.groups.get(GroupName(name))
    return NOBODY if group is None else static_members(group, everything.directory)
