"""How much one agent may ask."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.core.errors import Malformed, Unknown
from bot.core.terms import Actor, AgentName, Entry, EntryKind, Registry
from bot.ports import Clock, RegistryEdit, Store

PENDING_MOST = 10_000  # an agent with more waiting than that is one that nobody can follow
PER_MINUTE_MOST = 6_000


@dataclass(frozen=True, slots=True)
class Limiting:
    """Changes an agent's caps."""

    store: Store
    clock: Clock

    async def limit(self, name: str, pending_max: int, per_minute: int, by: Actor) -> None:
        """Set how many of its requests may wait, and how many it may make a minute.

        Raises `Unknown`, and `Malformed` beyond what anybody could follow.
        """
        if not 1 <= pending_max <= PENDING_MOST:
            raise Malformed(f"From 1 to {PENDING_MOST:,} requests of an agent may wait; pause it to stop it.")
        if not 1 <= per_minute <= PER_MINUTE_MOST:
            raise Malformed(f"An agent may ask from 1 to {PER_MINUTE_MOST:,} times a minute.")
        now = self.clock.now()

        def limited(registry: Registry) -> RegistryEdit:
            agent = registry.agents.get(AgentName(name))
            if agent is None:
                raise Unknown(f"There is no agent {name}.")
            facts = {
                "command": "agents limits",
                "agent": name,
                "pending_max": f"{agent.pending_max} → {pending_max}",
                "per_minute": f"{agent.per_minute} → {per_minute}",
            }
            entry = Entry(kind=EntryKind.ADMIN, at=now, by=by, facts=facts)
            changed = replace(agent, pending_max=pending_max, per_minute=per_minute)
            return RegistryEdit(entry, agents=(changed,))

        await self.store.amend(limited)
