"""Who may see what: approvers, those it concerns, admins and auditors; to others it does not exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.errors import Unknown
from bot.core.machine import may_take_back
from bot.core.people import absent, lenders, open_delegations, resolve, seats
from bot.core.terms import Delegation, GroupName, PersonName, Registry, Request, RequestId, State, Verdict
from bot.ports import Clock, Policies, Store

AGENTS_MAX, RECENT = 20, 50  # whose requests are looked at for one person, and how many of each
LOOK_MAX = 500  # requests looked at for one page: who may see little must not have all of history read
CODED_MAX = 20  # identical requests found by the code that they share
WAITING_MAX = 2000  # likewise of those that wait: an agent's flood of a person's own must not hide the rest

Cursor = tuple[datetime, RequestId]


@dataclass(frozen=True, slots=True)
class Viewing:
    """What a person may look at."""

    store: Store
    policies: Policies
    clock: Clock

    async def see(self, request_id: RequestId, person: PersonName) -> Request:
        """Return a request this person may see; raises `Unknown`, the same for none and for not theirs."""
        request = await self.store.get(request_id)
        if not await self._may_see(request, person, await self.store.registry()):
            raise Unknown
        return request

    async def _may_see(self, request: Request, person: PersonName, registry: Registry) -> bool:
        known = self.policies.current().directory.people.get(person)
        if known is None:
            return False
        if known.admin or known.auditor or person in (request.owner, request.subject.on_behalf_of):
            return True
        if any(review.person == person for review in request.reviews):
            return True
        if person in request.told:
            return True
        if known.break_glass and _may_be_broken(request, person):
            return True
        roster = await self.policies.roster(request, registry)
        named = [reference for stage in request.plan.stages for reference in stage.approvers]
        for fired in request.plan.escalations[: request.escalated]:
            named += (*fired.remind, *fired.add)  # whoever was reminded follows the link
        return person in resolve(named, roster) or bool(lenders(person, request, roster))

    async def may_act(self, request: Request, person: PersonName) -> bool:
        """Say whether this person's approval or denial would count now."""
        return await self._may_act(request, person, await self.store.registry())

    async def may_take_back(self, request: Request, person: PersonName) -> bool:
        """Say whether this person's approval could still become a denial; `may_act` says nothing of that."""
        if request.state is not State.PENDING or self.clock.now() >= request.expires_at:
            return False
        roster = await self.policies.roster(request, await self.store.registry())
        return may_take_back(request, person, roster)

    async def _may_act(self, request: Request, person: PersonName, registry: Registry) -> bool:
        if request.state is not State.PENDING or self.clock.now() >= request.expires_at:
            return False
        roster = await self.policies.roster(request, registry)
        return person in seats(request, roster)

    async def inbox(self, person: PersonName, limit: int = 50) -> list[Request]:
        """Return pending requests that wait for this person, soonest deadline first."""
        registry, looked = await self.store.registry(), limit
        references = await self._references(_stood_in_for(person, absent(registry, self.clock.now())))
        while True:
            waiting = await self.store.waiting_for(references, looked)
            mine = [request for request in waiting if await self._may_act(request, person, registry)]
            if len(mine) >= limit or len(waiting) < looked or looked >= WAITING_MAX:
                return mine[:limit]
            looked = min(looked * 4, WAITING_MAX)  # their own and those they have reviewed stood before

    async def _references(self, people: frozenset[PersonName]) -> list[str]:
        names = self.policies.current().bundle.groups
        groups = [name for name in names if people & (await self.policies.members(name) or frozenset())]
        return [*(f"person:{name}" for name in sorted(people)), *(f"group:{name}" for name in groups)]

    async def asked_for(self, person: PersonName, limit: int) -> list[Request]:
        """Return what was asked for a person or by their agents, newest first, as far as it is recent."""
        agents = (await self.store.registry()).agents.values()
        theirs = [one.name for one in agents if person == one.owner or person in one.acts_for]
        newest = [await self.store.of_agent(name, (), RECENT, None) for name in sorted(theirs)[:AGENTS_MAX]]
        mine = (one for some in newest for one in some if person in (one.owner, one.subject.on_behalf_of))
        return sorted(mine, key=lambda one: (one.created_at, one.id), reverse=True)[:limit]

    async def decided_by(self, person: PersonName, limit: int) -> list[Request]:
        """Return what a person approved or denied, newest first."""
        verdicts = (Verdict.APPROVE, Verdict.DENY)
        return await self.store.reviewed_by(person, limit, None, verdicts=verdicts)

    async def delegated(self, person: PersonName, limit: int) -> list[tuple[Request, Delegation]]:
        """Return the delegations of single requests, made by a person or to them, that still wait."""
        registry, now = await self.store.registry(), self.clock.now()
        found = [one for one in await self.store.delegated(person, limit) if now < one.expires_at]
        seen = [one for one in found if await self._may_see(one, person, registry)]
        return [
            (request, one)
            for request in seen
            for one in open_delegations(request)
            if person in (one.giver, one.deputy)
        ][:limit]

    async def coded(self, code: str, person: PersonName) -> list[Request]:
        """Return the requests with this short code that a person may see, newest first."""
        registry, found = await self.store.registry(), await self.store.coded(code, CODED_MAX)
        return [request for request in found if await self._may_see(request, person, registry)]

    async def alike(self, request: Request, person: PersonName) -> list[Request]:
        """Return the other pending requests of the same digest that a person may see, oldest first."""
        registry, found = await self.store.registry(), await self.store.alike(request.digest, CODED_MAX)
        others = (one for one in found if one.id != request.id)
        return [one for one in others if await self._may_see(one, person, registry)]

    async def names(self, request: Request) -> dict[GroupName, frozenset[PersonName]]:
        """Return who is in the groups of a request's plan, now; for its card."""
        roster = await self.policies.roster(request, await self.store.registry())
        return {name: people for name, people in roster.groups.items() if people is not None}

    async def history(
        self,
        person: PersonName,
        limit: int,
        before: Cursor | None,
        mine: bool,
        states: Sequence[State] = (),
    ) -> tuple[list[Request], Cursor | None]:
        """Return requests newest first, those this person reviewed or may see, and where to go on.

        A page may hold fewer than `limit` and still not be the last one.
        """
        registry, looked, seen = await self.store.registry(), 0, list[Request]()
        while looked < LOOK_MAX:
            if mine:
                page = await self.store.reviewed_by(person, limit, before, states)
            else:
                page = await self.store.recent(limit, before, states)
            for request in page:
                before = (request.created_at, request.id)
                if mine or await self._may_see(request, person, registry):
                    seen.append(request)
                if len(seen) == limit:
                    return seen, before
            if len(page) < limit:
                return seen, None
            looked += len(page)
        return seen, before


def _stood_in_for(person: PersonName, away: Mapping[PersonName, PersonName | None]) -> frozenset[PersonName]:
    """Return a person and everybody whose absence leads to them."""
    found, new = frozenset[PersonName](), frozenset({person})
    while new:
        found |= new
        new = frozenset(giver for giver, deputy in away.items() if deputy in new) - found
    return found


def _may_be_broken(request: Request, person: PersonName) -> bool:
    """Say whether a holder of the break-glass role needs to see it: it waits for people, or they broke it."""
    return request.state is State.PENDING or (request.glass is not None and request.glass.person == person)
