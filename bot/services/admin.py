"""What operators and admins do to agents, executors and keys; each act is an audit entry."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.core.address import callback_address
from bot.core.errors import Conflict, Malformed, Unknown, UnknownPerson
from bot.core.fingerprint import fingerprint, instance_name
from bot.core.literal import identifier
from bot.core.terms import (
    Actor,
    Agent,
    AgentName,
    Entry,
    EntryKind,
    Executor,
    ExecutorName,
    Key,
    KeyKind,
    PersonName,
    Registry,
)
from bot.ports import Clock, Ids, Policies, RegistryEdit, Signer, Store

PENDING_MAX = 100  # pending requests of one agent, unless its registration says otherwise
PER_MINUTE = 120  # asks of one agent a minute, likewise
TOKEN_MAX = timedelta(hours=12)  # a person's token is short, and can only be shortened
OVERLAP = timedelta(hours=24)  # how long a rotated key goes on working beside its successor


@dataclass(frozen=True, slots=True)
class Admin:
    """The registry's editor. Secrets are returned once and stored hashed, webhook secrets encrypted."""

    store: Store
    policies: Policies
    clock: Clock
    ids: Ids
    signer: Signer

    # ── agents ───────────────────────────────────────────────────────────────────────────────────

    async def add_agent(
        self,
        name: str,
        owner: PersonName,
        acts_for: Iterable[PersonName],
        executes: bool,
        by: Actor,
        pending_max: int = PENDING_MAX,
        per_minute: int = PER_MINUTE,
    ) -> str:
        """Register an agent and return its key; raises `Conflict`, `UnknownPerson`, `Malformed`."""
        named = AgentName(identifier(name))
        people = frozenset(acts_for) or frozenset((owner,))
        for person in (owner, *people):
            self._require_person(person)
        now = self.clock.now()
        agent = Agent(named, owner, people, executes, pending_max, per_minute, now)
        secret, key = self._key(KeyKind.AGENT, name)
        own = (Executor(ExecutorName(named), None, (), now),) if executes else ()
        entry = self._entry("agents add", by, {"agent": named, "key": key.id}, {"owner": owner})

        def registered(registry: Registry) -> RegistryEdit:
            _free(named, registry.agents, "agent")
            if executes:
                _free(named, registry.executors, "executor")
            return RegistryEdit(entry, agents=(agent,), executors=own, keys=(key,))

        await self.store.amend(registered)
        return secret

    async def own(self, name: str, owner: PersonName, by: Actor) -> None:
        """Give an agent another owner; raises `Unknown`, `UnknownPerson`. Whom it acts for stays as it is."""
        self._require_person(owner)
        entry = self._entry("agents own", by, {"agent": name}, {"owner": owner})
        await self._change_agent(name, entry, lambda agent: replace(agent, owner=owner))

    async def pause(self, name: str, by: Actor) -> None:
        """Stop an agent from asking until it is resumed."""
        entry = self._entry("agents pause", by, {"agent": name})
        await self._change_agent(name, entry, lambda agent: replace(agent, paused_at=entry.at))

    async def resume(self, name: str, by: Actor) -> None:
        """Let a paused agent ask again."""
        entry = self._entry("agents resume", by, {"agent": name})
        await self._change_agent(name, entry, lambda agent: replace(agent, paused_at=None))

    async def _change_agent(self, name: str, entry: Entry, change: Callable[[Agent], Agent]) -> None:
        def changed(registry: Registry) -> RegistryEdit:
            agent = registry.agents.get(AgentName(name))
            if agent is None:
                raise Unknown(f"There is no agent {name}.")
            return RegistryEdit(entry, agents=(change(agent),))

        await self.store.amend(changed)

    # ── executors ────────────────────────────────────────────────────────────────────────────────

    async def add_executor(self, name: str, url: str | None, by: Actor) -> tuple[str, str]:
        """Register an executor; return its webhook secret (`whsec_…`) and its key."""
        named = ExecutorName(identifier(name))
        if url is not None:
            callback_address(url)
        webhook = self._webhook()
        secret, key = self._key(KeyKind.EXECUTOR, name)
        executor = Executor(named, url, (self.signer.seal(webhook.encode()),), self.clock.now())
        entry = self._entry("executors add", by, {"executor": named, "key": key.id}, {"url": url or ""})

        def registered(registry: Registry) -> RegistryEdit:
            _free(named, registry.executors, "executor")
            return RegistryEdit(entry, executors=(executor,), keys=(key,))

        await self.store.amend(registered)
        return webhook, secret

    async def rotate_webhook(self, name: str, by: Actor) -> str:
        """Return a new webhook secret; callbacks carry a signature by the one before it too."""
        webhook = self._webhook()
        sealed = self.signer.seal(webhook.encode())
        entry = self._entry("executors rotate", by, {"executor": name})

        def rotated(registry: Registry) -> RegistryEdit:
            executor = registry.executors.get(ExecutorName(name))
            if executor is None:
                raise Unknown(f"There is no executor {name}.")
            secrets = (sealed, *executor.secrets[:1])
            return RegistryEdit(entry, executors=(replace(executor, secrets=secrets, disabled_at=None),))

        await self.store.amend(rotated)
        return webhook

    def _webhook(self) -> str:
        # Standard Webhooks: whsec_ and 24 to 64 bytes in base64; ours are 256 bits.
        raw = base64.urlsafe_b64decode(self.ids.secret() + "=")
        return f"whsec_{base64.b64encode(raw).decode()}"

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────

    async def person_token(self, person: PersonName, life: timedelta, by: Actor) -> str:
        """Return a new token for a person; raises `UnknownPerson`, `Malformed` beyond twelve hours."""
        self._require_person(person)
        if not timedelta(0) < life <= TOKEN_MAX:
            raise Malformed("A person's token lasts at most 12 hours.")
        secret, key = self._key(KeyKind.PERSON, person, life)
        entry = self._issued(key, by)
        await self.store.edit(RegistryEdit(entry, keys=(key,)))
        return secret

    async def rotate(self, kind: KeyKind, name: str, by: Actor) -> str:
        """Return a new key; those before it work for another day. Those of an agent's instances stay."""
        ends = self.clock.now() + OVERLAP
        secret, key = self._key(kind, name)

        def rotated(registry: Registry) -> RegistryEdit:
            known, agent = _in_force(registry, kind, name), AgentName(name)
            own = [k for k in known if instance_name(agent, k.hash) not in registry.executors]
            held = [k for k in own if k.kind is kind]
            if not held:
                raise Unknown(f"There is no {kind.value} {name} with a key in force.")
            old = (replace(k, expires_at=min(k.expires_at or ends, ends)) for k in held)
            return RegistryEdit(self._issued(key, by), keys=(key, *old))

        await self.store.amend(rotated)
        return secret

    async def revoke_key(self, key_id: str, by: Actor) -> None:
        """Revoke one key at once; raises `Unknown`."""

        def named(registry: Registry) -> list[Key]:
            found = [k for k in registry.keys.values() if k.id == key_id]
            if not found:
                raise Unknown(f"There is no key {key_id}; `keys list` shows their ids.")
            return found

        await self._revoke(named, by)

    async def revoke_all(self, kind: KeyKind, name: str, by: Actor) -> int:
        """Revoke every key of a principal at once; return how many were in force."""

        def held(registry: Registry) -> list[Key]:
            found = _in_force(registry, kind, name)
            if not found:
                raise Unknown(f"There is no {kind.value} {name} with a key in force.")
            return found

        return await self._revoke(held, by)

    async def _revoke(self, which: Callable[[Registry], list[Key]], by: Actor) -> int:
        """Revoke the keys that `which` names as the registry stands; return how many."""
        now, count = self.clock.now(), 0

        def revoked(registry: Registry) -> RegistryEdit:
            nonlocal count
            keys = which(registry)
            count = len(keys)
            facts = {"keys": " ".join(key.id for key in keys)}
            entry = Entry(kind=EntryKind.KEY_REVOKED, at=now, by=by, facts=facts)
            return RegistryEdit(entry, keys=tuple(replace(k, revoked_at=k.revoked_at or now) for k in keys))

        await self.store.amend(revoked)
        return count

    # ── shared ───────────────────────────────────────────────────────────────────────────────────

    def _key(self, kind: KeyKind, name: str, life: timedelta | None = None) -> tuple[str, Key]:
        secret = f"assent_{kind.value}_{self.ids.secret()}"
        hashed = fingerprint(secret)
        now = self.clock.now()
        # The id names the key in lists and in the log; it gives nothing of the secret away.
        return secret, Key(hashed[:12], kind, name, hashed, now, now + life if life else None)

    def _issued(self, key: Key, by: Actor) -> Entry:
        facts = {"key": key.id, "kind": key.kind.value}
        return Entry(
            kind=EntryKind.KEY_ISSUED, at=self.clock.now(), by=by, facts=facts, private={"name": key.name}
        )

    def _entry(
        self, command: str, by: Actor, facts: Mapping[str, str], private: Mapping[str, str] | None = None
    ) -> Entry:
        told = {"command": command, **facts}
        return Entry(kind=EntryKind.ADMIN, at=self.clock.now(), by=by, facts=told, private=private or {})

    def _require_person(self, person: PersonName) -> None:
        if person not in self.policies.current().directory.people:
            raise UnknownPerson(f"{person} is not in the directory; add them to directory.yaml first.")


def _in_force(registry: Registry, kind: KeyKind, name: str) -> list[Key]:
    keys = registry.keys.values()
    kinds = (KeyKind.AGENT, KeyKind.PROVISIONER) if kind is KeyKind.AGENT else (kind,)
    return [key for key in keys if key.kind in kinds and key.name == name and key.revoked_at is None]


def _free(name: str, taken: Collection[str], what: str) -> None:
    if name in taken:
        raise Conflict(f"There is already an {what} {name}.")
