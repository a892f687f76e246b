"""A line to a database that can be cut: nothing comes through any more, and neither end is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

POSTGRESQL = 5432
CHUNK = 65_536  # bytes


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Wire:
    """Carries every connection to one address, until it is cut."""

    address: str
    port: int = 0
    cut_after: bytes | None = None  # these words still reach the database, and nothing after them
    whole: asyncio.Event = field(default_factory=_set)
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, database: str) -> str:
        """Return the URL of a database behind it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def heal(self) -> None:
        """Let through what waited, and all that comes."""
        self.cut_after = None
        self.whole.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection; one that begins while the line is cut hears nothing."""
        ends = [writer]
        try:
            await self.whole.wait()
            there, back = await asyncio.open_connection(self.address, POSTGRESQL)
            ends.append(back)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass(reader, back, watched=True))
                ways.create_task(self._pass(there, writer, watched=False))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in ends:
                end.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, watched: bool
    ) -> None:
        while data := await reader.read(CHUNK):
            await self.whole.wait()
            writer.write(data)
            await writer.drain()
            if watched and self.cut_after is not None and self.cut_after in data:
                self.whole.clear()
                self.cut.set()
        writer.close()


@asynccontextmanager
async def a_wire(address: str) -> AsyncIterator[Wire]:
    """Lay a line to the PostgreSQL at an address."""
    wire = Wire(address)
    carried: set[asyncio.Task[None]] = set()

    def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried.add(task := asyncio.create_task(wire.carry(reader, writer)))
        task.add_done_callback(carried.discard)

    server = await asyncio.start_server(come, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for task in list(carried):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*carried, return_exceptions=True)
        await server.wait_closed()
