"""Those for whom a request was made take it back while it waits; an admin may, too."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.errors import Forbidden, NotReady, Stale, Unknown
from bot.core.machine import Cancel, step
from bot.core.terms import Actor, PersonName, Request, RequestId
from bot.ports import Clock, Policies, Store

TRIES = 8


@dataclass(frozen=True, slots=True)
class Withdrawing:
    """Cancels on behalf of people."""

    store: Store
    policies: Policies
    clock: Clock

    async def cancel(
        self, request_id: RequestId, person: PersonName, reason: str | None, by: Actor
    ) -> Request:
        """Cancel a pending request; raises `AlreadyDecided`, `TooLate`, `Forbidden` for anybody else's."""
        for _ in range(TRIES):
            request = await self.store.get(request_id)
            self._require_side(request, person)
            try:
                committed = await self.store.commit(step(request, Cancel(by, reason), self.clock.now()))
            except Stale:  # a review won: judge the request as it is now
                continue
            return committed.request or request
        raise NotReady

    def _require_side(self, request: Request, person: PersonName) -> None:
        known = self.policies.current().directory.people.get(person)
        if known is None:
            raise Unknown
        if known.admin or person in (request.owner, request.subject.on_behalf_of):
            return
        raise Forbidden("Only the person it was asked for, the agent's owner or an admin may cancel it.")
