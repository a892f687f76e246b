"""The kill switch: actions that match a pattern are neither taken in nor run until it is lifted."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.errors import Unknown
from bot.core.policy import Bundle, PolicyBroken, require_freezable
from bot.core.terms import Actor, Entry, EntryKind, Freeze, Registry
from bot.ports import Clock, Policies, RegistryEdit, Store


@dataclass(frozen=True, slots=True)
class Freezing:
    """Stops actions, and lets them run again."""

    store: Store
    policies: Policies
    clock: Clock

    async def freeze(self, pattern: str, reason: str, by: Actor) -> None:
        """Stop actions that match `pattern` (`*` is everything): none is taken in, none redeemed.

        Raises `Malformed` for a pattern that would stop nothing.
        """
        require_freezable(pattern, self._catalog())
        now = self.clock.now()
        facts = {"command": "freeze", "pattern": pattern}
        entry = Entry(kind=EntryKind.ADMIN, at=now, by=by, facts=facts, private={"reason": reason})
        await self.store.edit(RegistryEdit(entry, freeze=Freeze(pattern, reason, by.name, now)))

    async def unfreeze(self, pattern: str, by: Actor) -> None:
        """Lift a freeze; raises `Unknown`."""
        facts = {"command": "unfreeze", "pattern": pattern}
        entry = Entry(kind=EntryKind.ADMIN, at=self.clock.now(), by=by, facts=facts)

        def lifted(registry: Registry) -> RegistryEdit:
            if all(freeze.pattern != pattern for freeze in registry.freezes):
                raise Unknown(f"Nothing is frozen under {pattern}.")
            return RegistryEdit(entry, unfreeze=pattern)

        await self.store.amend(lifted)

    def _catalog(self) -> Bundle | None:
        try:
            return self.policies.current().bundle
        except PolicyBroken:
            return None  # what stops things works whatever state the policy is in
