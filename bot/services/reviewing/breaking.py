"""Breaking glass, and its review; whether the policy denies the action is asked again."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.machine import BreakGlass, ReviewGlass
from bot.core.policy import denies, frozen_by
from bot.core.terms import Actor, Digest, EntryKind, PersonName, Request, RequestId
from bot.ports import Policies
from bot.services.reviewing.judging import Judging, Making, Situation


@dataclass(frozen=True, slots=True)
class Breaking:
    """A person's own act in an emergency, and what an admin says of it afterwards."""

    policies: Policies
    judging: Judging

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

        def broken(at: Situation) -> BreakGlass:
            force = self.policies.current()
            known = force.directory.people.get(person)
            agent = at.registry.agents.get(at.request.subject.agent)
            return BreakGlass(
                person=person,
                reason=reason,
                digest=digest,
                complete=complete,
                roster=at.roster,
                holder=known is not None and known.break_glass,
                denied_by=denies(force.bundle, at.request, agent, force.directory, at.now),
                frozen=frozen_by(at.registry.freezes, at.request.action.name) is not None,
                by=by,
                shown=at.shown(),
            )

        return await self._judged(request_id, "break", broken, by)

    async def review(
        self, request_id: RequestId, person: PersonName, proper: bool, words: str, by: Actor
    ) -> Request:
        """Record what an admin found of broken glass; raises the `Refusal`, after its audit entry."""

        def reviewed(at: Situation) -> ReviewGlass:
            known = self.policies.current().directory.people.get(person)
            admin = known is not None and known.admin
            return ReviewGlass(person, proper, words, admin, at.roster, by)

        return await self._judged(request_id, "review", reviewed, by)

    async def _judged(self, request_id: RequestId, what: str, command: Making, by: Actor) -> Request:
        return await self.judging.judged(request_id, what, command, by, EntryKind.GLASS_REFUSED)
