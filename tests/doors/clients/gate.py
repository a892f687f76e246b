"""One call behind the unmodified SDK's gate, sync or async; what it does is a line in a file."""

import asyncio
import json
import sys
from pathlib import Path

from agentapprovalprotocol import AsyncClient, AsyncGate, Call, Client, Gate

told = json.loads(sys.argv[1])
call = Call(
    key=told.get("key", "run-1:call-1"),
    tool=told["tool"],
    arguments=told["arguments"],
    reasoning="It was asked for.",
    context={"run": {"of": "the tests"}},
)


def run(verdict):
    if verdict:
        with Path(told["effects"]).open("a") as file:
            file.write("ran\n")


def blocking():
    gate = Gate(Client(told["url"], told["token"]), timeout=told.get("timeout"))
    for _ in range(told.get("times", 1)):
        with gate.guard(call) as verdict:
            run(verdict)
    return verdict


async def awaiting():
    gate = AsyncGate(AsyncClient(told["url"], told["token"]), timeout=told.get("timeout"))
    for _ in range(told.get("times", 1)):
        async with gate.guard(call) as verdict:
            run(verdict)
    return verdict


verdict = blocking() if told["mode"] == "sync" else asyncio.run(awaiting())
said = {"verdict": type(verdict).__name__, "status": getattr(verdict, "status", None)}
sys.stdout.write(json.dumps(said | {"reason": getattr(verdict, "reason", None), "id": verdict.request_id}))
