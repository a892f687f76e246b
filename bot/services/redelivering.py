"""A dead letter is sent again, because an operator or an admin says so."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.errors import Conflict
from bot.core.terms import Actor, Entry, EntryKind, ExecutorName
from bot.ports import Clock, Store


@dataclass(frozen=True, slots=True)
class Redelivering:
    """Queues dead letters again."""

    store: Store
    clock: Clock

    async def redeliver(self, letter_id: int, by: Actor) -> None:
        """Queue a dead letter again; raises `Unknown`, `Conflict` for an address that takes none any more."""
        name = (await self.store.letter(letter_id)).address.removeprefix("executor:")
        executor = (await self.store.registry()).executors.get(ExecutorName(name))
        if executor is not None and executor.disabled_at is not None:
            raise Conflict(
                f"{name} answered 410, and is sent nothing until `executors rotate {name}` puts its address "
                "back into service."
            )
        now = self.clock.now()
        facts = {"command": "deliveries redeliver", "delivery": str(letter_id)}
        await self.store.redeliver(letter_id, now, Entry(kind=EntryKind.ADMIN, at=now, by=by, facts=facts))
