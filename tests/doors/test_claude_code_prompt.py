"""The real Claude Code with our MCP endpoint as its permission prompt tool, offline with a scripted model."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doors.ground import Ground
from tests.doors.messages import Block, Model, served, tool
from tests.doors.test_claude_code_cli import RUN, Claude
from tests.doors.test_pages import blocks

pytestmark = [pytest.mark.doors]


@contextlib.asynccontextmanager
async def _claude(ground: Ground, folder: Path, *turn: Block, url: str = "") -> AsyncIterator[Claude]:
    """Have the CLI with the page's settings of the server."""
    home = folder / "home"
    home.mkdir(parents=True)
    [servers] = [block for block in blocks("mcp.md", "json") if '"http"' in block]
    (home / "assent.json").write_text(servers.replace("https://assent.example.com", url or ground.url))
    (home / "settings.json").write_text("{}")
    model = Model(list(turn))
    async with served(model.app()) as api:
        yield Claude(home, model, api, ground.agent, home / "settings.json")


def _words() -> list[str]:
    """Return the options that the page gives the CLI, after `claude -p PROMPT`."""
    [line] = [block for block in blocks("mcp.md", "sh") if "--permission-prompt-tool" in block]
    return line.replace("\\\n", " ").split('"')[2].split()


async def test_an_approved_command_runs_once_and_a_denied_one_does_not(
    ground: Ground, tmp_path: Path
) -> None:
    other = tool("Bash", "toolu_2", command="echo ran >> effects", description="Leave another")
    async with _claude(ground, tmp_path, RUN, other) as claude:
        running = asyncio.create_task(claude.run("-p", "go", *_words()))
        await ground.decide("approve")
        await ground.decide("deny", "Once is enough.")
        await running
        assert claude.ran() == 1
        assert "Once is enough." in claude.model.results["toolu_2"]
        assert [request["state"] for request in await ground.mine()] == ["denied", "released"]


async def test_without_the_server_nothing_runs(ground: Ground, tmp_path: Path) -> None:
    async with _claude(ground, tmp_path, RUN, url="http://127.0.0.1:9") as claude:
        with contextlib.suppress(AssertionError, json.JSONDecodeError):  # it may also refuse to begin
            await claude.run("-p", "go", *_words())
        assert claude.ran() == 0
