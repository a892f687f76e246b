"""A request is taken back: by those for whom it was made while it waits, by an operator until it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.errors import Forbidden, NotReady, Stale, Unknown
from bot.core.machine import Cancel, Revoke, step
from bot.core.terms import Actor, PersonName, Request, RequestId, State
from bot.ports import Clock, Policies, Store

TRIES = 8


@dataclass(frozen=True, slots=True)
class Withdrawing:
    """Cancels and revokes on behalf of people; who may revoke is for the caller to ask."""

    store: Store
    policies: Policies
    clock: Clock

    async def cancel(
        self, request_id: RequestId, person: PersonName, reason: str | None, by: Actor
    ) -> Request:
        """Cancel a pending request; raises `AlreadyDecided`, `TooLate`, `Forbidden` for anybody else's."""

        def meant(request: Request) -> Cancel:
            self._require_side(request, person)
            return Cancel(by, reason)

        return await self._withdrawn(request_id, meant)

    async def revoke(self, request_id: RequestId, reason: str | None, by: Actor) -> Request:
        """Stop a request wherever it stands: a pending one is cancelled, an unused grant revoked."""

        def meant(request: Request) -> Cancel | Revoke:
            return Cancel(by, reason) if request.state is State.PENDING else Revoke(by, reason)

        return await self._withdrawn(request_id, meant)

    async def _withdrawn(self, request_id: RequestId, meant: Callable[[Request], Cancel | Revoke]) -> Request:
        for _ in range(TRIES):
            request = await self.store.get(request_id)
            try:
                committed = await self.store.commit(step(request, meant(request), self.clock.now()))
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
