"""How fast each caller may call, kept in this process: a restart forgives, the pending cap does not."""

from __future__ import annotations

from aiohttp import web

from bot.core.errors import TooMany
from bot.core.rate import Bucket, take
from bot.core.terms import Agent, ExecutorName, PersonName
from bot.ports import Clock

# Calls a minute. An agent's are its registration's; these are the same everywhere: far above what people and
# executors do, far below what a loop that has run wild does to those who share the server with it.
PERSON_PER_MINUTE = 600
EXECUTOR_PER_MINUTE = 12_000
# What an agent calls besides asking: two thousand long polls that all end at once, and all begin anew, are a
# fifteenth of it.
AGENT_PER_MINUTE = 30_000
# Whose bucket it is, as plain text: hashing a member of an enum takes as long as all the rest. What an agent
# asks is counted beside its other calls.
ASKS, CALLS, PERSON, EXECUTOR = "asks", "agent", "person", "executor"


class Pace:
    """One bucket for each caller."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], Bucket] = {}

    @classmethod
    def of(cls, app: web.Application, clock: Clock) -> Pace:
        """Return the application's one pace: a caller with two doors goes no faster."""
        if _PACE not in app:
            app[_PACE] = cls(clock)
        return app[_PACE]

    def keep(self, agent: Agent) -> None:
        """Count one request of an agent; raises `TooMany` beyond its `per_minute`."""
        self._take(ASKS, agent.name, agent.per_minute, "This agent may make", "requests")

    def keep_call(self, agent: Agent) -> None:
        """Count one call of an agent that asks for nothing new: a look, a wait; raises `TooMany`."""
        self._take(CALLS, agent.name, AGENT_PER_MINUTE, "One agent may make", "other calls")

    def keep_person(self, person: PersonName) -> None:
        """Count one call of a person; raises `TooMany`."""
        self._take(PERSON, person, PERSON_PER_MINUTE, "One person may make", "calls")

    def keep_executor(self, executor: ExecutorName) -> None:
        """Count one call of an executor; raises `TooMany`."""
        self._take(EXECUTOR, executor, EXECUTOR_PER_MINUTE, "One executor may make", "calls")

    def _take(self, kind: str, name: str, per_minute: int, who: str, what: str) -> None:
        bucket, wait = take(self._buckets.get((kind, name)), per_minute, self._clock.now())
        self._buckets[kind, name] = bucket
        if wait:
            raise TooMany(f"{who} {per_minute} {what} a minute; slow down.", retry_after=wait)


_PACE = web.AppKey("pace", Pace)
