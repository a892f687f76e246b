"""An agent asks: policy plans, the machine opens, one commit. Nothing else happens before the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.action import digest
from bot.core.errors import AgentPaused, NotReady, Refusal, Stale, Unknown
from bot.core.machine import QUESTIONS_MAX, Cancel, Reply, opened, step
from bot.core.policy import candidates, frozen_by, plan
from bot.core.terms import (
    Actor,
    Agent,
    Ask,
    Effect,
    Plan,
    Registry,
    Request,
    RequestId,
    RuleId,
    State,
    Subject,
)
from bot.ports import Clock, Committed, Ids, Policies, Signer, Store

TRIES = 8  # a commit is stale only when another one won, so somebody always gets on


@dataclass(frozen=True, slots=True)
class Intake:
    """What agents do: ask, look, wait, cancel."""

    store: Store
    policies: Policies
    clock: Clock
    ids: Ids
    signer: Signer

    async def submit(
        self, agent: Agent, registry: Registry, ask: Ask, key: str | None, by: Actor
    ) -> Committed:
        """Plan and store one ask; a replayed idempotency key returns what it made the first time.

        Raises `Malformed` when the catalog does not take the parameters, `ActsForNobody`, `AgentPaused`,
        `KeyReused`, `TooMany`.
        """
        try:
            return await self._planned(agent, registry, ask, key, by)
        except Refusal as refusal:
            # What would be refused by now may have been taken before: under an older policy, below the cap.
            made = None if key is None else await self._made_by(agent, ask, key)
            if made is not None:
                return Committed(made, replayed=True)
            refusal.about = _about(agent, ask)
            raise

    async def _made_by(self, agent: Agent, ask: Ask, key: str) -> Request | None:
        try:
            return await self.store.replay_of(agent.name, key, ask.body_digest)
        except Unknown:
            return None
        except Refusal as refusal:
            refusal.about = _about(agent, ask)
            raise

    async def _planned(
        self, agent: Agent, registry: Registry, ask: Ask, key: str | None, by: Actor
    ) -> Committed:
        if agent.paused_at is not None:
            raise AgentPaused
        for _ in range(TRIES):
            try:
                return await self._submit(agent, registry, ask, key, by)
            except Stale:  # an allow-limit was spent by another request: plan again with the new count
                continue
        raise NotReady

    async def _submit(
        self, agent: Agent, registry: Registry, ask: Ask, key: str | None, by: Actor
    ) -> Committed:
        now = self.clock.now()
        force = self.policies.current()
        uses = candidates(force.bundle, agent, ask, now)
        used = await self.store.used(uses, now) if uses else {}
        planned = plan(
            force.bundle,
            force.directory,
            agent,
            ask,
            now,
            used,
            executes=agent.executes,
            commit=self.signer.commitment,
        )
        planned = _frozen(planned, registry, ask.action.name)
        request = self._request(agent, ask, planned, now)
        roster = await self.policies.roster(request, registry)
        change = opened(request, roster, by, now)
        return await self.store.commit(
            replace(
                change,
                idempotency=(key, ask.body_digest) if key else None,
                pending_max=agent.pending_max,
                uses=planned.uses,
            )
        )

    def _request(self, agent: Agent, ask: Ask, planned: Plan, now: datetime) -> Request:
        subject = Subject(agent.name, ask.on_behalf_of)
        return Request(
            id=self.ids.request_id(),
            version=1,
            state=State.PENDING,
            action=ask.action,
            resource=ask.resource,
            context=ask.context,
            subject=subject,
            owner=agent.owner,
            justification=ask.justification,
            summary=ask.summary,
            digest=digest(subject, ask.action, ask.resource, ask.context),
            plan=planned,
            grant_id=self.ids.grant_id(),
            created_at=now,
            expires_at=now + planned.approve_within,
            stage_opened_at=now,
        )

    async def show(self, agent: Agent, request_id: RequestId) -> Request:
        """Return one of the agent's own requests; raises `Unknown` for any other."""
        request = await self.store.get(request_id)
        if request.subject.agent != agent.name:
            raise Unknown
        return request

    async def keyed(self, agent: Agent, key: str) -> Request:
        """Return the request that the agent made under an idempotency key; raises `Unknown`."""
        return await self.store.by_key(agent.name, key)

    async def wait(
        self,
        agent: Agent,
        request_id: RequestId,
        since: State,
        timeout: timedelta,
        questions: int = QUESTIONS_MAX,
    ) -> Request:
        """Return the request as soon as its state is not `since`, or as it stands when the time is up.

        Or as soon as more than so many `questions` were asked.
        """
        with self.store.watch(request_id) as watch:
            request = await self.show(agent, request_id)
            ends_at = self.clock.now() + timeout
            while request.state is since and len(request.questions) <= questions:
                left = ends_at - self.clock.now()
                if left <= timedelta(0) or not await watch.changed(left):
                    break
                # Whose request it is was asked above, and stays.
                request = watch.after or await self.show(agent, request_id)
        return request

    async def answer(self, agent: Agent, request_id: RequestId, number: int, text: str, by: Actor) -> Request:
        """Answer a question about one of the agent's own requests; the same answer again changes nothing.

        Raises `Unknown`, `AlreadyAnswered`, `AlreadyDecided`, `TooLate`.
        """
        for _ in range(TRIES):
            request = await self.show(agent, request_id)
            if any((one.number, one.answer) == (number, text.strip()) for one in request.questions):
                return request
            change = step(request, Reply(number, text, by), self.clock.now())
            try:
                committed = await self.store.commit(change)
            except Stale:
                continue
            return committed.request or request
        raise NotReady

    async def own(
        self,
        agent: Agent,
        states: Sequence[State],
        limit: int,
        before: tuple[datetime, RequestId] | None,
    ) -> list[Request]:
        """Return the agent's requests, newest first, below the cursor."""
        return await self.store.of_agent(agent.name, states, limit, before)

    async def cancel(self, agent: Agent, request_id: RequestId, by: Actor) -> Request:
        """Withdraw a pending request; raises `AlreadyDecided`, `TooLate`, `Unknown`."""
        for _ in range(TRIES):
            request = await self.show(agent, request_id)
            change = step(request, Cancel(by), self.clock.now())
            try:
                committed = await self.store.commit(change)
            except Stale:
                continue
            return committed.request or request
        raise NotReady


def _about(agent: Agent, ask: Ask) -> dict[str, str]:
    """Name what was asked, for the record of a refusal."""
    subject = Subject(agent.name, ask.on_behalf_of)
    asked = digest(subject, ask.action, ask.resource, ask.context)
    return {"action": ask.action.name, "digest": asked}


def _frozen(planned: Plan, registry: Registry, action: str) -> Plan:
    """Return the plan, turned into a denial while an admin's freeze covers the action."""
    freeze = frozen_by(registry.freezes, action)
    if freeze is None:
        return planned
    rules = (*planned.rules, RuleId(f"freeze:{freeze.pattern}"))
    reason = f"Frozen by an admin: {freeze.reason}"
    return replace(planned, effect=Effect.DENY, rules=rules, reason=reason, stages=(), uses=())
