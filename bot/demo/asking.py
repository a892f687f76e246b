"""The sample agent: it asks for real actions over HTTP, with its key, and waits for what becomes of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

WAIT = 25  # seconds of one long poll
PAUSE = 1.2  # seconds between two asks, so that one can be read before the next comes
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One ask, and what the visitor can do about it."""

    shows: str
    body: Json


SAMPLES = (
    Sample(
        "policy allows it at once",
        {
            "action": {
                "name": "db.query",
                "parameters": {"sql": "SELECT customer, count(*), sum(cents) FROM orders\nGROUP BY customer"},
            },
            "justification": "Weekly report of orders",
        },
    ),
    Sample(
        "policy denies it",
        {
            "action": {"name": "dns.delete", "parameters": {"zone": "example.com"}},
            "resource": {"type": "dns-zone", "id": "example.com"},
            "justification": "The zone looks unused",
        },
    ),
    Sample(
        "one person: Ana or Bo",
        {
            "action": {
                "name": "db.migrate",
                "parameters": {"env": "staging", "sql": "ALTER TABLE orders ADD COLUMN note TEXT", "rows": 4},
            },
            "resource": {"type": "database", "id": "shop"},
            "justification": "OPS-41: support wants to leave notes on orders",
            "summary": "Adds an empty column",
            "context": {"ticket": "OPS-41"},
        },
    ),
    Sample(
        "two people in two stages: Ana or Bo, then Cy (or Ana, if Bo was first)",
        {
            "action": {
                "name": "db.migrate",
                "parameters": {
                    "env": "prod",
                    "sql": "CREATE INDEX orders_by_customer ON orders (customer);\n"
                    "UPDATE customers SET email = lower(email);",
                    "rows": 3,
                    "dsn": "postgresql://shop:hunter2@db.internal/shop",
                },
            },
            "resource": {"type": "database", "id": "shop"},
            "on_behalf_of": "ed",
            "justification": "OPS-42: listing a customer's orders takes seconds",
            "summary": "Adds an index and tidies e-mail addresses",
            "context": {"ticket": "OPS-42"},
        },
    ),
    Sample(
        "nobody answers: reminder after 15 s, more people after 30 s, expired after 60 s",
        {
            "action": {"name": "cache.flush", "parameters": {"region": "eu"}},
            "justification": "Prices look stale in Europe",
        },
    ),
)


async def ask_everything(url: str, key: str) -> None:
    """Ask for each sample, then wait until all of them are decided."""
    headers = {"Authorization": f"Bearer {key}"}
    async with ClientSession(url, headers=headers, timeout=ClientTimeout(total=WAIT + 10)) as session:
        waiting = []
        for number, sample in enumerate(SAMPLES):
            told = {"Idempotency-Key": f"demo-{number}"}
            async with session.post("/v1/requests", json=sample.body, headers=told) as answer:
                answer.raise_for_status()
                waiting.append(asyncio.create_task(_wait(session, (await answer.json())["id"])))
            await asyncio.sleep(PAUSE)
        await asyncio.gather(*waiting)


async def _wait(session: ClientSession, request_id: str) -> str:
    """Return what was decided, as soon as it is."""
    while True:
        try:
            async with session.get(f"/v1/requests/{request_id}", params={"wait": str(WAIT)}) as answer:
                answer.raise_for_status()
                state = str((await answer.json())["state"])
        except (ClientError, TimeoutError):
            await asyncio.sleep(PAUSE)
            continue
        if state != "pending":
            return state
