"""The SDK's async mode: an instance provisions itself, pauses, and is woken by our webhook."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.core.terms import KeyKind
from tests.doors.ground import Client, Ground, start
from tests.doors.test_aap_gate import SDK, ran
from tests.doors.venvs import python_with
from tests.world import OPERATOR


async def _instance(ground: Ground, effects: Path, **more: object) -> Client:
    token = await ground.running.parts.provisioning.token("helper", OPERATOR)
    where = {"url": f"{ground.url}/api/aap", "token": token, "effects": str(effects)}
    return await start(python_with(SDK), "receiver.py", **where, **more)


@pytest.mark.parametrize(("verdict", "times"), [("approve", 1), ("deny", 0)])
async def test_a_paused_run_is_woken_by_the_decision(
    ground: Ground, effects: Path, verdict: str, times: int
) -> None:
    instance = await _instance(ground, effects)
    await ground.decide(verdict)
    said = await instance.said()
    assert (said["provisioned"], said["name"], said["same"]) == (True, "The mailer", True)
    assert said["verdict"] == ("Allow" if times else "Deny")
    assert ran(effects) == times


async def test_a_paused_run_is_woken_when_nobody_decided_in_time(ground: Ground, effects: Path) -> None:
    instance = await _instance(ground, effects)
    [request] = await ground.waiting()
    # The operator withdraws it; the agent's own key would do too.
    await ground.call("DELETE", f"/v1/requests/{request['id']}", ground.agent)
    assert ((await instance.said())["status"], ran(effects)) == ("cancelled", 0)


async def test_a_receiver_that_does_not_give_the_challenge_back_gets_no_credential(
    ground: Ground, effects: Path
) -> None:
    assert await (await _instance(ground, effects, broken=True)).said() == {"provisioned": False}
    registry = await ground.running.parts.store.registry()
    assert [key for key in registry.keys.values() if key.kind is KeyKind.AGENT and key.name == "helper"][
        1:
    ] == []


async def test_whoever_is_locked_out_can_neither_ask_nor_provision(ground: Ground, effects: Path) -> None:
    instance = await _instance(ground, effects)
    await ground.decide("approve")
    token = (await instance.said())["token"]
    await ground.running.parts.admin.revoke_all(KeyKind.AGENT, "helper", OPERATOR)
    assert (await ground.call("POST", "/api/aap/v1/requests", token, {}))["error"][
        "code"
    ] == "unauthenticated"
    registry = await ground.running.parts.store.registry()
    assert all(key.revoked_at for key in registry.keys.values() if key.name == "helper")
