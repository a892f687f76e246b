"""One person's act on a request, from the question who may to the commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.core import effects
from bot.core.card import card, content_digest
from bot.core.deadline import refuse_stale
from bot.core.errors import NotReady, Refusal, Stale
from bot.core.machine import Command, step
from bot.core.terms import Actor, Digest, EntryKind, Registry, Request, RequestId, Roster
from bot.ports import Clock, Policies, Refusals, Store

TRIES = 8


@dataclass(frozen=True, slots=True)
class Situation:
    """What an act is judged by: the request, and who is who, as they stand at `now`."""

    request: Request
    registry: Registry
    roster: Roster
    now: datetime

    def shown(self) -> Digest:
        """Return the digest of the card as it is now, for the log."""
        return content_digest(card(self.request, self.now, page="", limit=0))


Making = Callable[[Situation], Command]


@dataclass(frozen=True, slots=True)
class Judging:
    """Has the machine judge a person's act; what it refuses goes on record."""

    store: Store
    policies: Policies
    clock: Clock
    refusals: Refusals

    async def judged(
        self, request_id: RequestId, what: str, command: Making, by: Actor, otherwise: EntryKind
    ) -> Request:
        """Commit what comes of a command, and return the request as it now stands.

        Raises the `Refusal` that forbids it, after its own audit entry, which is of the kind `otherwise`.
        """
        for _ in range(TRIES):
            request, registry = await self.store.with_registry(request_id)
            try:
                roster = await self.policies.roster(request, registry)
                now = self.clock.now()  # after the groups have answered: asking them may outlast the deadline
                refuse_stale(self.policies.current().broken_since, now)
                change = step(request, command(Situation(request, registry, roster, now)), now)
            except Refusal as refusal:
                await self.refused(request, what, refusal, by, otherwise)
                raise
            try:
                return (await self.store.commit(change)).request or request
            except Stale:  # somebody else was first: judge the request as it is now
                continue
        raise NotReady

    async def refused(
        self, request: Request, what: str, refusal: Refusal, by: Actor, kind: EntryKind
    ) -> None:
        """Put on record that somebody's act on a request was refused."""
        facts = {"refusal": refusal.slug()}
        entry = effects.entry(kind, request, by, self.clock.now(), decision=what, facts=facts)
        await self.refusals.note(entry, refusal)
