"""Breaking glass, and its review: who may is asked live, the policy is asked again, one commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.core import effects
from bot.core.card import card, content_digest
from bot.core.deadline import refuse_stale
from bot.core.errors import NotReady, Refusal, Stale
from bot.core.machine import BreakGlass, Command, ReviewGlass, step
from bot.core.policy import denies, frozen_by
from bot.core.terms import (
    Actor,
    Digest,
    EntryKind,
    PersonName,
    Registry,
    Request,
    RequestId,
    Roster,
)
from bot.ports import Clock, Policies, Refusals, Store

TRIES = 8

Making = Callable[[Request, Registry, Roster, datetime], Command]


@dataclass(frozen=True, slots=True)
class Breaking:
    """A person's own act in an emergency, and what an admin says of it afterwards."""

    store: Store
    policies: Policies
    clock: Clock
    refusals: Refusals

    async def break_glass(
        self,
        request_id: RequestId,
        person: PersonName,
        reason: str,
        digest: Digest,
        by: Actor,
        complete: bool,
    ) -> Request:
        """Approve a pending request by oneself; return it as it now stands.

        `digest` is the action the person saw, `complete` whether they were shown all of it. Raises the
        `Refusal` that forbids it, after the refusal has its own audit entry.
        """

        def broken(request: Request, registry: Registry, roster: Roster, now: datetime) -> BreakGlass:
            force = self.policies.current()
            known = force.directory.people.get(person)
            agent = registry.agents.get(request.subject.agent)
            return BreakGlass(
                person=person,
                reason=reason,
                digest=digest,
                complete=complete,
                roster=roster,
                holder=known is not None and known.break_glass,
                denied_by=denies(force.bundle, request, agent, force.directory, now),
                frozen=frozen_by(registry.freezes, request.action.name) is not None,
                by=by,
                shown=content_digest(card(request, now, page="", limit=0)),
            )

        return await self._done(request_id, "break", broken, by)

    async def review(
        self, request_id: RequestId, person: PersonName, proper: bool, words: str, by: Actor
    ) -> Request:
        """Record what an admin found of broken glass; raises the `Refusal`, after its audit entry."""

        def reviewed(_request: Request, _registry: Registry, roster: Roster, _now: datetime) -> ReviewGlass:
            known = self.policies.current().directory.people.get(person)
            admin = known is not None and known.admin
            return ReviewGlass(person, proper, words, admin, roster, by)

        return await self._done(request_id, "review", reviewed, by)

    async def _done(self, request_id: RequestId, what: str, command: Making, by: Actor) -> Request:
        for _ in range(TRIES):
            request = await self.store.get(request_id)
            registry = await self.store.registry()
            try:
                roster = await self.policies.roster(request, registry)
                now = self.clock.now()  # after the groups have answered: asking them may outlast the deadline
                refuse_stale(self.policies.current().broken_since, now)
                change = step(request, command(request, registry, roster, now), now)
            except Refusal as refusal:
                await self._refused(request, what, refusal, by)
                raise
            try:
                return (await self.store.commit(change)).request or request
            except Stale:  # somebody else was first: judge the request as it is now
                continue
        raise NotReady

    async def _refused(self, request: Request, what: str, refusal: Refusal, by: Actor) -> None:
        facts = {"refusal": refusal.slug()}
        now = self.clock.now()
        entry = effects.entry(EntryKind.GLASS_REFUSED, request, by, now, decision=what, facts=facts)
        await self.refusals.note(entry, refusal)
