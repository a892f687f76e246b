"""A PostgreSQL of a test's own, which it may kill."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures import postgres_keeper
from tests.fixtures.postgres import Postgres

STARTS_WITHIN = 60.0  # seconds; it replays its journal first


@dataclass
class Mortal:
    """A server that dies and comes back with what its disk holds."""

    base: Path
    binaries: Path
    process: subprocess.Popen[bytes]
    listen: str  # an address of loopback; empty for none but the socket

    @classmethod
    async def started(cls, base: Path, binaries: Path, listen: str) -> Mortal:
        """Make an empty cluster and start it."""
        reachable = await asyncio.to_thread(postgres_keeper.prepare, base, binaries)
        mortal = cls(base, reachable, postgres_keeper.serve(base, reachable, "on", listen), listen)
        await mortal._ready()
        return mortal

    @property
    def postgres(self) -> Postgres:
        """The server as other tests know it."""
        return Postgres(self.base, self.binaries)

    async def die(self, number: signal.Signals) -> None:
        """Kill it, or have it stop without a farewell (SIGQUIT); bring it back."""
        self.process.send_signal(number)
        await asyncio.to_thread(self.process.wait)
        self.process = postgres_keeper.serve(self.base, self.binaries, "on", self.listen)
        await self._ready()

    async def _ready(self) -> None:
        async with asyncio.timeout(STARTS_WITHIN):
            while not postgres_keeper.is_ready(self.base, self.process):
                if self.process.poll() is not None:  # processes of the dead one still hold its memory
                    self.process = postgres_keeper.serve(self.base, self.binaries, "on", self.listen)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def a_mortal_postgres(binaries: Path, listen: str = "") -> AsyncIterator[Mortal]:
    """Have a server for a test; it may `listen` at an address of loopback, too."""
    # Under /tmp, because a unix socket's path is short; readable, because PostgreSQL runs as nobody.
    base = Path(tempfile.mkdtemp(prefix="assent-mortal-", dir="/tmp"))
    base.chmod(0o755)  # noqa: ASYNC240  # a moment, in a test
    mortal = None
    try:
        mortal = await Mortal.started(base, binaries, listen)
        yield mortal
    finally:
        if mortal is not None:
            mortal.process.send_signal(signal.SIGINT)
            await asyncio.to_thread(mortal.process.wait)
        shutil.rmtree(base, ignore_errors=True)
