"""Requests, and counts over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.counts import Counts
from bot.core.terms import (
    AgentName,
    Change,
    Digest,
    GrantId,
    PersonName,
    Request,
    RequestId,
    State,
    Use,
    Verdict,
)
from bot.ports.records import Committed, Due, Stall


class Watch(Protocol):
    """Wakes when one request may have changed."""

    @property
    def after(self) -> Request | None:
        """The request as the commit that woke us last left it; None when that was another process's."""
        ...

    async def changed(self, timeout: timedelta) -> bool:
        """Wait for the next commit of that request; False when the time was up first."""
        ...


class Requests(Protocol):
    """Requests and the writer."""

    async def get(self, request_id: RequestId) -> Request:
        """Return the request as it stands; raises `Unknown`."""
        ...

    async def by_grant(self, grant_id: GrantId) -> Request:
        """Return the request whose grant has this id; raises `Unknown`."""
        ...

    async def by_key(self, agent: AgentName, key: str) -> Request:
        """Return the request that an agent's idempotency key made; raises `Unknown`."""
        ...

    async def replay_of(self, agent: AgentName, key: str, body: Digest) -> Request:
        """Return what this key made, if it came with the same body; raises `Unknown`, `KeyReused`."""
        ...

    async def commit(self, change: Change) -> Committed:
        """Make the change durable with its audit entries and outbox rows, or nothing of it.

        Raises `Stale` when another change won, `KeyReused`, `TooMany` at the agent's pending cap.
        """
        ...

    async def used(self, uses: Sequence[Use], now: datetime) -> dict[str, int]:
        """Return how often each bucket was used within its window."""
        ...

    async def coded(self, code: str, limit: int) -> list[Request]:
        """Return the requests whose digest begins with `code`, in lowercase hex, newest first."""
        ...

    async def due(self, now: datetime, limit: int) -> list[Due]:
        """Return requests whose `due_at` has come, earliest first; also those that cannot be read."""
        ...

    async def unreviewed(self, limit: int) -> list[Request]:
        """Return requests whose broken glass nobody has reviewed, the one due soonest first."""
        ...

    async def next_tick(self) -> datetime | None:
        """Return the earliest instant at which a request is due."""
        ...

    async def of_agent(
        self, agent: AgentName, states: Sequence[State], limit: int, before: tuple[datetime, RequestId] | None
    ) -> list[Request]:
        """Return an agent's requests, newest first, below the cursor."""
        ...

    async def waiting_for(self, references: Sequence[str], limit: int) -> list[Request]:
        """Return pending requests whose open stage names one of the references, soonest deadline first."""
        ...

    async def delegated(self, person: PersonName, limit: int) -> list[Request]:
        """Return pending requests in whose open stage a person asked somebody to decide, or was asked.

        Soonest deadline first; none in which either of the two has spoken by now.
        """
        ...

    async def recent(
        self, limit: int, before: tuple[datetime, RequestId] | None, states: Sequence[State] = ()
    ) -> list[Request]:
        """Return requests newest first, for history pages."""
        ...

    async def reviewed_by(
        self,
        person: PersonName,
        limit: int,
        before: tuple[datetime, RequestId] | None,
        states: Sequence[State] = (),
        verdicts: Sequence[Verdict] = (),
    ) -> list[Request]:
        """Return what a person reviewed, newest first; of any state, by any verdict when none is named."""
        ...

    async def count_pending(self) -> int: ...

    def watch(self, request_id: RequestId) -> AbstractContextManager[Watch]:
        """Watch one request from now on."""
        ...

    def feed(self) -> AsyncIterator[RequestId]:
        """Yield the id of every request that changes, in any replica, from now on."""
        ...


class Stalls(Protocol):
    """What stands in the way of the others."""

    async def set_aside(self, stalls: Sequence[Stall], until: datetime, now: datetime) -> list[RequestId]:
        """Let requests wait whose deadline cannot be passed, so that the others are reached.

        One that somebody else moved meanwhile is left as it is. Returns those that were not aside before:
        only they leave their entry, and of all of them the admins are told once an hour.
        """
        ...

    async def stalled(self) -> int:
        """Count the requests that are set aside."""
        ...

    async def stranded(self, before: datetime) -> int:
        """Count the messages that somebody took, and whose lease ended before an instant."""
        ...


class Reckoning(Protocol):
    """Counts over many requests."""

    async def counts(self, since_at: datetime, until_at: datetime, top: int) -> Counts:
        """Count the requests made in a span; the lists name at most `top`."""
        ...
