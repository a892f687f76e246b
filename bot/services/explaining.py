"""Why a request would get its plan, by the policy as it stands now."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.policy import Explanation, candidates, explain
from bot.core.terms import Agent, Ask, Request
from bot.ports import Clock, Policies, Signer, Store


@dataclass(frozen=True, slots=True)
class Explaining:
    """Asks the policy again, without consequences."""

    store: Store
    policies: Policies
    clock: Clock
    signer: Signer

    async def again(self, request: Request) -> Explanation:
        """Return the plan that the same ask would get if it were made now, and what decided it.

        Raises the `Refusal` with which it would be refused now.
        """
        force, now = self.policies.current(), self.clock.now()
        agent = (await self.store.registry()).agents.get(request.subject.agent) or _gone(request)
        ask = _ask(request)
        uses = candidates(force.bundle, agent, ask, now)
        used = await self.store.used(uses, now) if uses else {}
        return explain(
            force.bundle,
            force.directory,
            agent,
            ask,
            now,
            used,
            executes=agent.executes,
            commit=self.signer.commitment,
        )


def _ask(request: Request) -> Ask:
    return Ask(
        action=request.action,
        body_digest=request.digest,
        resource=request.resource,
        on_behalf_of=request.subject.on_behalf_of,
        justification=request.justification,
        summary=request.summary,
        context=request.context,
    )


def _gone(request: Request) -> Agent:
    """Stand in for an agent that is no longer registered."""
    people = frozenset((request.owner, *filter(None, (request.subject.on_behalf_of,))))
    return Agent(request.subject.agent, request.owner, people, False, 1, 1, request.created_at)
