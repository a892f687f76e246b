"""Real agent frameworks with scripted models: their tool runs once if approved, and never if denied."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doors.ground import Client, Ground, start
from tests.doors.test_aap_gate import ran
from tests.doors.venvs import python_with

FRAMEWORKS = {
    "langgraph": ("langgraph==1.2.*", "langchain==1.4.*"),
    "pydantic-ai": ("pydantic-ai-slim==2.68.*",),
    "openai-agents": ("openai-agents==0.24.*",),
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
