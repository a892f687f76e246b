"""The Claude Agent SDK behind the protocol: its CLI's own tool runs once if approved, and never if denied."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doors.ground import Ground, start
from tests.doors.messages import Model, served, tool
from tests.doors.test_aap_gate import ran
from tests.doors.venvs import python_with

pytestmark = [pytest.mark.doors]


@pytest.mark.parametrize(("verdict", "times"), [("approve", 1), ("deny", 0)])
async def test_a_tool_of_the_cli_runs_as_often_as_people_said(
    ground: Ground, effects: Path, tmp_path: Path, verdict: str, times: int
) -> None:
    python = python_with("agentapprovalprotocol[claude-agent-sdk]==0.3.3", "claude-agent-sdk==0.2.187")
    model = Model([tool("Bash", "toolu_1", command=f"echo ran >> {effects}", description="Leave a trace")])
    async with served(model.app()) as api:
        where = {"url": f"{ground.url}/api/aap", "token": ground.agent, "api": api, "home": str(tmp_path)}
        agent = await start(python, "claude_agent_sdk_agent.py", **where)
        await ground.decide(verdict, "Zoe has left.")
        assert (await agent.said())["said"] == "Done."
    assert ran(effects) == times
    assert ("Zoe has left." in model.results["toolu_1"]) == (not times)
    assert [request["state"] for request in await ground.mine()] == ["succeeded" if times else "denied"]
