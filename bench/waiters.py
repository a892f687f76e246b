"""The waiting agents and the person who decides, a process of its own: `python -m bench.waiters JSON`.

Measured is from the sending of the review to the arrival of the waiting agent's answer: the server's
work on the review, its commit and the wake-up are all in it.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from typing import Any

import uvloop

from bench.ground import HOST
from bench.wire import Line, line, request

PAUSE = 0.02  # seconds; the longest between two decisions
WAIT = 30  # seconds of one long poll


class Waiter:
    """An agent on a connection of its own, with one pending request."""

    def __init__(self, wire: Line, key: str, made: dict[str, Any]) -> None:
        self._wire = wire
        self._key = key
        self.id: str = made["id"]
        self.digest: str = made["digest"]
        self.answered_at = 0.0

    async def wait(self) -> None:
        """Poll until the request is no longer pending."""
        asked = request("GET", f"/v1/requests/{self.id}?wait={WAIT}", self._key)
        while True:
            status, found = await self._wire.call(asked)
            self.answered_at = time.perf_counter()
            assert status == 200, found
            if found["state"] != "pending":
                return


async def _ask(asked: dict[str, Any], number: int) -> Waiter:
    wire = await line(HOST, asked["port"])
    action = {"name": "cache.flush", "parameters": {"region": f"r{number}"}}
    body = json.dumps({"action": action}).encode()
    status, made = await wire.call(request("POST", "/v1/requests", asked["agent"], body))
    assert status == 202, made
    return Waiter(wire, asked["agent"], made)


async def run(asked: dict[str, Any]) -> dict[str, Any]:
    """Let all wait, decide some, return how long each of those took."""
    waiters: list[Waiter] = []
    wanted = asked["waiters"] + asked["decisions"]
    while len(waiters) < wanted:
        few = range(len(waiters), min(len(waiters) + 50, wanted))
        waiters += await asyncio.gather(*(_ask(asked, number) for number in few))
    polls = [asyncio.create_task(waiter.wait()) for waiter in waiters]
    await asyncio.sleep(2)  # until all of them wait
    person = await line(HOST, asked["port"])
    took = []
    for waiter, poll in random.sample(list(zip(waiters, polls, strict=True)), asked["decisions"]):
        verdict = json.dumps({"verdict": "approve", "digest": waiter.digest}).encode()
        began = time.perf_counter()
        status, told = await person.call(
            request("POST", f"/v1/requests/{waiter.id}/reviews", asked["person"], verdict)
        )
        assert status == 200, told
        await poll
        took.append(waiter.answered_at - began)
        await asyncio.sleep(random.uniform(0, PAUSE))
    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    return {"took": took}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(run(json.loads(sys.argv[1])))))
