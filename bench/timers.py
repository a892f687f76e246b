"""How late deadlines are noticed, a process of its own: `python -m bench.timers JSON`.

Requests with a deadline of a few seconds, at instants that have nothing to do with one another; each is
waited for by a long poll. Late is the arrival of `expired` after the `expires_at` that it names.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from datetime import datetime
from typing import Any

import uvloop

from bench.ground import HOST
from bench.wire import line, request

SOON, LATER = 1.0, 6.0  # seconds until a deadline
AT_ONCE = 50  # requests that wait at the same time


async def _late(asked: dict[str, Any], places: asyncio.Semaphore) -> float:
    async with places:
        wire = await line(HOST, asked["port"])
        action = {"name": "alarm.set", "parameters": {"region": "eu"}}
        within = f"PT{random.uniform(SOON, LATER):.3f}S"
        body = json.dumps({"action": action, "approve_within": within}).encode()
        status, made = await wire.call(request("POST", "/v1/requests", asked["agent"], body))
        assert status == 202, made
        status, found = await wire.call(request("GET", f"/v1/requests/{made['id']}?wait=30", asked["agent"]))
        arrived = time.time()
        assert found["state"] == "expired", found
        return arrived - datetime.fromisoformat(found["expires_at"]).timestamp()


async def run(asked: dict[str, Any]) -> dict[str, Any]:
    """Return how late each was, in seconds."""
    places = asyncio.Semaphore(AT_ONCE)
    return {"late": await asyncio.gather(*(_late(asked, places) for _ in range(asked["timers"])))}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(run(json.loads(sys.argv[1])))))
