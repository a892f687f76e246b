"""Who is known: people, agents, executors and their keys, and what stops them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.core.terms.names import AgentName, Digest, ExecutorName, GroupName, PersonName


@dataclass(frozen=True, slots=True)
class Person:
    """Someone in the directory. Accounts: `slack` as `T0…/U0…`, `teams` as `tenant/oid`."""

    name: PersonName
    email: str | None = None
    title: str | None = None  # how cards call them; default the name
    slack: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    groups: frozenset[GroupName] = frozenset()
    admin: bool = False
    auditor: bool = False
    break_glass: bool = False
    deputies: tuple[PersonName, ...] = ()


@dataclass(frozen=True, slots=True)
class Agent:
    """A registered agent, its owner and whom it may act for."""

    name: AgentName
    owner: PersonName
    acts_for: frozenset[PersonName]
    executes: bool
    pending_max: int
    per_minute: int
    created_at: datetime
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """What one running copy of an agent calls itself, and the digest of what it was provisioned with."""

    title: str
    submission: Digest


@dataclass(frozen=True, slots=True)
class Executor:
    """A registered executor; `url` is None for one that asks for its executions itself.

    `secrets` are webhook secrets under the server's encryption key, newest first; several while one rotates.
    An agent that executes for itself is one, and so is each of its instances.
    """

    name: ExecutorName
    url: str | None
    secrets: tuple[bytes, ...]
    created_at: datetime
    disabled_at: datetime | None = None  # it answered 410, or an admin stopped it
    instance: Instance | None = None  # provisioned for an agent, by a program


class KeyKind(StrEnum):
    """Whose credential a key is."""

    AGENT = "agent"
    EXECUTOR = "executor"
    PERSON = "person"
    PROVISIONER = "provisioner"  # makes instances of one agent, and nothing else


@dataclass(frozen=True, slots=True)
class Key:
    """A credential as stored: the SHA-256 of its secret, never the secret."""

    id: str
    kind: KeyKind
    name: str
    hash: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Freeze:
    """Actions that match `pattern` neither start nor run until it is lifted."""

    pattern: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody is away from `from_at` until just before `until_at`; `deputy` stands in, if there is one.

    `by` is who said so: they themselves, or an operator.
    """

    person: PersonName
    deputy: PersonName | None
    from_at: datetime
    until_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """When somebody wants no reminders: from `from_` until `until`, `HH:MM` each day in the zone `tz`."""

    person: PersonName
    from_: str
    until: str
    tz: str


@dataclass(frozen=True, slots=True)
class Linked:
    """A chat account that a person tied to themselves; what the directory says of an account goes first."""

    surface: str
    account: str
    person: PersonName
    at: datetime


@dataclass(frozen=True, slots=True)
class Registry:
    """Agents, executors, keys, freezes, and what people said of themselves, as they stood at `version`."""

    version: int
    agents: Mapping[AgentName, Agent]
    executors: Mapping[ExecutorName, Executor]
    keys: Mapping[str, Key]  # by hash
    freezes: tuple[Freeze, ...]
    absences: Mapping[PersonName, Absence] = field(default_factory=dict)
    quiet: Mapping[PersonName, Quiet] = field(default_factory=dict)
    links: Mapping[tuple[str, str], Linked] = field(default_factory=dict)  # by surface and account
