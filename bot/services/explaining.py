"""Why a request would get its plan, by the policy as it stands now."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.policy import Explanation, agent_of, ask_of, candidates, explain
from bot.core.terms import Request
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
        agent, ask = agent_of(request, await self.store.registry()), ask_of(request)
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
