"""What is asked: an action, what it is done to, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.core.terms.names import AgentName, Digest, ExecutorName, Json, PersonName


@dataclass(frozen=True, slots=True)
class Action:
    """What would run: a catalogued name and its parameters, exactly as they were sent."""

    name: str
    parameters: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Resource:
    """What the action is done to."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks: an agent, perhaps for a person."""

    agent: AgentName
    on_behalf_of: PersonName | None


@dataclass(frozen=True, slots=True)
class Ask:
    """An agent's ask, parsed but not yet judged; `body_digest` tells replays of an idempotency key apart."""

    action: Action
    body_digest: Digest
    resource: Resource | None = None
    on_behalf_of: PersonName | None = None
    justification: str | None = None
    summary: str | None = None
    context: Mapping[str, Json] | None = None
    approve_within: timedelta | None = None
    runner: ExecutorName | None = None  # the agent itself or its instance: then nobody else may run it
