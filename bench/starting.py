"""The cold start, beside that of an aiohttp that only says hello; and what each chat adds to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.figures import Figure, at_most
from bench.ground import Ground, lay
from bench.processes import free_port, serving
from bench.run import Run

NOWHERE = "http://127.0.0.1:9"  # nobody is called before the first answer
SLACK = {
    "ASSENT_SLACK_BOT_TOKEN": "xoxb-bench",
    "ASSENT_SLACK_SIGNING_SECRET": "bench",
    "ASSENT_SLACK_API_URL": f"{NOWHERE}/api/",
}
TEAMS = {
    "ASSENT_TEAMS_APP_ID": "00000000-0000-4000-8000-000000000001",
    "ASSENT_TEAMS_APP_SECRET": "bench",
    "ASSENT_TEAMS_TENANT_ID": "00000000-0000-4000-8000-000000000002",
    "ASSENT_TEAMS_OPENID_METADATA_URL": f"{NOWHERE}/openid",
    "ASSENT_TEAMS_LOGIN_URL": NOWHERE,
}
CHATS: Mapping[str, Mapping[str, str]] = {
    "no chat": {},
    "Slack": SLACK,
    "Teams": TEAMS,
    "Slack and Teams": {**SLACK, **TEAMS},
}


@dataclass(frozen=True, slots=True)
class Started:
    """How long a start took, in seconds, and what was resident then, in MB of 2²⁰ bytes."""

    took: float
    memory: float


async def measure(run: Run) -> list[Figure]:
    """Start them in turn, several times; the first start of each only warms the disk."""
    ground = await lay(run.fresh("start"), run.sqlite("start"), free_port())
    hello = list[float]()
    starts: dict[str, list[Started]] = {chat: [] for chat in CHATS}
    with run.progress("starts", run.scale.starts + 1) as step:
        for _ in range(run.scale.starts + 1):
            port = free_port()
            with serving("bench.bare", [str(port)], port, log=run.log("hello")) as server:
                hello.append(server.ready_after)
            for chat, own in CHATS.items():
                starts[chat].append(_started(run, ground, own))
            step()
    return _figures(hello[1:], {chat: found[1:] for chat, found in starts.items()})


def _started(run: Run, ground: Ground, own: Mapping[str, str]) -> Started:
    environment = {**ground.environment, **own}
    with serving("bot", ["serve"], ground.settings.port, environment, log=run.log("start")) as server:
        return Started(server.ready_after, server.memory)


def _figures(hello: Sequence[float], starts: Mapping[str, Sequence[Started]]) -> list[Figure]:
    alone = [one.took for one in starts["no chat"]]
    shares = [one / other for one, other in zip(alone, hello, strict=True)]
    told = f"{median(alone):.2f} s over {median(hello):.2f} s"
    figures = [at_most(3.5, "cold start / aiohttp hello", median(shares), told=told)]
    for chat, found in starts.items():
        took, memory = median(one.took for one in found), median(one.memory for one in found)
        figures.append(at_most(3, f"start with {chat}", took, " s"))
        figures.append(at_most(200, f"memory after a start with {chat}", memory, " MB"))
    return figures
