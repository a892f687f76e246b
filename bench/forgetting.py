"""The whole server on a store whose commit forgets: `python -m bench.forgetting`, settings as for `serve`.

Everything that `serve` does is done, idempotency keys and the log's chain among it; nothing is written.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop

from bot import logs, settings
from bot.app.parts import assembled
from bot.app.server import listening, surfaced
from bot.clock import DatabaseClock
from bot.core.errors import KeyReused
from bot.core.log import Tree
from bot.core.terms import Change, Entry, Registry
from bot.ids import RandomIds
from bot.ports import Committed
from storage.changes import Prepared, prepare
from storage.database import database_of
from storage.hub import log_size
from storage.ledger import Ledger, Salt
from storage.rows import read_request
from storage.store import DatabaseStore


class Chain(Ledger):
    """The log's end in memory: entries are sealed and chained, then dropped."""

    def __init__(self, salt: Salt) -> None:
        self._salt = salt
        self._tree = Tree.empty()
        self._entries: list[dict[str, Any]] = []
        self._private: list[dict[str, Any]] = []
        self.appended: list[Entry] = []

    def write(self) -> None:
        """Chain what was appended, and drop it."""
        self._tree = self._tree.extend(entry["leaf"] for entry in self._entries)
        self._entries, self._private, self.appended = [], [], []


class Forgetting(DatabaseStore):
    """A store that reads as ever, and forgets what is committed to it.

    As the real one it takes everything that waits and answers each: only what would be stored is dropped.
    """

    def forget(self) -> None:
        """Begin with an empty log and no idempotency keys."""
        self._chain = Chain(self._salt)
        # Documents, not values: those of a real store are in its database, where no collector walks them.
        self._keys: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._known: Registry | None = None
        self._group: list[tuple[Prepared, asyncio.Future[Committed]]] = []

    async def registry(self) -> Registry:
        """Return the registry from memory: nobody edits it here."""
        if self._known is None:
            self._known = await super().registry()
        return self._known

    async def commit(self, change: Change) -> Committed:
        """Do what is not storing: look for the key, write the document, seal and chain the entries."""
        prepared = prepare(change)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Committed] = loop.create_future()
        if not self._group:
            loop.call_soon(self._forget_group)
        self._group.append((prepared, answer))
        committed = await answer
        if not committed.replayed:
            self._tell(change)
        return committed

    def _forget_group(self) -> None:
        group, self._group = self._group, []
        for prepared, answer in group:
            try:
                answer.set_result(self._forgotten(prepared))
            except KeyReused as refusal:
                answer.set_exception(refusal)
        self._writer.on_entries(self._chain.appended)
        self._chain.write()

    def _forgotten(self, prepared: Prepared) -> Committed:
        change, after = prepared.change, prepared.change.after
        if change.idempotency is not None and after is not None:
            key = (after.subject.agent, change.idempotency[0])
            held = self._keys.get(key)
            if held is not None and held[0] != change.idempotency[1]:
                raise KeyReused
            if held is not None:
                return Committed(read_request(held[1]), replayed=True)
            self._keys[key] = (change.idempotency[1], prepared.document)
        for entry in change.entries:
            self._chain.append(entry)
        return Committed(after)


async def main() -> None:
    """Serve for ever."""
    own = settings.read(None)
    logs.configure()
    ids = RandomIds()
    database = database_of(own.database_url)
    await database.start()
    store = Forgetting(database, ids.salt, await database.read(log_size))
    store.forget()
    clock = DatabaseClock()
    await clock.follow(store.now)
    made = assembled(own, clock, ids, store)
    async with surfaced(made, development=False) as running, listening(running):
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
