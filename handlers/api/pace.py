"""How fast each agent may ask, kept in this process. A restart forgives; the store's pending cap does not."""

from __future__ import annotations

from datetime import timedelta

from bot.core.errors import TooMany
from bot.core.rate import Bucket, take
from bot.core.terms import Agent, AgentName
from bot.ports import Clock


class Pace:
    """One bucket for each agent that has asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[AgentName, Bucket] = {}

    def keep(self, agent: Agent) -> None:
        """Count one request; raises `TooMany` beyond the agent's `per_minute`."""
        bucket, wait = take(self._buckets.get(agent.name), agent.per_minute, self._clock.now())
        self._buckets[agent.name] = bucket
        if wait > timedelta():
            raise TooMany(
                f"This agent may make {agent.per_minute} requests a minute; slow down.", retry_after=wait
            )
