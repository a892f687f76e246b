"""The cold start, beside that of an aiohttp that only says hello."""

from __future__ import annotations

from statistics import median

from bench.figures import Figure, at_most
from bench.ground import lay
from bench.processes import free_port, serving
from bench.run import Run


async def measure(run: Run) -> list[Figure]:
    """Start both in turn, several times; the first start of each only warms the disk."""
    ground = await lay(run.fresh("start"), run.sqlite("start"), free_port())
    ours, hello = list[float](), list[float]()
    with run.progress("starts", run.scale.starts + 1) as step:
        for _ in range(run.scale.starts + 1):
            port = free_port()
            with serving("bench.bare", [str(port)], port, log=run.log("hello")) as server:
                hello.append(server.ready_after)
            with serving(
                "bot", ["serve"], ground.settings.port, ground.environment, log=run.log("start")
            ) as server:
                ours.append(server.ready_after)
            step()
    shares = [one / other for one, other in zip(ours[1:], hello[1:], strict=True)]
    told = f"{median(ours[1:]):.2f} s over {median(hello[1:]):.2f} s"
    return [at_most(3.5, "cold start / aiohttp hello", median(shares), told=told)]
