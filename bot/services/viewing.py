"""Who may see what: approvers, those it concerns, admins and auditors; to others it does not exist."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.errors import Unknown
from bot.core.machine import counted
from bot.core.people import approvers, barred, resolve
from bot.core.terms import PersonName, Request, RequestId, State
from bot.ports import Clock, Policies, Store


@dataclass(frozen=True, slots=True)
class Viewing:
    """What a person may look at."""

    store: Store
    policies: Policies
    clock: Clock

    async def see(self, request_id: RequestId, person: PersonName) -> Request:
        """Return a request this person may see; raises `Unknown`, the same for none and for not theirs."""
        request = await self.store.get(request_id)
        if not await self._may_see(request, person):
            raise Unknown
        return request

    async def _may_see(self, request: Request, person: PersonName) -> bool:
        known = self.policies.current().directory.people.get(person)
        if known is None:
            return False
        if known.admin or known.auditor or person in (request.owner, request.subject.on_behalf_of):
            return True
        if any(review.person == person for review in request.reviews):
            return True
        roster = await self.policies.roster(request, await self.store.registry())
        named = [reference for stage in request.plan.stages for reference in stage.approvers]
        return person in resolve((*named, *request.added), roster)

    async def may_act(self, request: Request, person: PersonName) -> bool:
        """Say whether this person's approval or denial would count now."""
        if request.state is not State.PENDING or self.clock.now() >= request.expires_at:
            return False
        roster = await self.policies.roster(request, await self.store.registry())
        eligible = approvers(request, roster) - barred(request, roster)
        return person in eligible and person not in counted(request)

    async def inbox(self, person: PersonName, limit: int = 50) -> list[Request]:
        """Return pending requests that wait for this person, soonest deadline first."""
        references = await self._references(person)
        waiting = await self.store.waiting_for(references, limit)
        return [request for request in waiting if await self.may_act(request, person)]

    async def _references(self, person: PersonName) -> list[str]:
        names = self.policies.current().bundle.groups
        groups = [name for name in names if person in (await self.policies.members(name) or ())]
        return [f"person:{person}", *(f"group:{name}" for name in groups)]

    async def history(
        self,
        person: PersonName,
        limit: int,
        before: tuple[datetime, RequestId] | None,
        mine: bool,
    ) -> list[Request]:
        """Return requests newest first: those this person reviewed, or all that they may see."""
        if mine:
            return await self.store.recent(limit, before, reviewed_by=person)
        seen: list[Request] = []
        while page := await self.store.recent(limit, before):
            seen += [request for request in page if await self._may_see(request, person)]
            before = (page[-1].created_at, page[-1].id)
            if len(seen) >= limit or len(page) < limit:
                break
        return seen[:limit]
