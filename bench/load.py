"""The load generator, a process of its own: `python -m bench.load JSON`.

32 connections, each of which asks as soon as it is answered.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import uvloop

from bench.figures import percentile
from bench.ground import HOST, MARK, numbers
from bench.wire import whole

CONNECTIONS = 32
WARM = 0.7  # seconds that count for nothing


class Load:
    """What all connections share: when it ends, and what was seen."""

    def __init__(self, asked: str, seconds: float) -> None:
        # Sixteen digits, and a run never repeats those of an earlier one on the same server.
        self._marks: Iterator[bytes] = numbers(time.time_ns() // 10**4 % 10**15)
        self._parts = asked.encode().split(MARK.encode())
        self.clock = time.perf_counter
        self.counts_from = self.clock() + WARM
        self.ends_at = self.counts_from + seconds
        self.took: list[float] = []
        self.statuses: Counter[int] = Counter()

    def next(self) -> bytes:
        """Return a request like no other."""
        return next(self._marks).join(self._parts)


class Asking(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, load: Load, done: asyncio.Future[None]) -> None:
        self._load = load
        self._done = done
        self._held = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        self._sent_at = self._load.clock()
        self._transport.write(self._load.next())

    def data_received(self, data: bytes) -> None:
        """Note an answer and ask again."""
        held = self._held + data if self._held else data
        found = whole(held)
        if found is None:
            self._held = held
            return
        self._held = b""
        now = self._load.clock()
        self._load.statuses[found[0]] += 1
        if self._sent_at >= self._load.counts_from:
            self._load.took.append(now - self._sent_at)
        if now < self._load.ends_at:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        """End."""
        if not self._done.done():
            self._done.set_result(None)


async def run(asked: dict[str, Any]) -> dict[str, Any]:
    """Make load for so many seconds; return rate, latencies and statuses."""
    loop = asyncio.get_running_loop()
    load = Load(asked["request"], asked["seconds"])
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in range(CONNECTIONS)]
    for end in ends:
        await loop.create_connection(lambda end=end: Asking(load, end), HOST, asked["port"])  # type: ignore[misc]
    await asyncio.wait_for(asyncio.gather(*ends), asked["seconds"] + 30)
    spent = load.clock() - load.counts_from
    return {
        "rate": len(load.took) / spent,
        "p50": percentile(load.took, 0.5),
        "p99": percentile(load.took, 0.99),
        "statuses": dict(load.statuses),
        "busy": time.process_time() / (spent + WARM),
    }


if __name__ == "__main__":
    gc.freeze()
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(run(json.loads(sys.argv[1])))))
