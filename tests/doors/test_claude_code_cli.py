"""The real Claude Code, offline: its own settings as we print them, a scripted model, and our hook."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.cli.claude import HELD, claude_settings
from tests.doors.ground import Ground
from tests.doors.messages import Block, Model, served, text, tool
from tests.doors.venvs import python_with

SDK = "claude-agent-sdk==0.2.187"
RUN = tool("Bash", "toolu_1", command="echo ran >> effects", description="Leave a trace")
pytestmark = [pytest.mark.doors]


@dataclass
class Claude:
    """The CLI in a folder and a home of its own, its model and its settings."""

    home: Path
    model: Model
    api: str
    key: str
    settings: Path

    async def run(self, *words: str) -> dict[str, Any]:
        """Run the CLI in print mode; return its result."""
        sdk = python_with(SDK).parent.parent
        [binary] = sdk.glob("lib/python*/site-packages/claude_agent_sdk/_bundled/claude")
        process = await asyncio.create_subprocess_exec(
            binary,
            *("--output-format", "json", "--setting-sources", "", "--settings", self.settings),
            *words,
            cwd=self.home,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, problems = await asyncio.wait_for(process.communicate(), 90)
        finally:
            if process.returncode is None:
                process.kill()
        assert out, problems.decode()
        return dict(json.loads(out))

    def ran(self) -> int:
        """Return how often the command ran."""
        effects = self.home / "effects"
        return len(effects.read_text().splitlines()) if effects.exists() else 0

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "ASSENT_KEY": self.key,
            "ANTHROPIC_BASE_URL": self.api,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",  # it refuses --dangerously-skip-permissions to root elsewhere
        }


@asynccontextmanager
async def _claude(
    ground: Ground, folder: Path, *turn: Block, wait: int = 30, url: str = "", streams: bool = True
) -> AsyncIterator[Claude]:
    """Have the CLI with the settings that `agents add --claude-code` prints, perhaps less patient."""
    home = folder / "home"
    home.mkdir(parents=True)
    model = Model(list(turn), streams=streams)
    settings = claude_settings(url or ground.url).replace(f"wait={HELD}", f"wait={wait}")
    (home / "settings.json").write_text(settings)
    async with served(model.app()) as api:
        yield Claude(home, model, api, ground.agent, home / "settings.json")


async def test_an_approved_command_runs_once_without_a_prompt(ground: Ground, tmp_path: Path) -> None:
    async with _claude(ground, tmp_path, text("I leave a trace."), RUN) as claude:
        running = asyncio.create_task(claude.run("-p", "go"))
        [request] = await ground.waiting()
        assert request["action"]["parameters"]["command"] == "echo ran >> effects"
        assert request["context"]["directory"] == str(claude.home)
        await ground.decide("approve")
        assert (await running)["result"] == "Done."
        assert claude.ran() == 1
        assert [request["state"] for request in await ground.mine()] == ["succeeded"]


async def test_a_denied_command_does_not_run_and_the_model_reads_why(ground: Ground, tmp_path: Path) -> None:
    async with _claude(ground, tmp_path, RUN) as claude:
        running = asyncio.create_task(claude.run("-p", "go", "--dangerously-skip-permissions"))
        await ground.decide("deny", "Not on a Friday.")
        await running
        assert "Not on a Friday." in claude.model.results["toolu_1"]
        assert claude.ran() == 0


async def test_what_policy_allows_runs_at_once_and_what_it_denies_does_not(
    ground: Ground, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("the words in the file")
    read = tool("Read", "toolu_1", file_path=str(tmp_path / "secret"))
    async with _claude(ground, tmp_path, read) as claude:
        await claude.run("-p", "go")
        assert "the words in the file" in claude.model.results["toolu_1"]


@pytest.mark.parametrize("mode", [(), ("--dangerously-skip-permissions",), ("--allowedTools", "Bash")])
async def test_an_unanswered_command_is_deferred_and_runs_when_the_session_is_resumed(
    ground: Ground, tmp_path: Path, mode: tuple[str, ...]
) -> None:
    async with _claude(ground, tmp_path, RUN, wait=1) as claude:
        first = await claude.run("-p", "go", *mode)
        assert (first["stop_reason"], claude.ran()) == ("tool_deferred", 0)
        await ground.decide("approve")
        again = await claude.run("-p", "--resume", first["session_id"], *mode)
        assert (again["result"], claude.ran()) == ("Done.", 1)
        await claude.run("-p", "--resume", first["session_id"], "once more", *mode)
        assert claude.ran() == 1
        assert [request["state"] for request in await ground.mine()] == ["succeeded"]


async def test_two_commands_of_one_turn_do_not_slip_past_a_deferral(ground: Ground, tmp_path: Path) -> None:
    """Where the CLI ignores `defer`, the second hook's `ask` holds, even if permissions are skipped."""
    other = tool("Bash", "toolu_2", command="echo ran >> effects", description="Leave another")
    for streams in (True, False):
        async with _claude(ground, tmp_path / str(streams), RUN, other, wait=1, streams=streams) as claude:
            await claude.run("-p", "go", "--dangerously-skip-permissions")
            assert claude.ran() == 0


@pytest.mark.parametrize("trouble", ["dead", "failing", "hanging", "talking"])
async def test_a_server_in_trouble_lets_nothing_run(ground: Ground, tmp_path: Path, trouble: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        if trouble == "hanging":
            await asyncio.sleep(20)
        return web.Response(status=500 if trouble == "failing" else 200, text="hello")

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with served(app) as url:
        away = "http://127.0.0.1:9" if trouble == "dead" else url
        async with _claude(ground, tmp_path, RUN, url=away) as claude:
            settings = claude.settings.read_text().replace('"timeout": 600', '"timeout": 2')
            claude.settings.write_text(settings)
            await claude.run("-p", "go", "--dangerously-skip-permissions")
            assert claude.ran() == 0
