"""Waits for people while the client stays on the line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bot.core.machine import QUESTIONS_MAX, tally
from bot.core.terms import Agent, Request, State
from bot.ports import Clock
from bot.services.intake import Intake
from handlers.polls import Polls

BEAT = timedelta(seconds=10)  # between two signs of life; proxies and clients give up after 30 or more


class Line(Protocol):
    """A client that hears, while it waits, that somebody is still there."""

    async def alive(self, words: str) -> None:
        """Give a sign of life, with what is waited for."""
        ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """Waits as other doors do, in pieces."""

    intake: Intake
    polls: Polls
    clock: Clock

    async def settled(
        self, agent: Agent, request: Request, line: Line, until: timedelta, known: int = QUESTIONS_MAX
    ) -> Request:
        """Return the request once it is decided, or as it stands when the time is up or the server stops.

        Or once more questions were asked than are `known`.
        """
        ends_at = self.clock.now() + until
        while waits(request, known) and (left := ends_at - self.clock.now()) > timedelta():
            await line.alive(f"waiting for {waits_for(request)}")
            piece = self.intake.wait(agent, request.id, State.PENDING, min(left, BEAT), known)
            found = await self.polls.until(piece, f"agent {agent.name}")
            if found is None:
                return await self.intake.show(agent, request.id)
            request = found
        return request


def waits(request: Request, known: int) -> bool:
    """Tell whether there is nothing to say yet to somebody who knows so many questions."""
    return request.state is State.PENDING and len(request.questions) <= known


def waits_for(request: Request) -> str:
    """Say what a pending request waits for, like `1 of dba`."""
    if request.unsatisfiable:
        return request.unsatisfiable
    stage = request.plan.stages[request.stage_index]
    approvals, _ = tally(request, stage.name)
    return f"{stage.quorum - approvals} of {stage.name}"
