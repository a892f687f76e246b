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

from tests.doors.ground import DIRECTORY, EXAMPLES, Ground, a_ground
from tests.doors.venvs import python_with

PAGES = Path(__file__).parents[2] / "docs" / "doors"
TOP = PAGES.parents[1]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def _blocks(page: str, kind: str) -> list[str]:
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
    return "\n".join(_blocks(page, "yaml"))


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
        lines = [line for block in _blocks(page, "sh") for line in block.splitlines()]
        key = ""
        for line in (line for line in lines if line.startswith("python -m bot")):
            said = await _bot(line, ground, tmp_path)
            key = key or said.splitlines()[-1]
        [program] = _blocks(page, "python")
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
        copy, add = (block.strip() for block in _blocks("claude-code.md", "sh"))
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
