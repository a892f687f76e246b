"""The intake under load: with and without storing, on both databases, against a bare handler."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.figures import Figure, at_least, at_most
from bench.ground import MARK, body, lay
from bench.processes import BenchBroken, Server, client, free_port, serving
from bench.run import Run
from bench.wire import request

BARE, FORGETS, SQLITE, POSTGRES = "bare aiohttp", "intake that forgets", "SQLite", "PostgreSQL"


@dataclass(slots=True)
class Subject:
    """A server under load, and what each round of it gave."""

    name: str
    server: Server
    key: str
    rounds: list[dict[str, Any]] = field(default_factory=list)

    async def load(self, seconds: float) -> None:
        """Load it once; anything but 202 spoils the figure."""
        native = request("POST", "/v1/requests", self.key, body(), idempotency=MARK).decode()
        asked = {"port": self.server.port, "request": native, "seconds": seconds}
        told = await client("bench.load", asked)
        if set(told["statuses"]) != {"202"}:
            raise BenchBroken(f"{self.name} answered {told['statuses']}")
        self.rounds.append(told)

    def rates(self) -> list[float]:
        """Answers a second, round by round."""
        return [float(told["rate"]) for told in self.rounds]

    @property
    def rate(self) -> float:
        """Answers a second, the median of the rounds."""
        return median(self.rates())

    @property
    def spread(self) -> float:
        """p99 over p50, the median of the rounds."""
        return median(float(told["p99"] / told["p50"]) for told in self.rounds)


async def measure(run: Run) -> list[Figure]:
    """Load each server in turn, several times."""
    async with _subjects(run) as (bare, forgets, sqlite, postgres):
        subjects = (bare, forgets, sqlite, postgres)
        total = run.scale.rounds * len(subjects)
        with run.progress("intake", total) as step:
            for _ in range(run.scale.rounds):
                for subject in subjects:
                    await subject.load(run.scale.seconds)
                    step()
        for subject in subjects:
            busy = median(told["busy"] for told in subject.rounds)
            p50 = median(told["p50"] for told in subject.rounds) * 1000
            run.say(f"{subject.name:20} {subject.rate:7,.0f}/s, p50 {p50:.1f} ms, load busy {busy:.0%}")
        return [
            _ratio(0.5, "intake without storing / bare aiohttp", forgets, bare),
            _ratio(0.5, "durable intake on SQLite / without storing", sqlite, forgets),
            _ratio(0.75, "intake on PostgreSQL / on SQLite", postgres, sqlite),
            at_most(2.5, "intake on SQLite, p99 / p50", sqlite.spread),
            at_most(2.5, "intake on PostgreSQL, p99 / p50", postgres.spread),
        ]


def _ratio(goal: float, name: str, above: Subject, below: Subject) -> Figure:
    shares = [one / other for one, other in zip(above.rates(), below.rates(), strict=True)]
    told = f"{above.rate:,.0f}/s over {below.rate:,.0f}/s; rounds {min(shares):.2f} to {max(shares):.2f}"
    return at_least(goal, name, median(shares), told=told)


@asynccontextmanager
async def _subjects(run: Run) -> AsyncIterator[Sequence[Subject]]:
    """Start all four; those that are not under load have nothing to do."""
    with ExitStack() as stack:
        bare = free_port()
        served = stack.enter_context(serving("bench.bare", [str(bare)], bare, log=run.log("bare")))
        subjects = [Subject(BARE, served, "none")]
        for name, module, arguments, url in (
            (FORGETS, "bench.forgetting", (), run.sqlite("forgets")),
            (SQLITE, "bot", ("serve",), run.sqlite("intake")),
            (POSTGRES, "bot", ("serve",), run.postgres()),
        ):
            ground = await lay(run.fresh(name), url, free_port())
            port = ground.settings.port
            served = stack.enter_context(
                serving(module, arguments, port, ground.environment, log=run.log(name))
            )
            subjects.append(Subject(name, served, ground.agent_key))
        yield subjects
