"""The files of a policy folder → Bundle. Their order means nothing; every problem is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.core.policy import building, checking
from bot.core.policy.conditions import Conditions
from bot.core.policy.directory import digest_of
from bot.core.policy.grammar import BUNDLE, DEFAULTS, RULE
from bot.core.policy.index import Index
from bot.core.policy.merging import Merger
from bot.core.policy.model import (
    ActionType,
    Calendar,
    Compile,
    Directory,
    Group,
    Rule,
    StageRule,
)
from bot.core.policy.problems import Faulty, Place, Report, suggestion
from bot.core.policy.records import Filled
from bot.core.policy.tree import Node, plain, read_tree
from bot.core.policy.whole import Bundle
from bot.core.terms import Effect, GroupName, Json

SECTIONS = ("actions", "groups", "calendars")


@dataclass(slots=True)
class Parts:
    """What the files hold, put together."""

    report: Report
    defaults: Filled
    named: dict[str, dict[str, tuple[Place, Any]]] = field(
        default_factory=lambda: {name: {} for name in SECTIONS}
    )
    rules: list[Filled] = field(default_factory=list)
    content: dict[str, Json] = field(default_factory=dict)


def read_bundle(files: Mapping[str, str], compiler: Compile, directory: Directory) -> Bundle:
    """Return the bundle in these files; raises `PolicyBroken` with everything that is wrong with them."""
    report = Report(files)
    parts = _gather(files, report)
    actions = {
        name: building.action_type(name, filled, report)
        if filled
        else ActionType(name, name, additional=True)
        for name, (_, filled) in parts.named["actions"].items()
    }
    groups = _groups(parts, directory)
    calendars = _calendars(parts)
    conditions = Conditions(compiler, actions, report)
    stages = _stages(parts.defaults, ("*",), conditions, report)
    defaults = building.defaults(parts.defaults, stages)
    rules = _rules(parts, conditions, defaults.rule)
    everything = checking.Everything(parts.report, actions, groups, calendars, directory, defaults)
    _check(parts, everything)
    report.close()
    ordered = tuple(sorted(rules, key=lambda rule: rule.id))
    by_action = {
        name: tuple(rule for rule in ordered if _can_match(rule, action)) for name, action in actions.items()
    }
    return Bundle(
        digest=digest_of(parts.content),
        defaults=defaults,
        actions=actions,
        groups=groups,
        calendars=calendars,
        rules=ordered,
        by_action=by_action,
        indexes={name: Index(name, rules, calendars) for name, rules in by_action.items()},
        merger=Merger(defaults.rule),
        files=dict(files),
        warnings=tuple(sorted(everything.warnings)),
    )


def _gather(files: Mapping[str, str], report: Report) -> Parts:
    first = Place(min(files, default="bundle.yaml"), 1, 1)
    parts = Parts(report, Filled(first, {}, {}))
    for name in sorted(files):
        try:
            root = read_tree(files[name], name, report)
        except Faulty:
            continue
        if root is not None:
            _gather_file(root, parts)
    if not parts.named["actions"] and not report.problems:
        report.add(first, "this bundle has no actions: every request would be denied")
    parts.content["rules"] = sorted(parts.content.get("rules", []), key=lambda rule: str(rule.get("id")))
    return parts


def _gather_file(root: Node, parts: Parts) -> None:
    if not isinstance(root.value, dict):
        parts.report.add(root.place, f"expected a mapping of {', '.join(BUNDLE.keys)}")
        return
    for name, node in root.value.items():
        try:
            if name == "rules":
                _gather_rules(node, parts)
            elif name == "defaults":
                _gather_defaults(node, parts)
            elif name in SECTIONS:
                _gather_named(name, node, parts)
            else:
                parts.report.add(
                    root.keys[name], f"a bundle has no key {name}{suggestion(name, BUNDLE.keys)}"
                )
        except Faulty:
            continue  # the report has it; the other sections may have more to tell


def _gather_rules(node: Node, parts: Parts) -> None:
    if not isinstance(node.value, tuple):
        raise parts.report.fault(node.place, "expected a list of rules")
    for one in node.value:
        try:
            parts.rules.append(RULE.read(one, parts.report))
            parts.content.setdefault("rules", []).append(plain(one))
        except Faulty:
            continue


def _gather_defaults(node: Node, parts: Parts) -> None:
    found = DEFAULTS.read(node, parts.report)
    for key in found.values:
        if key in parts.defaults.values:
            other = parts.defaults.at(key)
            parts.report.add(found.at(key), f"defaults.{key} stands in {other.file}:{other.line} already")
    parts.defaults = Filled(
        found.place, {**parts.defaults.values, **found.values}, {**parts.defaults.keys, **found.keys}
    )
    parts.content.setdefault("defaults", {}).update(plain(node))


def _gather_named(section: str, node: Node, parts: Parts) -> None:
    found = BUNDLE.keys[section].shape.read(node, parts.report)
    known = parts.named[section]
    for name, (place, filled) in found.items():
        if name in known:
            other = known[name][0]
            parts.report.add(place, f"{section}.{name} stands in {other.file}:{other.line} already")
        else:
            known[name] = (place, filled)
    parts.content.setdefault(section, {}).update(plain(node))


def _groups(parts: Parts, directory: Directory) -> dict[GroupName, Group]:
    """Return the bundle's groups, and those that stand only in the directory."""
    declared = {
        GroupName(n): building.group(n, given) for n, (_, given) in parts.named["groups"].items() if given
    }
    unreadable = {GroupName(name): Group(GroupName(name)) for name in parts.named["groups"]}
    elsewhere = {group: Group(group) for person in directory.people.values() for group in person.groups}
    return {**elsewhere, **unreadable, **declared}


def _can_match(rule: Rule, action: ActionType) -> bool:
    """Say whether a rule is about an action that has every parameter the rule asks for."""
    if not rule.covers(action.name):
        return False
    wanted = [
        name.removeprefix("params.") for name in (c.name for c in rule.clauses) if name.startswith("params.")
    ]
    return action.additional or all(name in action.parameters for name in wanted)


def _calendars(parts: Parts) -> dict[str, Calendar]:
    found = {}
    for name, (_, filled) in parts.named["calendars"].items():
        try:
            if filled:
                found[name] = building.calendar(name, filled, parts.report)
        except Faulty:
            continue
    return found


def _stages(
    filled: Filled, patterns: tuple[str, ...], conditions: Conditions, report: Report
) -> tuple[StageRule, ...]:
    found: dict[str, StageRule] = {}
    for _, given in filled.get("stages", ()):
        one = building.stage(given, conditions.read(given.get("when"), patterns))
        if one.stage.name in found:
            report.add(given.at("name"), f"two stages of one rule are called {one.stage.name}")
        found[one.stage.name] = one
    return tuple(found.values())


def _rules(parts: Parts, conditions: Conditions, silent: Rule) -> list[Rule]:
    rules: dict[str, Rule] = {}
    for filled in parts.rules:
        patterns = filled.get("match")["action"][1]
        when = conditions.read(filled.get("when"), patterns)
        stages = _stages(filled, patterns, conditions, parts.report)
        one = building.rule(filled, stages, when, silent, parts.report)
        if one.id in rules:
            parts.report.add(filled.at("id"), f"two rules have the id {one.id}")
        rules[one.id] = one
    return list(rules.values())


def _check(parts: Parts, everything: checking.Everything) -> None:
    checking.check_actions(parts.named["actions"], everything)
    checking.check_groups(parts.named["groups"], everything)
    checking.check_people(parts.defaults, everything)
    checking.check_defaults(parts.defaults, everything)
    for filled in parts.rules:
        checking.check_match(filled, parts.named["calendars"], everything)
        checking.check_people(filled, everything)
        if filled.get("effect") is Effect.REQUIRE_APPROVAL and not (
            filled.get("stages") or parts.defaults.get("stages")
        ):
            parts.report.add(
                filled.place, "this rule has no stages and neither have the defaults: nobody could approve"
            )
