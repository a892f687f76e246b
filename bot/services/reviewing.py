"""A person reviews: who may is asked live, the machine decides, one commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core import effects
from bot.core.card import card, content_digest
from bot.core.errors import DirectoryStale, NotReady, Refusal, Stale
from bot.core.machine import Decide, step
from bot.core.terms import Actor, Change, Digest, EntryKind, PersonName, Request, RequestId, Verdict
from bot.ports import Clock, InForce, Policies, Store

TRIES = 8
STALE_AFTER = timedelta(minutes=15)  # POLICY.md: how long reviews go on under the last good directory


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
            try:
                roster = await self.policies.roster(request, registry)
                now = self.clock.now()  # after the groups have answered: asking them may outlast the deadline
                _refuse_stale(self.policies.current(), now)
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
        facts = {"refusal": refusal.slug()}
        now = self.clock.now()
        entry = effects.entry(EntryKind.REVIEW_REFUSED, request, by, now, decision=verdict.value, facts=facts)
        await self.store.commit(Change(after=None, expected=None, entries=(entry,)))


def _refuse_stale(force: InForce, now: datetime) -> None:
    if force.broken_since is not None and now - force.broken_since >= STALE_AFTER:
        raise DirectoryStale
