"""The doors: what each adds to our own intake of the same ask, and how soon real SDK clients hear a decision.

Time a request is the server's processor time under full load, so other work on the machine counts little.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench import hearing
from bench.figures import Figure, at_most
from bench.ground import ACTION, HOST, MARK, Ground, body, bundle, lay
from bench.processes import BenchBroken, Server, client, free_port, serving
from bench.run import Run
from bench.wire import line, request

ADDED_MAX = 1.2  # a door's time a request over our own
Body = dict[str, Any]
TOOL = f"""\
  claude.{ACTION}:
    title: Run a database migration
    params:
      env: {{type: enum, values: [dev, staging, prod]}}
      sql: {{type: text, render: code, max: 20000}}
      rows: {{type: int, min: 0}}
  {hearing.ACTION}: {{title: Take a note, params: {{text: {{type: text}}}}}}
"""
RULES = f"""\
  - {{id: own, match: {{action: [claude.{ACTION}, {hearing.ACTION}]}}, effect: require_approval,
     stages: [{{name: dba, approvers: [group:dba]}}], show: [{{web: inbox}}]}}
"""


@dataclass(slots=True)
class Door:
    """An ask through a door, and the very same ask through our own."""

    name: str
    path: str
    sent: Body
    same: Body
    answers: int  # its status
    headers: Mapping[str, str] = field(default_factory=dict)
    shares: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)  # microseconds a request


def policy() -> str:
    """Return the bench's policy with actions that the agent runs itself; one is a tool of Claude Code."""
    executor = "    executor: db-runner\n    reversibility: externally_reversible\n"
    own = bundle().replace(executor, "    reversibility: externally_reversible\n", 1)
    return own.replace("  cache.flush:\n", f"{TOOL}  cache.flush:\n", 1) + RULES


def doors() -> list[Door]:
    """Return each door with its ask, of about 1.9 KB."""
    asked = json.loads(body())
    action, context = asked["action"], asked["context"]
    name, parameters = action["name"], action["parameters"]
    why = asked["justification"]
    call = {"session": "s-1", "directory": "/srv/shop", "call": f"toolu_{MARK}"}
    return [
        Door(
            "AAP",
            "/api/aap/v1/requests",
            {
                "tool": name,
                "arguments": parameters,
                "server": "orders",
                "timeout": "10m",
                "agent_reasoning": why,
                "context": context,
            },
            {
                "action": action,
                "resource": {"type": "server", "id": "orders"},
                "justification": why,
                "context": {**context, "aap": {"timeout": "10m"}},
                "approve_within": "PT10M",
            },
            201,
        ),
        Door(
            "HumanLayer",
            "/humanlayer/v1/function_calls",
            {"run_id": "r-1", "call_id": f"c-{MARK}", "spec": {"fn": name, "kwargs": parameters}},
            {"action": action, "context": {"humanlayer": "r-1"}},
            200,
        ),
        Door(
            "Claude Code's hook",
            "/v1/hooks/claude-code?wait=0",
            {
                "hook_event_name": "PreToolUse",
                "session_id": "s-1",
                "cwd": "/srv/shop",
                "tool_use_id": f"toolu_{MARK}",
                "tool_name": name,
                "tool_input": parameters,
            },
            {"action": {"name": f"claude.{name}", "parameters": parameters}, "context": call},
            200,
            {"X-Claude-Entrypoint": "sdk-cli"},
        ),
        Door(
            "MCP",
            "/mcp",
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {
                    "name": "request_approval",
                    "arguments": {**asked, "action": name, "parameters": parameters, "idempotency_key": MARK},
                },
            },
            asked,
            200,
            {"MCP-Protocol-Version": "2025-11-25", "Accept": "application/json, text/event-stream"},
        ),
    ]


async def measure(run: Run) -> list[Figure]:
    """Load each door and our own in turn, several times; then let SDK clients wait."""
    ground = await lay(run.fresh("doors"), run.sqlite("doors"), free_port(), policy())
    figures = []
    port, log = ground.settings.port, run.log("doors")
    with serving("bot", ["serve"], port, ground.environment, log=log) as server:
        every = doors()
        for door in every:
            await _tried(ground, door)
        with run.progress("doors", run.scale.rounds * len(every)) as step:
            for _ in range(run.scale.rounds):
                for door in every:
                    native = _request(ground, "/v1/requests", door.same, {})
                    through = _request(ground, door.path, door.sent, door.headers)
                    ours = await _cost(server, native, 202, run.scale.seconds)
                    door.costs.append(await _cost(server, through, door.answers, run.scale.seconds))
                    door.shares.append(door.costs[-1] / ours)
                    step()
        figures += [_figure(door) for door in every]
        figures += await hearing.measure(run, ground)
    return figures


def _figure(door: Door) -> Figure:
    told = f"{median(door.costs):,.0f} µs; rounds {min(door.shares):.2f} to {max(door.shares):.2f}"
    name = f"time of an ask through {door.name} / through our own"
    return at_most(ADDED_MAX, name, median(door.shares), told=told)


def _request(ground: Ground, path: str, sent: Body, headers: Mapping[str, str]) -> str:
    written = json.dumps(sent)
    # The same mark wherever an ask is told from another one.
    asked = request("POST", path, ground.agent_key, written.encode(), idempotency=MARK).decode()
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return asked.replace("\r\n", f"\r\n{more}", 1)


async def _cost(server: Server, asked: str, status: int, seconds: float) -> float:
    """Return the processor time that the server spent on each request, in microseconds."""
    before = server.processor_time
    told = await client("bench.load", {"port": server.port, "request": asked, "seconds": seconds})
    if set(told["statuses"]) != {str(status)}:
        raise BenchBroken(f"{asked.splitlines()[0]} was answered with {told['statuses']}")
    return 1e6 * (server.processor_time - before) / float(told["statuses"][str(status)])


async def _tried(ground: Ground, door: Door) -> None:
    """Ask once: an answer with a good status may still be a refusal."""
    wire = await line(HOST, ground.settings.port)
    status, told = await wire.call(_request(ground, door.path, door.sent, door.headers).encode())
    found = await wire.call(request("GET", "/v1/requests?limit=1", ground.agent_key))
    newest = found[1]["requests"][:1]
    if status != door.answers or not newest or newest[0]["state"] != "pending":
        raise BenchBroken(f"{door.name} answered {status}: {told}")
