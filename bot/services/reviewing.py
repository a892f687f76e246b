"""A person reviews: who may is asked live, the machine decides, one commit."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.card import card, content_digest
from bot.core.errors import NotReady, Refusal, Stale
from bot.core.machine import Decide, step
from bot.core.terms import Actor, Digest, Entry, EntryKind, PersonName, Request, RequestId, Verdict
from bot.core.terms import Change as Change
from bot.ports import Clock, Policies, Store

TRIES = 8


@dataclass(frozen=True, slots=True)
class Reviewing:
    """Approve, deny, comment."""

    store: Store
    policies: Policies
    clock: Clock

    async def decide(
        self,
        request_id: RequestId,
        person: PersonName,
        verdict: Verdict,
        reason: str | None,
        digest: Digest,
        by: Actor,
        complete: bool,
    ) -> Request:
        """Record one verdict and return the request as it now stands.

        `digest` is the action the person saw, `complete` whether they were shown all of it. Raises the
        `Refusal` that forbids it, after the refusal has its own audit entry.
        """
        for _ in range(TRIES):
            request = await self.store.get(request_id)
            registry = await self.store.registry()
            now = self.clock.now()
            try:
                roster = await self.policies.roster(request, registry)
                shown = content_digest(card(request, now, page="", limit=0))
                command = Decide(person, verdict, reason, digest, complete, roster, by, shown)
                change = step(request, command, now)
            except Refusal as refusal:
                await self._refused(request, verdict, refusal, by)
                raise
            try:
                return (await self.store.commit(change)).request or request
            except Stale:  # somebody else was first: judge the request as it is now
                continue
        raise NotReady

    async def _refused(self, request: Request, verdict: Verdict, refusal: Refusal, by: Actor) -> None:
        entry = Entry(
            kind=EntryKind.REVIEW_REFUSED,
            at=self.clock.now(),
            by=by,
            request_id=request.id,
            agent=request.subject.agent,
            on_behalf_of=request.subject.on_behalf_of,
            action_digest=request.digest,
            policy_digest=request.plan.bundle,
            decision=verdict.value,
            facts={"refusal": refusal.slug()},
        )
        await self.store.commit(Change(after=None, expected=None, entries=(entry,)))
