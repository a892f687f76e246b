"""An executor redeems: the current policy is asked again, one conditional commit picks one winner."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from bot.core import effects
from bot.core.errors import DigestMismatch, LogCut, NotReady, Refusal, Stale, Unknown
from bot.core.machine import Redeem, Report, step
from bot.core.policy import denies, frozen_by
from bot.core.terms import (
    Actor,
    Change,
    Digest,
    EntryKind,
    Executor,
    GrantId,
    OutboxKind,
    Request,
    RequestId,
    Send,
    State,
    Subject,
)
from bot.ports import Callback, Clock, LogTrust, Policies, Refusals, Store

TRIES = 8


@dataclass(frozen=True, slots=True)
class Granting:
    """What executors do: redeem, report, ask what there is to run."""

    store: Store
    policies: Policies
    clock: Clock
    trust: LogTrust
    refusals: Refusals

    async def subject(self, executor: Executor, grant_id: GrantId) -> Subject:
        """Return for whom this executor's grant is, so that a digest can be recomputed; raises `Unknown`."""
        request = await self.store.by_grant(grant_id)
        if request.grant is None or request.grant.executor != executor.name:
            raise Unknown
        return request.subject

    async def redeem(
        self, executor: Executor, grant_id: GrantId, digest: Digest, key: str | None, by: Actor
    ) -> Request:
        """Release the action with `digest` to run once; the same `key` again gets the same receipt.

        Raises `AlreadyRedeemed`, `Lapsed`, `Revoked`, `DigestMismatch`, `PolicyDenies`, `Frozen`,
        `NotRedeemable`; `Unknown` for another executor's grant.
        """
        self._require_trust()
        for _ in range(TRIES):
            request = await self.store.by_grant(grant_id)
            try:
                if _is_retry(request, executor, key, digest):
                    return request
                change = await self._step(request, executor, digest, key, by)
                return (await self.store.commit(change)).request or request
            except Stale:
                continue
            except Refusal as refusal:
                await self._refused(request, refusal, by)
                raise
        raise NotReady

    async def _step(
        self, request: Request, executor: Executor, digest: Digest, key: str | None, by: Actor
    ) -> Change:
        registry = await self.store.registry()
        force = self.policies.current()
        now = self.clock.now()
        agent = registry.agents.get(request.subject.agent)
        command = Redeem(
            executor=executor.name,
            digest=digest,
            key=key,
            denied_by=denies(force.bundle, request, agent, force.directory, now),
            frozen=frozen_by(registry.freezes, request.action.name) is not None,
            by=by,
        )
        return step(request, command, now)

    async def _refused(self, request: Request, refusal: Refusal, by: Actor) -> None:
        now = self.clock.now()
        facts = {"refusal": refusal.slug()}
        entry = effects.entry(EntryKind.REDEMPTION_REFUSED, request, by, now, facts=facts)
        # Another action than the approved one is an attack or a bug; somebody must look.
        alarm = isinstance(refusal, DigestMismatch)
        sends = (
            (Send(OutboxKind.ALERT, effects.ADMINS, now, f"digest-mismatch:{request.id}"),) if alarm else ()
        )
        await self.refusals.note(entry, refusal, sends)

    async def report(
        self,
        executor: Executor,
        request_id: RequestId,
        status: State,
        note: str | None,
        output_digest: str | None,
        by: Actor,
    ) -> Request:
        """Record what became of a redeemed action; raises `NotReleased`, `AlreadyReported`, `Unknown`."""
        for _ in range(TRIES):
            request = await self.store.get(request_id)
            if _is_same_report(request, executor, status, note, output_digest):
                return request
            command = Report(executor.name, status, note, output_digest, by)
            try:
                change = step(request, command, self.clock.now())
                return (await self.store.commit(change)).request or request
            except Stale:
                continue
            except Refusal as refusal:
                refusal.about = {"action": request.action.name, "digest": request.digest}
                raise
        raise NotReady

    async def executions(
        self,
        executor: Executor,
        after: int,
        limit: int,
        timeout: timedelta,
        about: RequestId | None = None,
    ) -> list[tuple[Callback, Request]]:
        """Return the executor's callbacks beyond `after`, waiting for the first one if there is none.

        `about` leaves only those of one request. Raises `LogCut`: what it returns carries grants.
        """
        feed = self.store.feed()  # from now on, so that nothing slips in between the look and the wait
        found = await self.store.executions(executor.name, after, limit, about)
        if not found and timeout > timedelta(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout.total_seconds()):
                    found = await self._next_execution(feed, executor, after, limit, about)
        self._require_trust()
        return [(callback, await self.store.get(callback.request_id)) for callback in found]

    def _require_trust(self) -> None:
        if self.trust.problem:
            raise LogCut(f"{LogCut.sentence()} {self.trust.problem}")

    async def _next_execution(
        self,
        feed: AsyncIterator[RequestId],
        executor: Executor,
        after: int,
        limit: int,
        about: RequestId | None,
    ) -> list[Callback]:
        async for _ in feed:
            found = await self.store.executions(executor.name, after, limit, about)
            if found:
                return found
        return []


def _is_retry(request: Request, executor: Executor, key: str | None, digest: Digest) -> bool:
    grant = request.grant
    mine = grant is not None and grant.executor == executor.name
    same = mine and key is not None and grant is not None and grant.redemption_key == key
    if same and digest != request.digest:
        raise DigestMismatch
    return same


def _is_same_report(
    request: Request, executor: Executor, status: State, note: str | None, output_digest: str | None
) -> bool:
    mine = request.grant is not None and request.grant.executor == executor.name
    told = request.outcome
    return (
        mine
        and told is not None
        and (told.status, told.note, told.output_digest) == (status, note, output_digest)
    )
