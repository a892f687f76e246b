"""Callbacks: executors hear what became of a request, signed when it is sent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.core import effects
from bot.core.errors import Unknown
from bot.core.terms import SYSTEM, CallbackKind, Entry, EntryKind, ExecutorName, Registry, Request, State
from bot.ports import Claimed, Never, RegistryEdit, Turn
from bot.services.delivering.outside import Outside

LOG_AGAIN = timedelta(seconds=30)  # how often a callback with a grant asks whether the log is right again


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Calls executors back."""

    outside: Outside

    async def tell(self, row: Claimed) -> None:
        """Call the executor back about its request, unless the news is overtaken or it asks by itself."""
        if row.callback_id is None:
            raise Never("a callback row without its callback")
        callback = await self.outside.store.callback(row.callback_id)
        request = await self.outside.store.get(callback.request_id)
        executor = (await self.outside.store.registry()).executors.get(callback.executor)
        overtaken = callback.kind is CallbackKind.APPROVED and request.state is not State.APPROVED
        if executor is None or executor.url is None or executor.disabled_at is not None or overtaken:
            await self.outside.store.finish(row, None)
            return
        token = self._token(request) if callback.kind is CallbackKind.APPROVED else None
        await self.outside.caller.call(executor, callback, request, token)
        facts = {"type": callback.kind.value, "sequence": str(callback.sequence)}
        entry = effects.entry(EntryKind.DELIVERED, request, SYSTEM, self.outside.clock.now(), facts=facts)
        await self.outside.store.finish(row, entry)

    def _token(self, request: Request) -> str:
        if self.outside.trust.problem:
            # Not counted as a try: it goes out once the log is right, unless the grant has lapsed by then.
            raise Turn(LOG_AGAIN, "the audit log is not what was signed; no grants are issued")
        return self.outside.signer.grant(request)

    async def disable(self, row: Claimed) -> None:
        """The address answered 410: it wants no more callbacks, until an admin says otherwise."""
        name = row.send.address.removeprefix("executor:")
        now = self.outside.clock.now()
        facts = {"command": "executors disable", "executor": name, "cause": "410"}
        entry = Entry(kind=EntryKind.ADMIN, at=now, by=SYSTEM, facts=facts)

        def disabled(registry: Registry) -> RegistryEdit:
            executor = registry.executors.get(ExecutorName(name))
            if executor is None:
                raise Unknown
            return RegistryEdit(entry, executors=(replace(executor, disabled_at=now),))

        with suppress(Unknown):
            await self.outside.store.amend(disabled)
