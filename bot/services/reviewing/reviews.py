"""A person reviews: approves, denies, comments, asks, looks, delegates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.errors import Refusal
from bot.core.machine import Decide, Delegate, Inquire, Looking, React, Reclaim
from bot.core.terms import Actor, Digest, EntryKind, PersonName, Request, RequestId, Verdict
from bot.ports import Form, Posted, Store
from bot.services.reviewing.judging import Judging, Making, Situation


@dataclass(frozen=True, slots=True)
class Reviewing:
    """Approve, deny, comment, ask, look, delegate."""

    store: Store
    judging: Judging

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

        def decided(at: Situation) -> Decide:
            return Decide(person, verdict, reason, digest, complete, at.roster, by, at.shown())

        return await self._judged(request_id, verdict.value, decided, by)

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

        def reacted(at: Situation) -> React:
            digest = at.request.digest
            decide = Decide(person, verdict, None, digest, complete, at.roster, by, at.shown())
            return React(decide, held[1])

        return await self._judged(held[0].id, verdict.value, reacted, by)

    async def ask(self, request_id: RequestId, person: PersonName, text: str, by: Actor) -> Request:
        """Put a person's question to the agent; raises the `Refusal`, after its audit entry."""
        return await self._judged(request_id, "question", lambda at: Inquire(person, text, at.roster, by), by)

    async def look(self, request_id: RequestId, person: PersonName, by: Actor) -> Request:
        """Let reminders wait for an approver who reads; raises the `Refusal`, after its audit entry."""
        return await self._judged(request_id, "look", lambda at: Looking(person, at.roster, by), by)

    async def delegate(
        self, request_id: RequestId, person: PersonName, deputy: PersonName, by: Actor
    ) -> Request:
        """Let somebody decide in an approver's place, here; raises the `Refusal`, after its audit entry."""
        return await self._judged(
            request_id, "delegate", lambda at: Delegate(person, deputy, at.roster, by), by
        )

    async def reclaim(self, request_id: RequestId, person: PersonName, by: Actor) -> Request:
        """Take back what an approver asked of somebody; raises the `Refusal`, after its audit entry."""
        return await self._judged(request_id, "reclaim", lambda at: Reclaim(person, at.roster, by), by)

    async def turned_away(self, request: Request, what: str, refusal: Refusal, by: Actor) -> None:
        """Put on record that somebody's act on a request was refused; `by.name` is empty for a stranger."""
        await self.judging.refused(request, what, refusal, by, EntryKind.REVIEW_REFUSED)

    async def _judged(self, request_id: RequestId, what: str, command: Making, by: Actor) -> Request:
        return await self.judging.judged(request_id, what, command, by, EntryKind.REVIEW_REFUSED)
