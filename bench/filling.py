"""Fills a database with pending requests through the intake itself, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.ground import Ground
from bot.app.parts import Parts, parts
from bot.core.action import read_ask

AT_ONCE = 512
FAR, BATCH = "cache.flush", "batch.end"
BATCH_WITHIN = timedelta(minutes=10)  # as the policy says of `batch.end`


@dataclass(frozen=True, slots=True)
class Fixed:
    """A clock that stands, so that all deadlines fall on one instant."""

    at: datetime

    def now(self) -> datetime:
        """Return the one instant."""
        return self.at


def now() -> datetime:
    """Return the instant, as this machine has it."""
    return datetime.now(UTC)


async def fill(ground: Ground, count: int, step: Callable[[int], None]) -> None:
    """Make so many requests that are due tomorrow, and a checkpoint over the log."""
    async with parts(ground.settings) as made:
        await ask(made, ground, FAR, count, step)
        await made.auditing.checkpoint()


async def ask(made: Parts, ground: Ground, action: str, count: int, step: Callable[[int], None]) -> None:
    """Make so many requests for an action, in groups as large as the writer takes."""
    agent, registry, by = await made.knowing.agent(ground.agent_key)
    asked = read_ask(b'{"action": {"name": "%s", "parameters": {"region": "eu"}}}' % action.encode())
    for done in range(0, count, AT_ONCE):
        few = min(AT_ONCE, count - done)
        await asyncio.gather(*(made.intake.submit(agent, registry, asked, None, by) for _ in range(few)))
        step(few)
