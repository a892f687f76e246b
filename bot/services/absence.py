"""What people say of themselves: when they are away and who stands in, and when they want it quiet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.core.deadline import refuse_stale
from bot.core.errors import Malformed, NotADeputy, Refusal, Unknown, UnknownPerson
from bot.core.terms import Absence, Actor, ActorKind, Entry, EntryKind, Person, PersonName, Quiet, Registry
from bot.ports import Clock, Policies, RegistryEdit, Store

AWAY_MAX = timedelta(days=366)  # longer is a typing error, or somebody to take out of the directory
HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody has said of themselves, and for whom they stand in as absences are now."""

    absence: Absence | None
    quiet: Quiet | None
    stands_in_for: tuple[PersonName, ...]
    possible_deputies: tuple[PersonName, ...]  # whom the directory names


@dataclass(frozen=True, slots=True)
class Absences:
    """Away and back, quiet and loud. Each act is an audit entry."""

    store: Store
    policies: Policies
    clock: Clock

    async def away(
        self, person: PersonName, until_at: datetime, deputy: PersonName | None, by: Actor
    ) -> Absence:
        """Be away from now on, until just before `until_at`; what was said before no longer holds.

        Raises `UnknownPerson`, `NotADeputy`, `Malformed` for an end that is over or a year away; with a
        deputy `DirectoryStale`, but for an operator: who may stand in may have changed in what does not load.
        An absence without lets nobody do more than before.
        """
        now = self.clock.now()
        self._require(person)
        if not now < until_at <= now + AWAY_MAX:
            raise _misplaced(Malformed, "until", "An absence ends in the future, and within a year.")
        if deputy is not None:
            if by.kind is not ActorKind.OPERATOR:
                refuse_stale(self.policies.current().broken_since, now)
            await self._require_deputy(person, deputy, await self.store.registry(), now)
        absence = Absence(person, deputy, now, until_at, by.name)
        private = {"person": person, "until": until_at.isoformat()} | ({"deputy": deputy} if deputy else {})
        await self.store.edit(RegistryEdit(self._entry("away", by, private), absence=absence))
        return absence

    async def back(self, person: PersonName, by: Actor) -> None:
        """Be back; raises `Unknown` when nobody said they were away."""
        absence = (await self.store.registry()).absences.get(person)
        if absence is None or absence.until_at <= self.clock.now():
            raise Unknown(f"{person} is not away.")
        await self.store.edit(RegistryEdit(self._entry("back", by, {"person": person}), back=person))

    async def quiet(self, person: PersonName, from_: str, until: str, tz: str, by: Actor) -> Quiet:
        """Want no reminders from `from_` until `until` (`HH:MM`), each day in a zone such as Europe/Paris.

        Raises `UnknownPerson`, `Malformed`.
        """
        self._require(person)
        for where, hour in (("from", from_), ("until", until)):
            if not HOUR.fullmatch(hour):
                raise _misplaced(Malformed, where, f"{hour} is not a time of day such as 22:00.")
        if from_ == until:
            raise _misplaced(Malformed, "until", "Quiet hours end at another time than they begin.")
        _require_zone(tz)
        quiet = Quiet(person, from_, until, tz)
        private = {"person": person, "hours": f"{from_}-{until} {tz}"}
        await self.store.edit(RegistryEdit(self._entry("quiet", by, private), quiet=quiet))
        return quiet

    async def loud(self, person: PersonName, by: Actor) -> None:
        """Want reminders at any hour; raises `Unknown` without quiet hours."""
        if person not in (await self.store.registry()).quiet:
            raise Unknown(f"{person} has no quiet hours.")
        await self.store.edit(RegistryEdit(self._entry("quiet off", by, {"person": person}), loud=person))

    async def may_stand_in(self, person: PersonName) -> tuple[Person, ...]:
        """Return whom `away` takes as a deputy: whom the directory names, then who approves with them."""
        people, absences = self.policies.current().directory.people, (await self.store.registry()).absences
        if person not in people:
            return ()
        now, named = self.clock.now(), people[person].deputies
        fellows = sorted((await self._fellows(person)) - {person, *named})
        return tuple(
            people[name]
            for name in dict.fromkeys((*named, *fellows))
            if name in people and name != person and person not in _led_to(name, absences, now)
        )

    async def standing(self, person: PersonName) -> Standing:
        """Return how things stand for a person; an absence that is over is none."""
        registry, now = await self.store.registry(), self.clock.now()
        held = {name: one for name, one in registry.absences.items() if now < one.until_at}
        givers = sorted(name for name, one in held.items() if one.deputy == person)
        known = self.policies.current().directory.people.get(person)
        named = known.deputies if known else ()
        return Standing(held.get(person), registry.quiet.get(person), tuple(givers), named)

    async def _require_deputy(
        self, person: PersonName, deputy: PersonName, registry: Registry, now: datetime
    ) -> None:
        self._require(deputy, "deputy")
        if deputy == person:
            raise _misplaced(NotADeputy, "deputy", "Nobody stands in for themselves.")
        named = self.policies.current().directory.people[person].deputies
        if deputy not in named and deputy not in await self._fellows(person):
            said = (
                f"{deputy} cannot stand in for {person}: they approve nothing together, and the directory "
                f"names {deputy} as no deputy of {person}."
            )
            raise _misplaced(NotADeputy, "deputy", said)
        if person in _led_to(deputy, registry.absences, now):
            said = f"{deputy} is away, and their own stand-in leads back to {person}."
            raise _misplaced(NotADeputy, "deputy", said)

    async def _fellows(self, person: PersonName) -> frozenset[PersonName]:
        """Return everybody who is in a group of approvers with somebody, themselves too."""
        groups = [await self.policies.members(name) for name in self.policies.current().bundle.groups]
        return frozenset().union(*(group for group in groups if group and person in group))

    def _require(self, person: PersonName, where: str = "person") -> None:
        if person not in self.policies.current().directory.people:
            said = f"{person} is not in the directory; add them to directory.yaml first."
            raise _misplaced(UnknownPerson, where, said)

    def _entry(self, command: str, by: Actor, private: Mapping[str, str]) -> Entry:
        facts = {"command": command}
        return Entry(kind=EntryKind.PERSONAL, at=self.clock.now(), by=by, facts=facts, private=private)


def _require_zone(tz: str) -> None:
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        said = f"There is no time zone {tz}; write one such as Europe/Paris."
        raise _misplaced(Malformed, "zone", said) from error


def _misplaced(refusal: type[Refusal], where: str, said: str) -> Refusal:
    """Return a refusal that names, as a pointer, which of the things that were said it is about."""
    return refusal(said, pointers=((f"/{where}", said),))


def _led_to(
    person: PersonName, absences: Mapping[PersonName, Absence], now: datetime
) -> frozenset[PersonName]:
    """Return everybody to whom somebody's absence leads, one stand-in after another."""
    seen, at = set[PersonName](), person
    while (one := absences.get(at)) is not None and now < one.until_at and one.deputy not in (None, *seen):
        at = PersonName(one.deputy or "")
        seen.add(at)
    return frozenset(seen)
