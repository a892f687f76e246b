"""A hundred thousand pending: the sweep, many deadlines at one instant, memory, start, timers, the log."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from bench import filling
from bench.figures import Figure, at_least, at_most, percentile
from bench.ground import Ground, lay
from bench.processes import Server, client, free_port, serving
from bench.run import Run
from bench.wire import line, request
from bot.app.parts import parts

SWEEPS = 200
ENTRIES_A_SECOND = 50_000
SETTLED_WITHIN = 300.0  # seconds, after which we give up
LEAD = 20.0  # seconds from the start of the server to the instant at which many are due


async def measure(run: Run) -> list[Figure]:
    """Measure on both databases; the sizes that are compared lie side by side."""
    figures: list[Figure] = []
    for name, many, few in (
        ("SQLite", run.sqlite("many"), run.sqlite("few")),
        ("PostgreSQL", run.postgres(), run.postgres()),
    ):
        figures += await Crowd(run, name).measure(many, few)
    return figures


@dataclass(frozen=True, slots=True)
class Crowd:
    """The figures of one database."""

    run: Run
    name: str

    async def measure(self, many: str, few: str) -> list[Figure]:
        """Fill a large and a small database and look at both."""
        scale = self.run.scale
        small = await self._filled(few, scale.few)
        large = await self._filled(many, scale.pending)
        figures = [await self._sweep(large)]
        figures += await self._timers(small, large)
        figures += await self._settle(large)
        return [*figures, await self._verify(large)]

    async def _filled(self, url: str, count: int) -> Ground:
        ground = await lay(self.run.fresh("pending"), url, free_port())
        with self.run.progress(f"{count:,} pending on {self.name}", count) as step:
            await filling.fill(ground, count, step)
        return ground

    def _named(self, what: str) -> str:
        return f"{what}, {self.name}"

    async def _sweep(self, ground: Ground) -> Figure:
        """Time sweeps that find nothing due."""
        took = []
        async with parts(ground.settings) as made:
            for _ in range(SWEEPS):
                began = time.perf_counter()
                assert await made.sweeping.sweep() == 0
                took.append(1000 * (time.perf_counter() - began))
        pending = f"{self.run.scale.pending:,} pending"
        told = f"p99 {percentile(took, 0.99):.1f} ms"
        return at_most(
            5, self._named(f"{pending}: a sweep that finds nothing due"), median(took), " ms", told
        )

    async def _timers(self, small: Ground, large: Ground) -> list[Figure]:
        """Compare how late deadlines are noticed beside few and beside many that are pending."""
        late = {}
        for ground in (small, large):
            with self._serving(ground) as server:
                asked = {"port": server.port, "agent": ground.agent_key, "timers": self.run.scale.timers}
                measured = await client("bench.timers", asked)
                late[ground.settings.port] = [1000 * seconds for seconds in measured["late"]]
        beside_few, beside_many = late[small.settings.port], late[large.settings.port]
        p99 = percentile(beside_many, 0.99)
        scale = self.run.scale
        told = f"median {median(beside_many):.1f} ms, earliest {min(beside_many):.1f} ms"
        ratio = p99 / percentile(beside_few, 0.99)
        return [
            at_most(20, self._named(f"{scale.pending:,} pending: timer lag, p99"), p99, " ms", told),
            at_most(1.5, self._named(f"timer lag p99, {scale.pending:,} / {scale.few:,} pending"), ratio),
        ]

    async def _settle(self, ground: Ground) -> list[Figure]:
        """Start a server on all that is pending, let many be due at one instant, watch its memory."""
        scale = self.run.scale
        at = filling.now() + timedelta(seconds=LEAD + scale.due / 1000)
        async with parts(ground.settings, filling.Fixed(at - filling.BATCH_WITHIN)) as made:
            await filling.ask(made, ground, filling.BATCH, scale.due, lambda _done: None)
        with self._serving(ground) as server:
            await _look_around(server, ground)
            before = await _pending(server)
            assert filling.now() < at, "the server took too long to start; give it more lead"
            took = await _until_settled(server, before - scale.due, at)
            peak = server.memory_peak
            started = server.ready_after
        pending = f"{scale.pending:,} pending"
        return [
            at_most(20, self._named(f"{pending}: {scale.due:,} due at one instant, settled in"), took, " s"),
            at_most(200, self._named(f"{pending}: most memory the server had"), peak, " MB"),
            at_most(3, self._named(f"{pending}: start"), started, " s"),
        ]

    async def _verify(self, ground: Ground) -> Figure:
        """Time a walk over the whole log, in a process that does nothing else."""
        async with parts(ground.settings) as made:
            began = time.perf_counter()
            size = (await made.auditing.verify()).size
            rate = size / (time.perf_counter() - began)
        told = f"{size:,} entries"
        return at_least(ENTRIES_A_SECOND, self._named("verifying the log"), rate, " entries/s", told)

    def _serving(self, ground: Ground) -> AbstractContextManager[Server]:
        return serving(
            "bot",
            ["serve"],
            ground.settings.port,
            ground.environment,
            ready="/readyz",
            log=self.run.log("pending"),
        )


async def _look_around(server: Server, ground: Ground) -> None:
    """Do what people do meanwhile: an inbox, a list, the metrics."""
    wire = await line("127.0.0.1", server.port)
    for path, key in (("/v1/inbox", ground.person_token), ("/v1/requests", ground.agent_key)):
        status, _ = await wire.call(request("GET", path, key))
        assert status == 200


async def _pending(server: Server) -> int:
    """Ask the server how many are pending."""
    wire = await line("127.0.0.1", server.port)
    text = await wire.text(request("GET", "/metrics", "none"))
    told = next(row for row in text.splitlines() if row.startswith('assent_reading{name="pending"}'))
    return int(float(told.split()[-1]))


async def _until_settled(server: Server, left: int, at: datetime) -> float:
    """Return how long after the instant no more than `left` were pending."""
    give_up_at = at + timedelta(seconds=SETTLED_WITHIN)
    while filling.now() < give_up_at:
        if await _pending(server) <= left:
            return (filling.now() - at).total_seconds()
        await asyncio.sleep(0.1)
    return SETTLED_WITHIN
