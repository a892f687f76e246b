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
from bot.core.terms import Change, Registry, Request
from bot.ids import RandomIds
from bot.ports import Committed
from storage.changes import prepare
from storage.database import database_of
from storage.hub import log_size
from storage.ledger import Ledger, Salt
from storage.store import DatabaseStore


class Chain(Ledger):
    """The log's end in memory: entries are sealed and chained, then dropped."""

    def __init__(self, salt: Salt) -> None:
        self._salt = salt
        self._tree = Tree.empty()
        self._entries: list[dict[str, Any]] = []
        self._private: list[dict[str, Any]] = []

    def write(self) -> None:
        """Chain what was appended, and drop it."""
        self._tree = self._tree.extend(entry["leaf"] for entry in self._entries)
        self._entries, self._private = [], []


class Forgetting(DatabaseStore):
    """A store that reads as ever, and forgets what is committed to it."""

    chain: Chain
    keys: dict[tuple[str, str], tuple[str, Request]]
    known: Registry | None = None

    async def registry(self) -> Registry:
        """Return the registry from memory: nobody edits it here."""
        if self.known is None:
            self.known = await super().registry()
        return self.known

    async def commit(self, change: Change) -> Committed:
        """Do what is not storing: look for the key, write the document, seal and chain the entries."""
        after = change.after
        if change.idempotency is not None and after is not None:
            key = (after.subject.agent, change.idempotency[0])
            held = self.keys.get(key)
            if held is not None:
                if held[0] != change.idempotency[1]:
                    raise KeyReused
                return Committed(held[1], replayed=True)
            self.keys[key] = (change.idempotency[1], after)
        prepare(change)
        for entry in change.entries:
            self.chain.append(entry)
        self.chain.write()
        self._tell(change)
        return Committed(after)


async def main() -> None:
    """Serve for ever."""
    own = settings.read(None)
    logs.configure()
    ids = RandomIds()
    database = database_of(own.database_url)
    await database.start()
    store = Forgetting(database, ids.salt, await database.read(log_size))
    store.chain, store.keys = Chain(ids.salt), {}
    clock = DatabaseClock()
    await clock.follow(store.now)
    made = assembled(own, clock, ids, store)
    async with surfaced(made, development=False) as running, listening(running):
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
