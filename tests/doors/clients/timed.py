"""A client that asks, waits for the decision, and says when its call returned, again and again."""

import asyncio
import json
import sys
import time
import uuid

told = json.loads(sys.argv[1])


def say(words):
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def gate():
    from agentapprovalprotocol import Call, Client, Gate

    own = Gate(Client(f"{told['url']}/api/aap", told["token"]), report_outcomes=False)
    for _ in range(told["times"]):
        say("asking")
        call = Call(key=uuid.uuid4().hex, tool=told["action"], arguments=told["parameters"])
        verdict = own.check(call, can_pause=False)
        say(time.monotonic())
        assert verdict, verdict


async def async_gate():
    from agentapprovalprotocol import AsyncClient, AsyncGate, Call

    own = AsyncGate(AsyncClient(f"{told['url']}/api/aap", told["token"]), report_outcomes=False)
    for _ in range(told["times"]):
        say("asking")
        call = Call(key=uuid.uuid4().hex, tool=told["action"], arguments=told["parameters"])
        verdict = await own.check(call, can_pause=False)
        say(time.monotonic())
        assert verdict, verdict


async def mcp():
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {told['token']}"}, timeout=60)
    async with Client(streamable_http_client(f"{told['url']}/mcp", http_client=http)) as client:
        await client.list_tools()
        for _ in range(told["times"]):
            say("asking")
            ask = {"action": told["action"], "parameters": told["parameters"]}
            asked = await client.call_tool("request_approval", ask)
            wait = {"id": asked.structured_content["id"], "wait_seconds": 30}
            decided = await client.call_tool("wait_for_decision", wait)
            say(time.monotonic())
            assert decided.structured_content["state"] == "approved", decided


KINDS = {"gate": gate, "async-gate": lambda: asyncio.run(async_gate()), "mcp": lambda: asyncio.run(mcp())}
KINDS[told["kind"]]()
