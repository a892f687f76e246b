"""How fast each agent may ask, kept in this process. A restart forgives; the store's pending cap does not."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from bot.core.errors import TooMany
from bot.core.rate import Bucket, take
from bot.core.terms import Agent, AgentName
from bot.ports import Clock


class Pace:
    """One bucket for each agent that has asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[AgentName, Bucket] = {}

    @classmethod
    def of(cls, app: web.Application, clock: Clock) -> Pace:
        """Return the application's one pace: an agent with two doors to ask through asks no faster."""
        if _PACE not in app:
            app[_PACE] = cls(clock)
        return app[_PACE]

    def keep(self, agent: Agent) -> None:
        """Count one request; raises `TooMany` beyond the agent's `per_minute`."""
        bucket, wait = take(self._buckets.get(agent.name), agent.per_minute, self._clock.now())
        self._buckets[agent.name] = bucket
        if wait > timedelta():
            raise TooMany(
                f"This agent may make {agent.per_minute} requests a minute; slow down.", retry_after=wait
            )


_PACE = web.AppKey("pace", Pace)
