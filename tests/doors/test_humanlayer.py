"""HumanLayer's SDKs, unmodified: Python sync and async, and TypeScript. Then the wire."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from storage.schema import migrate
from tests.doors.ground import Client, Ground, a_ground, start
from tests.doors.test_aap_gate import ran
from tests.doors.venvs import npm_package, python_with

MODES = pytest.mark.parametrize("mode", ["sync", "async", "typescript"])


async def _agent(ground: Ground, effects: Path, mode: str, **more: object) -> Client:
    where = {"url": ground.url, "token": ground.agent, "effects": str(effects), "mode": mode, **more}
    if mode != "typescript":
        return await start(python_with("humanlayer==0.7.9"), "humanlayer_agent.py", **where)
    package = npm_package("humanlayer", "0.7.5")
    return await start(
        Path(shutil.which("node") or ""), "humanlayer_agent.cjs", package=str(package), **where
    )


@pytest.mark.timeout(600)
@MODES
async def test_an_approved_function_runs_once(ground: Ground, effects: Path, mode: str) -> None:
    agent = await _agent(ground, effects, mode)
    [shown] = await ground.waiting()
    assert shown["action"] == {"name": "mail_send", "parameters": {"to": "zoe@example.com"}}
    await ground.decide("approve")
    assert (await agent.said())["said"] == "sent to zoe@example.com"
    assert ran(effects) == 1
    assert [request["state"] for request in await ground.mine()] == ["released"]


@pytest.mark.timeout(600)
@MODES
async def test_a_denied_function_does_not_run_and_the_model_reads_why(
    ground: Ground, effects: Path, mode: str
) -> None:
    agent = await _agent(ground, effects, mode)
    await ground.decide("deny", "Zoe has left.")
    assert "Zoe has left." in str((await agent.said())["said"])
    assert ran(effects) == 0


@pytest.mark.timeout(600)
@MODES
async def test_a_question_is_answered_by_what_the_reviewer_says(
    ground: Ground, effects: Path, mode: str
) -> None:
    agent = await _agent(ground, effects, mode, ask=True)
    [shown] = await ground.waiting()
    assert shown["action"]["parameters"]["message"] == "Which Zoe?"
    await ground.decide("approve", "The one in Lyon.")
    assert (await agent.said())["said"] == "The one in Lyon."
    assert [request["state"] for request in await ground.mine()] == ["succeeded"]


CALL: dict[str, Any] = {
    "run_id": "agent-1",
    "call_id": "call-mine",
    "spec": {
        "fn": "mail_send",
        "kwargs": {"to": "zoe@example.com"},
        "channel": {"slack": {"channel_or_user_id": "C1", "bot_token": "xoxb-secret"}},
        "reject_options": None,
        "state": {"thread": 7},
    },
    "status": None,
}


async def _call(ground: Ground, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token or ground.agent}"}
    url = f"{ground.url}/humanlayer/v1{path}"
    async with ground.http.request(method, url, json=body, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_only_the_first_look_at_an_approval_is_leave_to_run(ground: Ground) -> None:
    status, made = await _call(ground, "POST", "/function_calls", CALL)
    assert (status, made["call_id"], made["spec"]["state"]) == (200, "call-mine", {"thread": 7})
    assert made["spec"]["channel"] is None
    assert (await _call(ground, "POST", "/function_calls", CALL))[1] == made
    await ground.decide("approve", "go on")
    looks = [(await _call(ground, "GET", "/function_calls/call-mine"))[1]["status"] for _ in range(3)]
    assert [look["approved"] for look in looks] == [True, False, False]
    assert (looks[0]["comment"], "runs once" in looks[2]["comment"]) == ("go on", True)


async def test_policy_speaks_at_the_first_look(ground: Ground) -> None:
    for fn, kwargs, approved in (
        ("note.add", {"text": "hm"}, True),
        ("disk.wipe", {"disk": "a"}, False),
        ("unheard", {}, False),
    ):
        body = {**CALL, "call_id": fn, "spec": {"fn": fn, "kwargs": kwargs}}
        _, made = await _call(ground, "POST", "/function_calls", body)
        assert made["status"]["approved"] is None
        status = (await _call(ground, "GET", f"/function_calls/{fn}"))[1]["status"]
        assert status["approved"] is approved
        assert approved or isinstance(status["comment"], str)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/function_calls", {**CALL, "status": {"approved": True}}),
        ("/function_calls", {**CALL, "approved": True}),
        ("/function_calls", {**CALL, "call_id": "a b"}),
        ("/function_calls", {**CALL, "spec": {"fn": "mail send", "kwargs": {}}}),
        ("/function_calls", {**CALL, "spec": {"fn": "mail_send", "kwargs": {"to": "a", "cc": "b"}}}),
        ("/function_calls", {**CALL, "spec": {"fn": "mail_send"}}),
        ("/contact_requests", {**CALL, "spec": {"msg": 1}}),
        ("/function_calls", [CALL]),
    ],
)
async def test_a_hostile_body_is_refused(ground: Ground, path: str, body: Any) -> None:
    assert (await _call(ground, "POST", path, body))[0] == 400
    assert await ground.mine() == []


async def test_nobody_elses_call_can_be_seen(ground: Ground) -> None:
    await _call(ground, "POST", "/function_calls", CALL)
    assert (await _call(ground, "GET", "/function_calls/call-other"))[0] == 404
    assert (await _call(ground, "GET", "/function_calls/call-mine", token="wrong"))[0] == 401


async def test_a_call_is_found_by_its_id_on_postgresql_too(
    postgres_url: str, tmp_path: Path, free_port: int
) -> None:
    await migrate(postgres_url)
    async with a_ground(postgres_url, tmp_path, free_port) as ground:
        await _call(ground, "POST", "/function_calls", CALL)
        await ground.decide("approve")
        _, seen = await _call(ground, "GET", "/function_calls/call-mine")
        assert (seen["status"]["approved"], seen["spec"]["state"]) == (True, {"thread": 7})
