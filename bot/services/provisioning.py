"""A program makes instances of an agent: each has a key of its own, and may be called back."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass

from bot.core.address import callback_address
from bot.core.errors import AgentPaused, KeyReused, NotItsExecutor, TooMany, Unknown
from bot.core.fingerprint import fingerprint, instance_id, instance_name
from bot.core.terms import (
    Actor,
    Agent,
    AgentName,
    Digest,
    Entry,
    EntryKind,
    Executor,
    Instance,
    Key,
    KeyKind,
    Registry,
)
from bot.ports import Clock, Ids, RegistryEdit, Signer, Store

INSTANCES_MAX = 1000  # of one agent; every request reads the registry


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where an instance is called back, and the `whsec_` secret that it chose for that."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a provisioner asks for; `submission` is the digest of all of it."""

    title: str | None
    webhook: Webhook | None
    submission: Digest


@dataclass(frozen=True, slots=True)
class Draft:
    """An instance with its key, not stored yet unless `stands`."""

    id: str
    executor: Executor
    key: Key
    secret: str
    stands: bool


@dataclass(frozen=True, slots=True)
class Provisioning:
    """Makes instances."""

    store: Store
    clock: Clock
    ids: Ids
    signer: Signer

    async def token(self, name: str, by: Actor) -> str:
        """Return a new token that makes instances of an agent; raises `Unknown`, `NotItsExecutor`."""
        registry = await self.store.registry()
        agent = registry.agents.get(AgentName(name))
        if agent is None:
            raise Unknown(f"There is no agent {name}.")
        _refuse(agent)
        secret = f"assent_{KeyKind.PROVISIONER.value}_{self.ids.secret()}"
        hashed = fingerprint(secret)
        key = Key(hashed[:12], KeyKind.PROVISIONER, name, hashed, self.clock.now())
        await self.store.edit(RegistryEdit(_issued(key, by, {}, {}), keys=(key,)))
        return secret

    def draft(
        self, agent: Agent, registry: Registry, provisioner: str, idempotency_key: str, wish: Wish
    ) -> Draft:
        """Return the instance that this provisioner's token and key make; the same ones make the same.

        Its key follows from them and our own, so that a retry gets it again though nobody stores it. Raises
        `Malformed` for an address that cannot be called, `KeyReused` for another wish under the same key,
        `NotItsExecutor`, `AgentPaused`, `TooMany`.
        """
        _refuse(agent)
        if wish.webhook is not None:
            callback_address(wish.webhook.url)
        # No canonical JSON begins like this, so no redacted parameter has this commitment.
        derived = self.signer.commitment(f"instance {fingerprint(provisioner)} {idempotency_key}".encode())
        secret = f"assent_agent_{urlsafe_b64encode(bytes.fromhex(derived)).decode().rstrip('=')}"
        hashed = fingerprint(secret)
        now = self.clock.now()
        key = Key(hashed[:12], KeyKind.AGENT, agent.name, hashed, now)
        standing = registry.executors.get(instance_name(agent.name, hashed))
        if standing is None:
            _refuse_crowd(agent, registry)
            return Draft(instance_id(hashed), self._executor(agent, hashed, wish), key, secret, stands=False)
        if standing.instance is None or standing.instance.submission != wish.submission:
            raise KeyReused
        return Draft(instance_id(hashed), standing, key, secret, stands=True)

    async def register(self, draft: Draft, by: Actor) -> None:
        """Store a new instance and its key."""
        entry = _issued(draft.key, by, {"instance": draft.id}, {"url": draft.executor.url or ""})

        def registered(registry: Registry) -> RegistryEdit:
            standing = registry.executors.get(draft.executor.name)
            if standing is not None and standing.instance != draft.executor.instance:
                raise KeyReused  # another wish under the same key came in while this one was verified
            return RegistryEdit(entry, executors=(draft.executor,), keys=(draft.key,))

        await self.store.amend(registered)

    def _executor(self, agent: Agent, hashed: str, wish: Wish) -> Executor:
        hook = wish.webhook
        title = wish.title or f"{agent.name} {hashed[:8]}"
        return Executor(
            name=instance_name(agent.name, hashed),
            url=hook.url if hook else None,
            secrets=(self.signer.seal(hook.secret.encode()),) if hook else (),
            created_at=self.clock.now(),
            instance=Instance(title, wish.submission),
        )


def _issued(key: Key, by: Actor, facts: dict[str, str], private: dict[str, str]) -> Entry:
    return Entry(
        kind=EntryKind.KEY_ISSUED,
        at=key.created_at,
        by=by,
        facts={"key": key.id, "kind": key.kind.value, **facts},
        private={"name": key.name, **private},
    )


def _refuse(agent: Agent) -> None:
    if agent.paused_at is not None:
        raise AgentPaused
    if not agent.executes:
        raise NotItsExecutor(f"{agent.name} may only ask; register it with `agents add NAME --executor`.")


def _refuse_crowd(agent: Agent, registry: Registry) -> None:
    """Count the instances whose key is in force: the others are gone."""
    held = [key for key in registry.keys.values() if key.name == agent.name and key.revoked_at is None]
    if sum(instance_name(agent.name, key.hash) in registry.executors for key in held) >= INSTANCES_MAX:
        raise TooMany(f"{agent.name} has {INSTANCES_MAX} instances; revoke keys of those that are gone.")
