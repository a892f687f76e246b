"""The gate between the protocol's own SDK and servers of other people, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.doors.ground import Client, Ground, a_ground, start
from tests.doors.test_mcp_sdk import SDK
from tests.doors.venvs import npm_package, python_with

ROOT = Path(__file__).parents[2]
TIME = "mcp-server-time==2026.10.19"
FILES = ("@modelcontextprotocol/server-filesystem", "2026.8.31")
EVERYTHING = ("@modelcontextprotocol/server-everything", "2026.8.31")
POLICY = """\
defaults: {unknown_action: deny, approve_within: PT30M, execute_within: PT5M}
actions:
  mcp.time.get_current_time: {title: Tell the time, params: {timezone: {type: text}}}
  mcp.files.write_file: {title: Write a file, params: {path: {type: text}, content: {type: text}}}
  mcp.files.list_directory: {title: List a folder, params: {path: {type: text}}}
  mcp.far.echo: {title: Say it again, params: {message: {type: text}}}
groups:
  ops: {members: [ana, bo]}
rules:
  - {id: looks, match: {action: mcp.files.list_directory}, effect: allow}
  - id: people
    match: {action: [mcp.time.*, mcp.files.write_file, mcp.far.*]}
    effect: require_approval
    stages: [{name: ops, approvers: [group:ops]}]
"""


@pytest.fixture
def spare_port() -> int:
    """A port on loopback besides the bot's."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def ground(sqlite_url: str, tmp_path: Path, free_port: int) -> AsyncIterator[Ground]:
    """A bot whose catalog knows these servers' tools."""
    async with a_ground(sqlite_url, tmp_path, free_port, POLICY) as made:
        yield made


async def _host(ground: Ground, name: str, server: list[str | Path], *calls: list[Any], mode: str) -> Client:
    """Start the SDK, which starts the gate, which starts or calls the server."""
    gate = [sys.executable, "-m", "assent", "mcp-gate", "--name", name, *map(str, server)]
    own = {"ASSENT_URL": ground.url, "ASSENT_KEY": ground.agent, "PYTHONPATH": str(ROOT / "client")}
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **own}
    told = {"command": gate, "environment": environment, "calls": calls, "mode": mode}
    return await start(python_with(SDK), "mcp_agent.py", **told)


@pytest.mark.parametrize("mode", ["auto", pytest.param("legacy", marks=pytest.mark.doors)])
async def test_a_server_from_the_package_index_runs_an_approved_tool_and_no_denied_one(
    ground: Ground, mode: str
) -> None:
    server: list[str | Path] = ["--", python_with(TIME), "-m", "mcp_server_time", "--local-timezone", "UTC"]
    call = ["get_current_time", {"timezone": "Europe/Paris"}]
    host = await _host(ground, "time", server, call, call, ["convert_time", {}], mode=mode)
    [request] = await ground.waiting()
    assert request["action"]["parameters"] == {"timezone": "Europe/Paris"}
    await ground.decide("approve")
    await ground.decide("deny", "It is late.")
    said = await host.said()
    assert said["tools"] == ["get_current_time", "convert_time"]
    ran, denied, unknown = said["answers"]
    assert (ran["error"], "Europe/Paris" in ran["text"]) == (False, True)
    assert (denied["error"], "It is late." in denied["text"]) == (True, True)
    assert (unknown["error"], "catalog" in unknown["text"]) == (True, True)
    states = [request["state"] for request in await ground.mine()]
    assert states == ["denied", "denied", "succeeded"]


@pytest.mark.doors
async def test_a_server_from_npm_writes_what_was_approved_and_nothing_else(
    ground: Ground, tmp_path: Path
) -> None:
    box = tmp_path / "box"
    box.mkdir()
    server: list[str | Path] = ["--", "node", npm_package(*FILES) / "dist" / "index.js", box]
    host = await _host(
        ground,
        "files",
        server,
        ["write_file", {"path": str(box / "one"), "content": "approved"}],
        ["write_file", {"path": str(box / "two"), "content": "denied"}],
        ["list_directory", {"path": str(box)}],
        mode="auto",
    )
    await ground.decide("approve")
    await ground.decide("deny")
    listed = (await host.said())["answers"][2]
    assert ("one" in listed["text"], "two" in listed["text"]) == (True, False)
    assert (box / "one").read_text() == "approved"


@asynccontextmanager
async def _far(port: int) -> AsyncIterator[str]:
    """Have a server from npm on a port; yield its address."""
    process = await asyncio.create_subprocess_exec(
        *("node", npm_package(*EVERYTHING) / "dist" / "index.js", "streamableHttp"),
        env=os.environ | {"PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while b"listening" not in await process.stderr.readline():
                pass
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        await process.communicate()


async def test_a_remote_server_is_called_once_when_it_is_approved(ground: Ground, spare_port: int) -> None:
    async with _far(spare_port) as url:
        call = ["echo", {"message": "hello"}]
        host = await _host(ground, "far", ["--server-url", url], call, call, mode="auto")
        await ground.decide("approve")
        await ground.decide("deny", "Once is enough.")
        said = await host.said()
        assert "echo" in said["tools"]
        assert [answer["error"] for answer in said["answers"]] == [False, True]
        assert "hello" in said["answers"][0]["text"]
        assert "Once is enough." in said["answers"][1]["text"]
    assert [request["state"] for request in await ground.mine()] == ["denied", "succeeded"]
