"""The Claude Agent SDK behind the protocol: its CLI's own tool runs once if it may, in no other case ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doors.ground import POLICY, Client, Ground, a_ground, start
from tests.doors.messages import Model, served, tool
from tests.doors.test_aap_gate import ran
from tests.doors.venvs import python_with

pytestmark = [pytest.mark.doors]


@dataclass
class Agent:
    """The agent's program and its model."""

    client: Client
    model: Model

    async def heard(self) -> str:
        """Wait for its end; return what the model was told of the tool."""
        assert (await self.client.said())["said"] == "Done."
        return self.model.results["toolu_1"]


@asynccontextmanager
async def _agent(ground: Ground, effects: Path, home: Path) -> AsyncIterator[Agent]:
    python = python_with("agentapprovalprotocol[claude-agent-sdk]==0.3.3", "claude-agent-sdk==0.2.187")
    model = Model([tool("Bash", "toolu_1", command=f"echo ran >> {effects}", description="Leave a trace")])
    async with served(model.app()) as api:
        where = {"url": f"{ground.url}/api/aap", "token": ground.agent, "api": api, "home": str(home)}
        yield Agent(await start(python, "claude_agent_sdk_agent.py", **where), model)


async def _states(ground: Ground) -> list[str]:
    return [str(request["state"]) for request in await ground.mine()]


@pytest.mark.parametrize(("verdict", "times"), [("approve", 1), ("deny", 0)])
async def test_a_tool_of_the_cli_runs_as_often_as_people_said(
    ground: Ground, effects: Path, tmp_path: Path, verdict: str, times: int
) -> None:
    async with _agent(ground, effects, tmp_path) as agent:
        await ground.decide(verdict, "Zoe has left.")
        assert ("Zoe has left." in await agent.heard()) == (not times)
    assert ran(effects) == times
    assert await _states(ground) == ["succeeded" if times else "denied"]


async def test_a_withdrawn_tool_does_not_run(ground: Ground, effects: Path, tmp_path: Path) -> None:
    async with _agent(ground, effects, tmp_path) as agent:
        [request] = await ground.waiting()
        await ground.call("DELETE", f"/v1/requests/{request['id']}", ground.agent)
        await agent.heard()
    assert (ran(effects), await _states(ground)) == (0, ["cancelled"])


async def test_a_tool_that_nobody_decides_about_in_time_does_not_run(
    sqlite_url: str, tmp_path: Path, free_port: int, effects: Path
) -> None:
    hasty = POLICY.replace("approve_within: PT30M", "approve_within: PT2S")
    async with a_ground(sqlite_url, tmp_path, free_port, hasty) as ground:
        async with _agent(ground, effects, tmp_path) as agent:
            await agent.heard()
        assert (ran(effects), await _states(ground)) == (0, ["expired"])


async def test_a_tool_that_policy_allows_runs_once_and_nobody_is_asked(
    sqlite_url: str, tmp_path: Path, free_port: int, effects: Path
) -> None:
    free = POLICY.replace("match: {action: note.add}", "match: {action: [note.add, Bash]}")
    async with a_ground(sqlite_url, tmp_path, free_port, free) as ground:
        async with _agent(ground, effects, tmp_path) as agent:
            await agent.heard()
        assert (ran(effects), await _states(ground)) == (1, ["succeeded"])


async def test_the_server_restarts_while_a_tool_waits_and_it_runs_once(
    sqlite_url: str, tmp_path: Path, free_port: int, effects: Path
) -> None:
    async with a_ground(sqlite_url, tmp_path, free_port) as ground:
        stack = _agent(ground, effects, tmp_path)
        agent = await stack.__aenter__()
        await ground.waiting()
    try:
        await asyncio.sleep(0.5)  # it finds nobody there, and tries again
        async with a_ground(sqlite_url, tmp_path, free_port, agent=ground.agent) as again:
            await again.decide("approve")
            await agent.heard()
    finally:
        await stack.__aexit__(None, None, None)
    assert ran(effects) == 1
