"""Who holds this credential? Keys are looked up by their SHA-256; the secret itself is stored nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.errors import Forbidden, NotItsExecutor, Unauthenticated
from bot.core.fingerprint import fingerprint, instance_name
from bot.core.terms import (
    Actor,
    ActorKind,
    Agent,
    AgentName,
    Executor,
    ExecutorName,
    Key,
    KeyKind,
    PersonName,
    Proof,
    Registry,
    Surface,
)
from bot.ports import Clock, Policies, Store


@dataclass(frozen=True, slots=True)
class Knowing:
    """Turns a bearer secret into the principal it belongs to, or refuses."""

    store: Store
    policies: Policies
    clock: Clock

    async def agent(self, secret: str) -> tuple[Agent, Registry, Actor]:
        """Return the agent whose key this is; raises `Unauthenticated`, `Forbidden`."""
        key, registry = await self._key(secret, KeyKind.AGENT)
        agent = registry.agents.get(AgentName(key.name))
        if agent is None:
            raise Unauthenticated
        return agent, registry, _actor(ActorKind.AGENT, key)

    async def running(self, secret: str) -> tuple[Agent, Executor, Registry, Actor]:
        """Return an agent and, as its executor, itself or the instance whose key this is.

        Raises `NotItsExecutor` for an agent that is not registered to execute.
        """
        agent, registry, by = await self.agent(secret)
        executor = _runner(registry, agent.name, fingerprint(secret))
        if executor is None or not agent.executes:
            raise NotItsExecutor(f"{agent.name} may only ask; register it with `agents add NAME --executor`.")
        return agent, executor, registry, by

    async def provisioner(self, secret: str) -> tuple[Agent, Registry, Actor]:
        """Return the agent whose instances this token makes; raises `Unauthenticated`, `Forbidden`."""
        key, registry = await self._key(secret, KeyKind.PROVISIONER)
        agent = registry.agents.get(AgentName(key.name))
        if agent is None:
            raise Unauthenticated
        return agent, registry, _actor(ActorKind.AGENT, key)

    async def executor(self, secret: str) -> tuple[Executor, Registry, Actor]:
        """Return the executor whose key this is; raises `Unauthenticated`, `Forbidden`.

        An agent that executes for itself is its own executor, with the key it asks with; so is its instance,
        which runs what it asked for and nothing of the agent's or of other instances.
        """
        key, registry = await self._in_force(secret)
        if not _executes(key, registry):
            _require(key, KeyKind.EXECUTOR)
        executor = _runner(registry, key.name, key.hash)
        if executor is None:
            raise Unauthenticated
        return executor, registry, _actor(ActorKind.EXECUTOR, key)

    async def person(self, secret: str) -> tuple[PersonName, Registry, Actor]:
        """Return the person whose token this is, if the directory still knows them."""
        key, registry = await self._key(secret, KeyKind.PERSON)
        person = PersonName(key.name)
        if person not in self.policies.current().directory.people:
            raise Unauthenticated
        return person, registry, _actor(ActorKind.PERSON, key)

    async def holder(self, secret: str) -> Actor | None:
        """Return whose key this is or was: also a revoked one that somebody still tries has a name."""
        key = (await self.store.registry()).keys.get(fingerprint(secret))
        return None if key is None else _actor(_ACTS_AS[key.kind], key)

    async def _key(self, secret: str, kind: KeyKind) -> tuple[Key, Registry]:
        key, registry = await self._in_force(secret)
        _require(key, kind)
        return key, registry

    async def _in_force(self, secret: str) -> tuple[Key, Registry]:
        registry = await self.store.registry()
        key = registry.keys.get(fingerprint(secret))
        if key is None or key.revoked_at is not None:
            raise Unauthenticated
        if key.expires_at is not None and self.clock.now() >= key.expires_at:
            raise Unauthenticated("This token has expired; ask for a new one.")
        return key, registry


_A = {
    KeyKind.AGENT: "an agent",
    KeyKind.EXECUTOR: "an executor",
    KeyKind.PERSON: "a person",
    KeyKind.PROVISIONER: "a provisioner",
}

_ACTS_AS = {
    KeyKind.AGENT: ActorKind.AGENT,
    KeyKind.EXECUTOR: ActorKind.EXECUTOR,
    KeyKind.PERSON: ActorKind.PERSON,
    KeyKind.PROVISIONER: ActorKind.AGENT,
}


def _require(key: Key, kind: KeyKind) -> None:
    if key.kind is not kind:
        raise Forbidden(f"This door takes the key of {_A[kind]}, and this is the key of {_A[key.kind]}.")


def _runner(registry: Registry, name: str, hash: str) -> Executor | None:
    """Return the instance whose key has this hash, or the executor called so."""
    executors = registry.executors
    return executors.get(instance_name(AgentName(name), hash)) or executors.get(ExecutorName(name))


def _executes(key: Key, registry: Registry) -> bool:
    agent = registry.agents.get(AgentName(key.name))
    return key.kind is KeyKind.AGENT and agent is not None and agent.executes


def _actor(kind: ActorKind, key: Key) -> Actor:
    return Actor(kind, key.name, Surface.API, f"key:{key.id}", Proof.KEY)
