"""From a decision to the agent that waits for it, among a thousand that wait."""

from __future__ import annotations

from bench.figures import Figure, at_most, percentile
from bench.ground import lay
from bench.processes import client, free_port, serving
from bench.run import Run


async def measure(run: Run) -> list[Figure]:
    """Measure on both databases."""
    figures: list[Figure] = []
    for name, url in (("SQLite", run.sqlite("waiting")), ("PostgreSQL", run.postgres())):
        ground = await lay(run.fresh("waiting"), url, free_port())
        run.say(f"waiting on {name}: {run.scale.waiters} agents …")
        with serving(
            "bot", ["serve"], ground.settings.port, ground.environment, log=run.log(f"waiting-{name}")
        ):
            told = await client(
                "bench.waiters",
                {
                    "port": ground.settings.port,
                    "agent": ground.agent_key,
                    "person": ground.person_token,
                    "waiters": run.scale.waiters,
                    "decisions": run.scale.decisions,
                },
            )
        took = [1000 * seconds for seconds in told["took"]]
        among = f"decision to waiting agent, {run.scale.waiters} wait, {name}"
        figures += [
            at_most(10, f"{among}, median", percentile(took, 0.5), " ms"),
            at_most(50, f"{among}, p99", percentile(took, 0.99), " ms"),
        ]
    return figures
