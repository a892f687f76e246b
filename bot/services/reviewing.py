"""A person reviews: who may is asked live, the machine decides, one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core import effects
from bot.core.card import card, content_digest
from bot.core.deadline import refuse_stale
from bot.core.errors import NotReady, Refusal, Stale
from bot.core.machine import Command, Decide, Delegate, Inquire, Looking, React, Reclaim, step
from bot.core.terms import Actor, Digest, EntryKind, PersonName, Request, RequestId, Roster, Verdict
from bot.ports import Clock, Form, Policies, Posted, Refusals, Store

TRIES = 8

Making = Callable[[Request, Roster, datetime], Command]


@dataclass(frozen=True, slots=True)
class Reviewing:
    """Approve, deny, comment, ask, look, delegate."""

    store: Store
    policies: Policies
    clock: Clock
    refusals: Refusals

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

        def judged(request: Request, roster: Roster, now: datetime) -> Decide:
            shown = content_digest(card(request, now, page="", limit=0))
            return Decide(person, verdict, reason, digest, complete, roster, by, shown)

        return await self._done(request_id, verdict.value, judged, by)

    async def held(self, standing: Sequence[Posted]) -> tuple[Request, bool]:
        """Return whose card a message is, and whether it is, and always was, of that request alone.

        `standing` are the requests for which it stands or stood. A roundup is nobody's alone.
        """
        stands = [(posted, await self.store.stand(posted.request_id, posted.address)) for posted in standing]
        cards = [posted for posted, stand in stands if stand is not None and stand.form is Form.CARD]
        request = await self.store.get((cards or standing)[0].request_id)
        alone = len(standing) == len(cards) == 1 and len(await self.store.alike(request.digest, 2)) < 2
        return request, alone

    async def react(
        self, held: tuple[Request, bool], person: PersonName, verdict: Verdict, complete: bool, by: Actor
    ) -> Request:
        """Record a verdict by emoji on a card that is `held`; raises the `Refusal`, after its audit entry."""

        def reacted(request: Request, roster: Roster, now: datetime) -> React:
            shown = content_digest(card(request, now, page="", limit=0))
            decide = Decide(person, verdict, None, request.digest, complete, roster, by, shown)
            return React(decide, held[1])

        return await self._done(held[0].id, verdict.value, reacted, by)

    async def ask(self, request_id: RequestId, person: PersonName, text: str, by: Actor) -> Request:
        """Put a person's question to the agent; raises the `Refusal`, after its audit entry."""
        return await self._done(
            request_id, "question", lambda _request, roster, _now: Inquire(person, text, roster, by), by
        )

    async def look(self, request_id: RequestId, person: PersonName, by: Actor) -> Request:
        """Let reminders wait for an approver who reads; raises the `Refusal`, after its audit entry."""
        return await self._done(
            request_id, "look", lambda _request, roster, _now: Looking(person, roster, by), by
        )

    async def delegate(
        self, request_id: RequestId, person: PersonName, deputy: PersonName, by: Actor
    ) -> Request:
        """Let somebody decide in an approver's place, here; raises the `Refusal`, after its audit entry."""
        return await self._done(
            request_id, "delegate", lambda _request, roster, _now: Delegate(person, deputy, roster, by), by
        )

    async def reclaim(self, request_id: RequestId, person: PersonName, by: Actor) -> Request:
        """Take back what an approver asked of somebody; raises the `Refusal`, after its audit entry."""
        return await self._done(
            request_id, "reclaim", lambda _request, roster, _now: Reclaim(person, roster, by), by
        )

    async def _done(self, request_id: RequestId, what: str, command: Making, by: Actor) -> Request:
        for _ in range(TRIES):
            request = await self.store.get(request_id)
            registry = await self.store.registry()
            try:
                roster = await self.policies.roster(request, registry)
                now = self.clock.now()  # after the groups have answered: asking them may outlast the deadline
                refuse_stale(self.policies.current().broken_since, now)
                change = step(request, command(request, roster, now), now)
            except Refusal as refusal:
                await self.turned_away(request, what, refusal, by)
                raise
            try:
                return (await self.store.commit(change)).request or request
            except Stale:  # somebody else was first: judge the request as it is now
                continue
        raise NotReady

    async def turned_away(self, request: Request, what: str, refusal: Refusal, by: Actor) -> None:
        """Put on record that somebody's act on a request was refused; `by.name` is empty for a stranger."""
        facts = {"refusal": refusal.slug()}
        now = self.clock.now()
        entry = effects.entry(EntryKind.REVIEW_REFUSED, request, by, now, decision=what, facts=facts)
        await self.refusals.note(entry, refusal)
