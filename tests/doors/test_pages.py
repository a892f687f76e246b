"""Each page of docs/doors is followed to the letter: policy, commands, program, to the first approval."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.doors.ground import DIRECTORY, EXAMPLES, Ground, a_ground, start
from tests.doors.test_mcp_gate import TIME
from tests.doors.test_mcp_sdk import SDK
from tests.doors.venvs import python_with

PAGES = Path(__file__).parents[2] / "docs" / "doors"
TOP = PAGES.parents[1]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    """Return what a page shows of one kind."""
    found = BLOCK.findall((PAGES / page).read_text("utf-8"))
    return [dedent(body) for _, named, body in found if named == kind]


async def _run(*words: str | Path, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=TOP,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, problems = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, problems.decode()
    return out.decode()


async def _bot(line: str, ground: Ground, folder: Path) -> str:
    """Run one `python -m bot …` line of a page beside the server; return what it prints."""
    program, *words = line.split()
    assert (program, words[:2]) == ("python", ["-m", "bot"])
    settings = ground.running.parts.settings
    return await _run(
        *(sys.executable, *words),
        ASSENT_DATABASE_URL=settings.database_url,
        ASSENT_POLICY=str(folder / "policy"),
        ASSENT_KEYS=str(folder / "keys"),
        ASSENT_PUBLIC_URL=ground.url,
    )


def _policy(page: str) -> str:
    """Return the page's policy; where it leaves the defaults alone they are the bundle's own."""
    return "\n".join(blocks(page, "yaml"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("page", "package", "prints"),
    [
        ("aap.md", "agentapprovalprotocol==0.3.3", "sent"),
        ("humanlayer.md", "humanlayer==0.7.9", "sent to zoe@example.com"),
    ],
)
async def test_a_page_leads_to_the_first_approval(
    sqlite_url: str, tmp_path: Path, free_port: int, page: str, package: str, prints: str
) -> None:
    async with a_ground(sqlite_url, tmp_path, free_port, _policy(page)) as ground:
        lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
        key = ""
        for line in (line for line in lines if line.startswith("python -m bot")):
            said = await _bot(line, ground, tmp_path)
            key = key or said.splitlines()[-1]
        [program] = blocks(page, "python")
        exports = "\n".join(line for line in lines if line.startswith("export "))
        started = f'{exports}\nexec {python_with(package)} -c "$PROGRAM"'
        running = asyncio.create_task(
            _run("sh", "-c", started, ASSENT_URL=ground.url, ASSENT_KEY=key, PROGRAM=program)
        )
        await ground.decide("approve")
        assert (await running).splitlines()[-1] == prints


async def test_the_page_of_claude_code_prints_settings_that_fail_closed(
    sqlite_url: str, tmp_path: Path, free_port: int
) -> None:
    policy = _policy("claude-code.md")
    async with a_ground(sqlite_url, tmp_path, free_port, policy) as ground:
        copy, add = (block.strip() for block in blocks("claude-code.md", "sh"))
        assert EXAMPLES / "claude-code.yaml" in TOP.glob(copy.split()[1])
        said = await _bot(add, ground, tmp_path)
        *settings, key = said.splitlines()
        hooks = [
            hook
            for event in json.loads("\n".join(settings))["hooks"].values()
            for one in event
            for hook in one["hooks"]
        ]
        assert [hook["onFailure"] for hook in hooks] == ["block"] * 4
        assert all(hook["url"].startswith(f"{ground.url}/v1/hooks/claude-code") for hook in hooks)
        assert key not in "\n".join(settings)
        headers = {
            name: value.replace("$ASSENT_KEY", key).replace("$CLAUDE_CODE_ENTRYPOINT", "cli")
            for name, value in hooks[0]["headers"].items()
        }
        call = {
            "hook_event_name": "PreToolUse",
            "session_id": "s",
            "cwd": "/srv",
            "tool_name": "Bash",
            "tool_use_id": "t",
            "tool_input": {"command": "ls"},
        }

        async def ask() -> str:
            async with ground.http.post(hooks[0]["url"], json=call, headers=headers) as response:
                decided = (await response.json())["hookSpecificOutput"]
                return str(decided["permissionDecision"])

        asked = asyncio.create_task(ask())
        await ground.decide("approve")
        assert await asked == "allow"


async def test_the_cases_of_claude_codes_catalog_hold_beside_the_pages_policy(tmp_path: Path) -> None:
    for file in EXAMPLES.glob("*.yaml"):
        shutil.copy(file, tmp_path)
    (tmp_path / "bundle.yaml").write_text(_policy("claude-code.md"), "utf-8")
    (tmp_path / "directory.yaml").write_text(DIRECTORY, "utf-8")
    said = await _run(sys.executable, "-m", "bot", "policy", "test", tmp_path)
    assert "4 of 4 cases hold" in said


def _programs(folder: Path) -> str:
    """Make `assent` and `uvx mcp-server-time` what the page takes them for; return the search path."""
    server = python_with(TIME)
    for name, runs in {
        "assent": f'PYTHONPATH="{TOP}/client" exec {sys.executable} -m assent "$@"',
        "uvx": f'[ "$1" = mcp-server-time ] && exec {server} -m mcp_server_time --local-timezone UTC',
    }.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{runs}\n")
        program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.timeout(600)
async def test_the_page_of_mcp_leads_to_the_first_approval_of_a_gated_tool_and_of_an_ask(
    sqlite_url: str, tmp_path: Path, free_port: int
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "policy").mkdir()
    path = _programs(tmp_path / "bin")
    print_catalog, add, _ = blocks("mcp.md", "sh")
    gated, mails = blocks("mcp.md", "yaml")
    await _run("sh", "-c", f"cd {tmp_path} && {print_catalog}", PATH=path)
    (tmp_path / "policy" / "mails.yaml").write_text(mails, "utf-8")
    async with a_ground(sqlite_url, tmp_path, free_port, gated) as ground:
        key = (await _bot(add.strip(), ground, tmp_path)).splitlines()[-1]
        [settings] = [block for block in blocks("mcp.md", "json") if "mcp-gate" in block]
        gate = json.loads(settings)["mcpServers"]["time"]
        environment = gate["env"] | {"ASSENT_URL": ground.url, "ASSENT_KEY": key, "PATH": path}
        told = {"command": [gate["command"], *gate["args"]], "environment": environment}
        call = ["get_current_time", {"timezone": "Europe/Paris"}]
        host = await start(python_with(SDK), "mcp_agent.py", **told, calls=[call])
        await ground.decide("approve")
        [answer] = (await host.said())["answers"]
        assert (answer["error"], "Europe/Paris" in answer["text"]) == (False, True)
        [program] = blocks("mcp.md", "python")
        asking = asyncio.create_task(
            _run(python_with(SDK), "-c", program, ASSENT_URL=ground.url, ASSENT_KEY=key)
        )
        await ground.decide("approve")
        assert (await asking).splitlines()[-1] == "approved"
