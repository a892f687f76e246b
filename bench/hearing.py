"""From a decision to the return of a real SDK's call, each SDK in an environment of its own.

Measured is from the sending of the review to the moment the client's own code goes on: our work, the wake-up,
and everything the SDK does before it returns, for instance the redemption. Both processes read one clock.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from bench.figures import Figure, at_most, percentile
from bench.ground import HOST, Ground
from bench.processes import BenchBroken, environment
from bench.run import Run
from bench.wire import Line, line, request
from tests.doors.venvs import python_with

PROGRAM = Path(__file__).parent.parent / "tests" / "doors" / "clients" / "timed.py"
AAP, MCP = "agentapprovalprotocol==0.3.3", "mcp==2.3.0"
CLIENTS = {  # those that sleep between two looks have no figure here: HumanLayer's SDK sleeps three seconds
    "AAP's Gate": (AAP, "gate"),
    "AAP's AsyncGate": (AAP, "async-gate"),
    "MCP's Client": (MCP, "mcp"),
}
ACTION = "note.add"
SOON = 50  # milliseconds
SETTLED = 0.15  # seconds until a client that has asked waits


async def measure(run: Run, ground: Ground) -> list[Figure]:
    """Return the median of each client."""
    figures = []
    for name, (requirement, kind) in CLIENTS.items():
        run.say(f"decisions to {name} …")
        try:
            python = python_with(requirement)
        except pytest.skip.Exception as none:
            raise BenchBroken(str(none)) from None
        took = [1000 * one for one in await _heard(ground, python, kind, run.scale.decisions // 3)]
        told = f"p99 {percentile(took, 0.99):.0f} ms of {len(took)}"
        figures.append(
            at_most(SOON, f"decision to the return of {name}, median", percentile(took, 0.5), " ms", told)
        )
    return figures


async def _heard(ground: Ground, python: Path, kind: str, times: int) -> list[float]:
    port = ground.settings.port
    asked = {"url": f"http://{HOST}:{port}", "token": ground.agent_key, "kind": kind, "times": times}
    process = await asyncio.create_subprocess_exec(
        *(python, PROGRAM, json.dumps({**asked, "action": ACTION, "parameters": {"text": "hello"}})),
        env=environment({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    person, took = await line(HOST, port), []
    for _ in range(times):
        if await process.stdout.readline() != b"asking\n":
            raise BenchBroken((await process.stderr.read()).decode()[-2000:])
        about = await _asked(person, ground)
        await asyncio.sleep(SETTLED + random.uniform(0, SETTLED))
        sent_at = await _approve(person, ground, about)
        took.append(float(await process.stdout.readline()) - sent_at)
    await process.communicate()
    return took


async def _asked(wire: Line, ground: Ground) -> Any:
    """Return what the client has just asked for; nothing else is asked meanwhile."""
    while True:
        _, found = await wire.call(request("GET", "/v1/requests?state=pending&limit=1", ground.agent_key))
        newest = found["requests"][:1]
        if newest and newest[0]["action"]["name"] == ACTION:
            return newest[0]
        await asyncio.sleep(0.01)


async def _approve(wire: Line, ground: Ground, about: Any) -> float:
    """Approve; return when the review was sent."""
    verdict = json.dumps({"verdict": "approve", "digest": about["digest"]}).encode()
    sent_at = time.monotonic()
    path = f"/v1/requests/{about['id']}/reviews"
    status, told = await wire.call(request("POST", path, ground.person_token, verdict))
    if status != 200 or told["state"] == "pending":
        raise BenchBroken(f"a review was answered with {status}: {told}")
    return sent_at
