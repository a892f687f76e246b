"""The policy folder on disk: the last good bundle and directory, and who is in a group at this instant."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from bot.core.people import absent
from bot.core.policy import (
    Compile,
    Directory,
    Group,
    PolicyBroken,
    barred,
    on_call,
    parts,
    people_of,
    read_bundle,
    read_directory,
    static_members,
)
from bot.core.terms import GroupName, PersonName, Registry, Request, Roster
from bot.ports import Clock, InForce
from storage.files import DIRECTORY, Stamp, read_folder, split, stamp_of

SETTLE = 0.05  # seconds; a file that changes while it is read is still being written
KNOWN_MAX = 10_000  # groups kept; every name comes from some plan, so from a policy


class OnCall(Protocol):
    """Where it is asked who is on call."""

    async def on_call(self, source: str) -> frozenset[str] | None:
        """Return what a calendar calls whoever is on call now, or None while it is not known."""
        ...


class Usergroups(Protocol):
    """Where the members of Slack's user groups are asked for."""

    async def members(self, usergroup: str) -> frozenset[str] | None:
        """Return their accounts, `T…/U…`, or None while Slack does not say."""
        ...


class PolicyFolder:
    """The policy in force; fulfils `bot.ports.Policies`. An edit that does not load changes nothing."""

    def __init__(
        self,
        folder: Path,
        compiler: Compile,
        clock: Clock,
        usergroups: Usergroups | None,
        oncall: OnCall | None = None,
    ) -> None:
        """Nothing is loaded before it is asked for: what stops agents and actions works without a policy."""
        self._folder = folder
        self._compile = compiler
        self._clock = clock
        self.usergroups = usergroups
        self.oncall = oncall
        self._stamp: Stamp = ()
        self._texts: dict[str, str] = {}

    @cached_property
    def _in_force(self) -> InForce:
        self._stamp = stamp_of(self._folder)
        self._texts = read_folder(self._folder)
        return self._load(self._texts)

    @cached_property
    def _fixed(self) -> _Fixed:
        return _Fixed(self._in_force)

    def current(self) -> InForce:
        """Return the last good bundle and directory, and what is wrong with a newer one.

        The first call raises `PolicyBroken` if there is no good one: without a policy no server starts.
        """
        return self._in_force

    async def trial(self) -> InForce:
        """Load the folder as it lies there, without putting it in force; raises `PolicyBroken`."""
        return await asyncio.to_thread(lambda: self._load(read_folder(self._folder)))

    async def check(self) -> bool:
        """Load the folder if it changed; return whether the policy in force, or its problem, did."""
        before = self._in_force
        stamp = await asyncio.to_thread(stamp_of, self._folder)
        if stamp == self._stamp:
            return False
        await asyncio.sleep(SETTLE)
        if stamp != await asyncio.to_thread(stamp_of, self._folder):
            return False  # still being written; the next look finds it
        self._in_force = await asyncio.to_thread(self._reloaded, before)
        self._fixed = _Fixed(self._in_force)
        self._stamp = stamp
        return self._in_force is not before

    def _reloaded(self, before: InForce) -> InForce:
        try:
            texts = read_folder(self._folder)
            if texts == self._texts and before.problem is None:
                return before
            after = self._load(texts)
        except PolicyBroken as broken:
            if str(broken) == before.problem:
                return before
            since = before.broken_since or self._clock.now()
            return InForce(before.bundle, self._without_leavers(before.directory), since, str(broken))
        self._texts = texts
        return after

    def _without_leavers(self, before: Directory) -> Directory:
        """Return the last good directory without whom the new one no longer names, if that one reads.

        Taking somebody out of the directory must work at once, even while a group still names them.
        """
        try:
            names = read_directory(read_folder(self._folder)[DIRECTORY], DIRECTORY).people.keys()
        except PolicyBroken:
            return before
        if names >= before.people.keys():
            return before
        return replace(before, people={name: one for name, one in before.people.items() if name in names})

    def _load(self, texts: dict[str, str]) -> InForce:
        bundle_files, directory_text, _ = split(texts)
        directory = read_directory(directory_text, DIRECTORY)
        return InForce(read_bundle(bundle_files, self._compile, directory), directory)

    async def members(self, group: GroupName) -> frozenset[PersonName] | None:
        """Return a group's people, or None while its source does not answer. An unknown group is empty."""
        people = self._fixed.members(group)
        return await self._live_members(group) if people is None else people

    async def _live_members(self, group: GroupName) -> frozenset[PersonName] | None:
        """Return the people of a group of which Slack or a calendar knows a part."""
        reference = f"group:{group}"
        names = [
            GroupName(part.removeprefix("group:")) for part in parts(reference) if part.startswith("group:")
        ]
        found = {name: await self._plain_members(name) for name in names}
        return people_of(reference, found.__getitem__)

    async def _plain_members(self, name: GroupName) -> frozenset[PersonName] | None:
        force = self._in_force
        people = _static(name, force)
        group = force.bundle.groups.get(name)
        if people is not None or group is None:
            return people
        if group.oncall is not None:
            return await self._on_call(group, group.oncall, force.directory)
        if self.usergroups is None or group.slack_usergroup is None:
            return None
        accounts = await self.usergroups.members(group.slack_usergroup)
        return None if accounts is None else _people(accounts, force.directory)

    async def _on_call(self, group: Group, source: str, directory: Directory) -> frozenset[PersonName] | None:
        """Return who is on call; the fallback while that is not known, and when it is nobody."""
        names = None if self.oncall is None else await self.oncall.on_call(source)
        people = on_call(names or (), directory)
        return people or (await self.members(group.fallback) if group.fallback else people)

    async def _is_silent(self, name: GroupName) -> bool:
        """Say whether a part of this group is whoever a calendar says, and it does not say."""
        groups = self._in_force.bundle.groups
        named = (groups.get(GroupName(part.removeprefix("group:"))) for part in parts(f"group:{name}"))
        sources = [group.oncall for group in named if group is not None and group.oncall is not None]
        return any([self.oncall is None or await self.oncall.on_call(one) is None for one in sources])

    async def roster(self, request: Request, registry: Registry) -> Roster:
        """Return who is who for this request, as of now."""
        groups = {name: await self.members(name) for name in _groups(request)}
        silent = [name for name in groups if self._fixed.has_calendars and await self._is_silent(name)]
        agent = registry.agents.get(request.subject.agent)
        live_owner = agent.owner if agent else None
        known = groups | dict.fromkeys(silent)  # nobody stands in for those whom separation keeps out
        separation = {f"group:{name}": people for name, people in known.items()}
        kept_out = barred(request.plan.separation, request.subject, request.owner, live_owner, separation)
        people = self._fixed.people
        if any(separation.get(ref, kept_out) is None for ref in request.plan.separation):
            kept_out |= people  # whom to keep out is not known: nobody may review until it is
        away = absent(registry, self._clock.now())
        side = (request.owner, live_owner, request.subject.on_behalf_of)
        gone = frozenset(one for one in side if one is not None) - people
        mute = self._fixed.mute.difference(one.person for one in registry.links.values())
        return Roster(people, groups, kept_out, away, self._fixed.deputies, gone, mute)


class _Fixed:
    """What the files alone say of people, kept for as long as they are in force."""

    def __init__(self, force: InForce) -> None:
        self.people = frozenset(force.directory.people)
        everybody = force.directory.people.items()
        self.deputies = {name: frozenset(one.deputies) for name, one in everybody if one.deputies}
        self.mute = frozenset(name for name, one in everybody if not one.slack and not one.teams)
        self.has_calendars = any(group.oncall for group in force.bundle.groups.values())
        self._force = force
        self._known: dict[GroupName, frozenset[PersonName] | None] = {}

    def members(self, group: GroupName) -> frozenset[PersonName] | None:
        """Return a group's people; None where Slack or a calendar has a say. `dba&leads` is a group, too."""
        if group not in self._known:
            people = people_of(f"group:{group}", lambda name: _static(name, self._force))
            if len(self._known) >= KNOWN_MAX:
                return people
            self._known[group] = people
        return self._known[group]


def _static(name: GroupName, force: InForce) -> frozenset[PersonName] | None:
    group = force.bundle.groups.get(name)
    return frozenset() if group is None else static_members(group, force.directory)


def _people(accounts: frozenset[str], directory: Directory) -> frozenset[PersonName]:
    """Return whose accounts these are; an account of nobody counts for nobody."""
    found = (directory.by_account("slack", account) for account in accounts)
    return frozenset(person for person in found if person is not None)


def _groups(request: Request) -> list[GroupName]:
    """Return every group that the request's plan names, in its stages, escalations and separation."""
    plan = request.plan
    named = [reference for stage in plan.stages for reference in stage.approvers]
    named += [ref for escalation in plan.escalations for ref in (*escalation.remind, *escalation.add)]
    named += [*request.added, *plan.separation]
    return [GroupName(ref.removeprefix("group:")) for ref in dict.fromkeys(named) if ref.startswith("group:")]
