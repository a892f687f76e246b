"""Real agent frameworks with scripted models: their tool runs once if it may, in no other case ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.doors.ground import POLICY, Client, Ground, a_ground, start
from tests.doors.test_aap_gate import ran
from tests.doors.venvs import python_with

FRAMEWORKS = {
    "langgraph": ("langgraph==1.2.*", "langchain==1.4.*"),
    "pydantic-ai": ("pydantic-ai-slim==2.68.*",),
    "openai-agents": ("openai-agents==0.24.*",),
    "adk": ("google-adk==2.13.*",),
    "crewai": ("crewai==1.15.*",),  # wants another major of openai than the one above
}
pytestmark = [pytest.mark.doors, pytest.mark.parametrize("framework", FRAMEWORKS)]


async def _agent(ground: Ground, effects: Path, framework: str) -> Client:
    python = python_with(f"agentapprovalprotocol[{framework}]==0.3.3", *FRAMEWORKS[framework])
    where = {"url": f"{ground.url}/api/aap", "token": ground.agent, "effects": str(effects)}
    return await start(python, f"{framework.replace('-', '_')}_agent.py", **where)


async def test_an_approved_tool_runs_once(ground: Ground, effects: Path, framework: str) -> None:
    agent = await _agent(ground, effects, framework)
    [request] = await ground.waiting()
    assert request["action"]["parameters"] == {"to": "zoe@example.com"}
    await ground.decide("approve")
    assert (await agent.said())["answers"] == ["sent to zoe@example.com"]
    assert ran(effects) == 1
    assert [request["state"] for request in await ground.mine()] == ["succeeded"]


async def test_a_denied_tool_does_not_run(ground: Ground, effects: Path, framework: str) -> None:
    agent = await _agent(ground, effects, framework)
    await ground.decide("deny", "Zoe has left.")
    [answer] = (await agent.said())["answers"]
    assert "Zoe has left." in answer
    assert ran(effects) == 0


def _answers(said: Sequence[str]) -> str:
    [answer] = said
    return answer


async def test_a_withdrawn_tool_does_not_run(ground: Ground, effects: Path, framework: str) -> None:
    agent = await _agent(ground, effects, framework)
    [request] = await ground.waiting()
    await ground.call("DELETE", f"/v1/requests/{request['id']}", ground.agent)
    assert "sent" not in _answers((await agent.said())["answers"])
    assert ran(effects) == 0


async def test_a_tool_that_nobody_decides_about_in_time_does_not_run(
    sqlite_url: str, tmp_path: Path, free_port: int, effects: Path, framework: str
) -> None:
    hasty = POLICY.replace("approve_within: PT30M", "approve_within: PT2S")
    async with a_ground(sqlite_url, tmp_path, free_port, hasty) as ground:
        agent = await _agent(ground, effects, framework)
        assert "sent" not in _answers((await agent.said())["answers"])
        assert [request["state"] for request in await ground.mine()] == ["expired"]
    assert ran(effects) == 0


async def test_a_tool_that_policy_allows_runs_once_and_nobody_is_asked(
    sqlite_url: str, tmp_path: Path, free_port: int, effects: Path, framework: str
) -> None:
    free = POLICY.replace("match: {action: note.add}", "match: {action: [note.add, mail.send, mail_send]}")
    free = free.replace("action: [mail.send, mail_send, humanlayer.ask]", "action: humanlayer.ask")
    async with a_ground(sqlite_url, tmp_path, free_port, free) as ground:
        agent = await _agent(ground, effects, framework)
        assert "sent to zoe@example.com" in _answers((await agent.said())["answers"])
        assert [request["state"] for request in await ground.mine()] == ["succeeded"]
    assert ran(effects) == 1


async def test_the_server_restarts_while_a_tool_waits_and_it_runs_once(
    sqlite_url: str, tmp_path: Path, free_port: int, effects: Path, framework: str
) -> None:
    async with a_ground(sqlite_url, tmp_path, free_port) as ground:
        agent = await _agent(ground, effects, framework)
        await ground.waiting()
    await asyncio.sleep(0.5)  # it finds nobody there, and tries again
    async with a_ground(sqlite_url, tmp_path, free_port, agent=ground.agent) as again:
        await again.decide("approve")
        assert "sent to zoe@example.com" in _answers((await agent.said())["answers"])
    assert ran(effects) == 1
