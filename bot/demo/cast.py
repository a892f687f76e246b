"""Who plays: a sample agent, the visitor's own agent, and a sample executor in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.app import Parts
from bot.core.terms import Actor, ActorKind, PersonName, Proof, Surface
from bot.demo.ground import EXAMPLES, HOST, Ground
from bot.settings import no_egress_proxy

DEMO = Actor(ActorKind.OPERATOR, "demo", Surface.CLI, "", Proof.SHELL)
AGENT, VISITOR, EXECUTOR = "deployer", "visitor", "db-runner"
OWNER = PersonName("ed")  # who may therefore review nothing that they ask
STOP_WITHIN = 5.0  # seconds for the executor to end by itself


@dataclass(frozen=True, slots=True)
class Cast:
    """The keys of everybody who plays."""

    agent_key: str
    visitor_key: str
    executor_key: str
    webhook_secret: str


async def register(parts: Parts, ground: Ground) -> Cast:
    """Register the agents and the executor, as an operator would."""
    url = f"http://{HOST}:{ground.executor_port}/assent"
    webhook_secret, executor_key = await parts.admin.add_executor(EXECUTOR, url, DEMO)
    return Cast(
        agent_key=await parts.admin.add_agent(AGENT, OWNER, (), False, DEMO),
        visitor_key=await parts.admin.add_agent(VISITOR, OWNER, (), False, DEMO),
        executor_key=executor_key,
        webhook_secret=webhook_secret,
    )


@asynccontextmanager
async def executor_running(ground: Ground, cast: Cast) -> AsyncIterator[Process]:
    """Run the sample executor beside us; its key and secret reach it through its environment alone."""
    with ground.log("executor").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "examples.executor", "--assent", ground.url),
            *("--database", str(ground.shop), "--port", str(ground.executor_port)),
            cwd=EXAMPLES.parent,
            env=no_egress_proxy()
            | {"EXECUTOR_KEY": cast.executor_key, "EXECUTOR_SECRET": cast.webhook_secret},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; we stop it when its work is told
        )
    try:
        yield process
    finally:
        await _stop(process)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()
