"""The unmodified SDK's gate against our provider: what it guards runs exactly as often as it may."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.doors.ground import Client, Ground, a_ground, start
from tests.doors.venvs import python_with

SDK = "agentapprovalprotocol==0.3.3"
ARGUMENTS = {
    "mail.send": {"to": "zoe@example.com"},
    "note.add": {"text": "hm"},
    "disk.wipe": {"disk": "a"},
    "db.migrate": {"sql": "SELECT 1"},
}
MODES = pytest.mark.parametrize("mode", ["sync", "async"])


async def _gate(ground: Ground, effects: Path, mode: str, tool: str = "mail.send", **more: object) -> Client:
    return await start(
        python_with(SDK),
        "gate.py",
        mode=mode,
        url=f"{ground.url}/api/aap",
        token=ground.agent,
        tool=tool,
        arguments=ARGUMENTS.get(tool, {}),
        effects=str(effects),
        **more,
    )


def ran(effects: Path) -> int:
    return len(effects.read_text().splitlines())


@MODES
async def test_an_approved_call_runs_once_and_its_outcome_is_known(
    ground: Ground, effects: Path, mode: str
) -> None:
    gate = await _gate(ground, effects, mode)
    [shown] = await ground.waiting()
    assert shown["justification"] == "It was asked for."
    await ground.decide("approve")
    assert (await gate.said())["verdict"] == "Allow"
    assert ran(effects) == 1
    [request] = await ground.mine()
    assert (request["state"], request["outcome"]["status"]) == ("succeeded", "succeeded")


@MODES
async def test_a_denied_call_does_not_run_and_the_model_reads_why(
    ground: Ground, effects: Path, mode: str
) -> None:
    gate = await _gate(ground, effects, mode)
    await ground.decide("deny", "Zoe has left.")
    said = await gate.said()
    assert (said["verdict"], said["status"], ran(effects)) == ("Deny", "denied", 0)
    assert "Zoe has left." in said["reason"]


@MODES
async def test_what_nobody_decides_expires_and_does_not_run(ground: Ground, effects: Path, mode: str) -> None:
    gate = await _gate(ground, effects, mode, timeout="2s")
    said = await gate.said()
    assert (said["verdict"], said["status"], ran(effects)) == ("Deny", "expired", 0)


@MODES
async def test_a_cancelled_call_does_not_run(ground: Ground, effects: Path, mode: str) -> None:
    gate = await _gate(ground, effects, mode)
    [request] = await ground.waiting()
    await ground.call("DELETE", f"/v1/requests/{request['id']}", ground.agent)
    said = await gate.said()
    assert (said["verdict"], said["status"], ran(effects)) == ("Deny", "cancelled", 0)


@MODES
async def test_what_policy_allows_runs_once_and_what_it_denies_never(
    ground: Ground, effects: Path, mode: str
) -> None:
    assert (await (await _gate(ground, effects, mode, "note.add")).said())["verdict"] == "Allow"
    assert ran(effects) == 1
    said = await (await _gate(ground, effects, mode, "disk.wipe")).said()
    assert (said["status"], ran(effects)) == ("denied", 1)
    assert "Disks are wiped by hand" in said["reason"]
    said = await (await _gate(ground, effects, mode, "no.such.thing")).said()
    assert (said["status"], ran(effects)) == ("denied", 1)


@MODES
async def test_a_call_seen_again_after_it_was_consumed_does_not_run_again(
    ground: Ground, effects: Path, mode: str
) -> None:
    said = await (await _gate(ground, effects, mode, "note.add", times=3)).said()
    assert (said["verdict"], said["status"], ran(effects)) == ("Deny", "consumed", 1)
    assert len(await ground.mine()) == 1


@MODES
async def test_the_server_restarts_while_a_gate_waits_and_the_call_runs_once(
    sqlite_url: str, tmp_path: Path, free_port: int, effects: Path, mode: str
) -> None:
    async with a_ground(sqlite_url, tmp_path, free_port) as ground:
        gate = await _gate(ground, effects, mode)
        await ground.waiting()
    await asyncio.sleep(0.5)  # the gate finds nobody there, and tries again
    async with a_ground(sqlite_url, tmp_path, free_port, agent=ground.agent) as again:
        await again.decide("approve")
        assert (await gate.said())["verdict"] == "Allow"
    assert ran(effects) == 1


async def test_an_agent_that_does_not_run_the_action_is_told_so(ground: Ground, effects: Path) -> None:
    said = await (await _gate(ground, effects, "sync", "db.migrate")).said()
    assert (said["verdict"], ran(effects)) == ("Deny", 0)
    assert "credential" in said["reason"]
