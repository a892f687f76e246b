"""The protocol's own SDK as a client of our endpoint: both generations of the protocol, and tasks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.doors.ground import Client, Ground, a_ground, start
from tests.doors.venvs import python_with

SDK = "mcp==2.3.0"
MAIL = ["request_approval", {"action": "mail.send", "parameters": {"to": "zoe@example.com"}}]
WAIT = ["wait_for_decision", {"id": "$id"}]
CANCEL = ["cancel_request", {"id": "$id"}]
GENERATIONS = pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])


async def _agent(ground: Ground, *calls: list[Any], **options: Any) -> Client:
    where = {"url": f"{ground.url}/mcp", "token": ground.agent, **options}
    return await start(python_with(SDK), "mcp_agent.py", calls=calls, **where)


async def _seen(file: Path) -> None:
    """Wait until a file is there."""
    async with asyncio.timeout(60):
        while True:
            if await asyncio.to_thread(file.exists):
                return
            await asyncio.sleep(0.02)


@GENERATIONS
async def test_an_agent_asks_waits_and_reads_the_decision(ground: Ground, mode: str, version: str) -> None:
    agent = await _agent(ground, MAIL, WAIT, mode=mode)
    await ground.decide("approve", "Go ahead.")
    said = await agent.said()
    assert said["version"] == version
    assert said["tools"] == [
        "request_approval",
        "wait_for_decision",
        "answer_question",
        "cancel_request",
        "permission_prompt",
    ]
    asked, decided = (answer["told"] for answer in said["answers"])
    assert (asked["state"], asked["waits_for"]) == ("pending", "1 of ops")
    assert (decided["state"], decided["reason"]) == ("approved", "Go ahead.")
    assert json.loads(said["answers"][1]["text"]) == decided


@GENERATIONS
async def test_a_denial_says_why_and_a_withdrawn_request_is_gone(
    ground: Ground, mode: str, version: str
) -> None:
    agent = await _agent(ground, MAIL, WAIT, MAIL, CANCEL, CANCEL, mode=mode)
    await ground.decide("deny", "Zoe has left.")
    states = [answer["told"] for answer in (await agent.said())["answers"]]
    assert [one["state"] for one in states] == ["pending", "denied", "pending", "cancelled", "cancelled"]
    assert states[1]["reason"] == "Zoe has left."
    assert [request["state"] for request in await ground.mine()] == ["cancelled", "denied"]


async def test_policy_answers_at_once_and_what_is_wrong_is_a_result_that_the_model_reads(
    ground: Ground,
) -> None:
    calls = [
        ["request_approval", {"action": "note.add", "parameters": {"text": "hi"}}],
        ["request_approval", {"action": "disk.wipe", "parameters": {"disk": "sda"}}],
        ["request_approval", {"action": "mail.send", "parameters": {"to": 1}}],
        ["request_approval", {"action": "mail send"}],
        ["request_approval", {"parameters": {}}],
        ["wait_for_decision", {"id": "req_00000000000000000000000000000000"}],
        ["approve", {"id": "$id"}],
    ]
    said = (await (await _agent(ground, *calls)).said())["answers"]
    assert [said[n]["told"]["state"] for n in (0, 1)] == ["approved", "denied"]
    assert said[1]["told"]["reason"] == "Disks are wiped by hand"
    assert [answer["error"] for answer in said[2:6]] == [True] * 4
    assert "(/parameters/to: " in said[2]["text"]
    assert "(/action: " in said[3]["text"]
    assert (said[6]["fault"], len(await ground.mine())) == (-32602, 2)


@GENERATIONS
async def test_a_wait_gives_signs_of_life_and_ends_pending_when_its_time_is_up(
    ground: Ground, mode: str, version: str
) -> None:
    brief = ["wait_for_decision", {"id": "$id", "wait_seconds": 1}]
    said = await (await _agent(ground, MAIL, brief, mode=mode)).said()
    assert said["answers"][1]["told"]["state"] == "pending"
    assert said["beats"] == ["waiting for 1 of ops"]


async def test_a_wait_is_a_task_where_the_client_takes_tasks_and_outlives_the_server(
    sqlite_url: str, tmp_path: Path, free_port: int
) -> None:
    async with a_ground(sqlite_url, tmp_path, free_port) as ground:
        agent = await _agent(ground, MAIL, WAIT, tasks=True, away=str(tmp_path / "away"))
        await ground.waiting()
        await _seen(tmp_path / "away")  # it holds its handle, and waits for nothing
    async with a_ground(sqlite_url, tmp_path, free_port, agent=ground.agent) as again:
        await again.decide("approve", "Go ahead.")
        (tmp_path / "away").unlink()
        said = await agent.said()
    decided = said["answers"][1]["told"]
    assert (said["polls"], decided["state"]) == (["completed"], "approved")
    assert decided["reason"] == "Go ahead."


async def test_a_look_at_a_task_is_held_until_the_decision(ground: Ground) -> None:
    agent = await _agent(ground, MAIL, WAIT, tasks=True)
    await ground.waiting()
    await asyncio.sleep(0.5)
    await ground.decide("deny")
    said = await agent.said()
    assert (said["polls"], said["answers"][1]["told"]["state"]) == (["completed"], "denied")


async def test_a_cancelled_task_withdraws_the_request(ground: Ground) -> None:
    said = await (await _agent(ground, MAIL, WAIT, tasks=True, cancels=True)).said()
    assert said["polls"] == ["working", "cancelled"]
    assert [request["state"] for request in await ground.mine()] == ["cancelled"]


async def test_without_a_key_the_sdk_gets_nowhere(ground: Ground) -> None:
    for token in ("", "assent_agent_wrong", ground.tokens["ana"]):
        agent = await _agent(ground, MAIL, token=token)
        out, problems = await agent.process.communicate()
        assert (agent.process.returncode, out) == (1, b"")
        assert b"MCPError" in problems
