"""The MCP endpoint at the wire: what no SDK sends, and the permission prompt as Claude Code calls it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bot.core.terms import PersonName
from tests.doors.ground import Ground
from tests.world import OPERATOR

BASH = {"tool_name": "Bash", "input": {"command": "echo hi"}, "tool_use_id": "toolu_1"}
META = "io.modelcontextprotocol/"
TASKS: dict[str, Any] = {f"{META}tasks": {}}
BOTH = "application/json, text/event-stream"


def _old(method: str, **params: Any) -> tuple[dict[str, Any], dict[str, str]]:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return body, {"Accept": BOTH, "MCP-Protocol-Version": "2025-11-25"}


def _modern(
    method: str, extensions: dict[str, Any] | None = None, **params: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    able = {"extensions": extensions or {}}
    meta = {f"{META}protocolVersion": "2026-07-28", f"{META}clientCapabilities": able}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {"Accept": BOTH, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    return body, headers | ({"Mcp-Name": params["name"]} if "name" in params else {})


async def _post(
    ground: Ground, body: Any, headers: dict[str, str], token: str | None = None
) -> tuple[int, Any]:
    """Post one message; return the status and the last message that came back."""
    sent = {"Authorization": f"Bearer {token or ground.agent}", **headers}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent.setdefault("Content-Type", "application/json")
    async with ground.http.post(f"{ground.url}/mcp", data=data, headers=sent) as response:
        text = await response.text()
        if response.content_type == "text/event-stream":
            told = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
            return response.status, json.loads(told[-1])
        return response.status, json.loads(text) if text else None


async def _call(ground: Ground, tool: str, arguments: Any, token: str | None = None) -> Any:
    status, answer = await _post(ground, *_old("tools/call", name=tool, arguments=arguments), token)
    assert status == 200
    return answer["result"]


async def _prompt(ground: Ground, token: str | None = None, **asked: Any) -> Any:
    """Ask as Claude Code does, and read the answer as it does: one block of text, JSON in it."""
    result = await _call(ground, "permission_prompt", BASH | asked, token)
    [block] = result["content"]
    assert (block["type"], result["isError"]) == ("text", False)
    return json.loads(block["text"])


async def test_an_approved_prompt_allows_once_with_the_very_input(ground: Ground) -> None:
    asked = asyncio.create_task(_prompt(ground))
    [shown] = await ground.waiting()
    assert shown["action"] == {"name": "claude.Bash", "parameters": BASH["input"]}
    assert shown["context"] == {"call": "toolu_1"}
    await ground.decide("approve")
    assert await asked == {"behavior": "allow", "updatedInput": BASH["input"]}
    assert [request["state"] for request in await ground.mine()] == ["released"]
    again = await _prompt(ground)
    assert (again["behavior"], "not run again" in again["message"]) == ("deny", True)
    other = await _prompt(ground, input={"command": "rm -rf /"})
    assert (other["behavior"], len(await ground.mine())) == ("deny", 1)


async def test_two_that_ask_with_one_call_are_allowed_once_together(ground: Ground) -> None:
    asked = [asyncio.create_task(_prompt(ground)) for _ in range(2)]
    await ground.decide("approve")
    assert sorted([(await one)["behavior"] for one in asked]) == ["allow", "deny"]


async def test_a_denied_prompt_carries_the_reviewers_words(ground: Ground) -> None:
    asked = asyncio.create_task(_prompt(ground))
    await ground.decide("deny", "Not on a Friday.")
    denied = await asked
    assert (denied["behavior"], "Not on a Friday." in denied["message"]) == ("deny", True)


async def test_policy_answers_a_prompt_at_once(ground: Ground) -> None:
    read = await _prompt(ground, tool_name="Read", input={"file_path": "/srv/a"}, tool_use_id="toolu_2")
    assert read == {"behavior": "allow", "updatedInput": {"file_path": "/srv/a"}}
    assert (await _prompt(ground, tool_name="Unheard", tool_use_id="toolu_3"))["behavior"] == "deny"


async def test_a_prompt_without_an_id_is_a_call_of_its_own(ground: Ground) -> None:
    for _ in range(2):
        asked = asyncio.create_task(_prompt(ground, tool_use_id=None))
        await ground.decide("approve")
        assert (await asked)["behavior"] == "allow"
    assert len(await ground.mine()) == 2


async def test_whoever_may_not_run_it_is_denied_by_the_prompt(ground: Ground) -> None:
    mute = await ground.running.parts.admin.add_agent("mute", PersonName("ed"), (), False, OPERATOR)
    assert (await _prompt(ground, mute))["behavior"] == "deny"
    assert (await _prompt(ground, tool_name="Ba sh"))["behavior"] == "deny"
    assert (await _prompt(ground, input=["ls"]))["behavior"] == "deny"
    await ground.running.parts.admin.pause("helper", OPERATOR)
    assert (await _prompt(ground))["behavior"] == "deny"
    assert await ground.mine() == []


async def test_a_prompt_whose_client_leaves_is_withdrawn(ground: Ground) -> None:
    asked = asyncio.create_task(_prompt(ground))
    await ground.waiting()
    asked.cancel()
    async with asyncio.timeout(10):
        [request] = await ground.mine()
        await ground.call("GET", f"/v1/requests/{request['id']}?wait=10", ground.agent)
    assert [request["state"] for request in await ground.mine()] == ["cancelled"]


async def test_a_prompt_under_way_is_denied_when_the_server_stops(ground: Ground) -> None:
    asked = asyncio.create_task(_prompt(ground))
    await ground.waiting()
    await ground.running.app.shutdown()
    denied = await asked
    assert (denied["behavior"], "stopped" in denied["message"]) == ("deny", True)
    assert [request["state"] for request in await ground.mine()] == ["cancelled"]


@pytest.mark.parametrize("token", ["", "assent_agent_wrong", "two words"])
async def test_without_an_agents_key_nothing_is_served(ground: Ground, token: str) -> None:
    for body, headers in (_old("tools/list"), _modern("server/discover")):
        sent = headers | {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        async with ground.http.post(f"{ground.url}/mcp", json=body, headers=sent) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith("Bearer ")
            assert (await response.json())["error"]["message"]
    status, _ = await _post(ground, *_old("tools/list"), ground.tokens["ana"])
    assert status == 403


async def test_a_page_of_another_origin_may_not_call(ground: Ground) -> None:
    body, headers = _old("tools/list")
    assert (await _post(ground, body, headers | {"Origin": "http://evil.example"}))[0] == 403
    assert (await _post(ground, body, headers | {"Origin": ground.running.parts.public_url}))[0] == 200


async def test_nobody_waits_for_cancels_or_looks_at_anothers_request(ground: Ground) -> None:
    other = await ground.running.parts.admin.add_agent("other", PersonName("ed"), (), True, OPERATOR)
    asked = await _call(ground, "request_approval", {"action": "mail.send", "parameters": {"to": "zoe"}})
    named = asked["structuredContent"]["id"]
    for tool in ("wait_for_decision", "cancel_request"):
        assert (await _call(ground, tool, {"id": named}, other))["isError"]
    task = {"taskId": f"wait_{named.removeprefix('req_')}_0"}
    for method in ("tasks/get", "tasks/cancel", "tasks/update"):
        status, answer = await _post(ground, *_modern(method, TASKS, **task), other)
        assert (status, answer["error"]["code"]) == (400, -32602)
    assert [request["state"] for request in await ground.mine()] == ["pending"]


async def test_tasks_are_spoken_of_only_with_those_who_declare_them(ground: Ground) -> None:
    asked = await _call(ground, "request_approval", {"action": "mail.send", "parameters": {"to": "zoe"}})
    wait = {"id": asked["structuredContent"]["id"], "wait_seconds": 0}
    called = _modern("tools/call", name="wait_for_decision", arguments=wait)
    assert (await _post(ground, *called))[1]["result"]["structuredContent"]["state"] == "pending"
    called = _modern("tools/call", TASKS, name="wait_for_decision", arguments=wait)
    handle = (await _post(ground, *called))[1]["result"]
    assert (handle["resultType"], handle["status"], handle["ttlMs"]) == ("task", "working", None)
    status, answer = await _post(ground, *_modern("tasks/get", taskId=handle["taskId"]))
    assert (status, answer["error"]["code"]) == (400, -32021)
    assert answer["error"]["data"] == {"requiredCapabilities": {"extensions": TASKS}}
    await ground.decide("approve")
    done = (await _post(ground, *_modern("tasks/get", TASKS, taskId=handle["taskId"])))[1]["result"]
    assert (done["resultType"], done["status"]) == ("complete", "completed")
    assert done["result"]["structuredContent"]["state"] == "approved"
    called = _modern("tools/call", TASKS, name="wait_for_decision", arguments=wait)
    assert (await _post(ground, *called))[1]["result"]["resultType"] == "complete"
    assert (await _post(ground, *_modern("tasks/cancel", TASKS, taskId=handle["taskId"])))[0] == 200
    assert [request["state"] for request in await ground.mine()] == ["approved"]


async def _questions(ground: Ground, text: str, named: str) -> None:
    token = ground.tokens["ana"]
    await ground.call("POST", f"/v1/requests/{named}/questions", token, {"text": text})


async def test_a_question_ends_a_wait_and_its_answer_goes_to_people(ground: Ground) -> None:
    asked = await _call(ground, "request_approval", {"action": "mail.send", "parameters": {"to": "zoe"}})
    named = asked["structuredContent"]["id"]
    waiting = asyncio.create_task(_call(ground, "wait_for_decision", {"id": named, "wait_seconds": 30}))
    await ground.waiting()
    await _questions(ground, "Which Zoe?", named)
    told = (await waiting)["structuredContent"]
    assert (told["state"], told["questions"]) == ("pending", [{"number": 1, "text": "Which Zoe?"}])
    again = await _call(ground, "wait_for_decision", {"id": named, "wait_seconds": 30})
    assert again["structuredContent"] == told
    left = {"id": named, "wait_seconds": 1, "known_questions": 1}
    assert (await _call(ground, "wait_for_decision", left))["structuredContent"] == told
    answer = {"id": named, "question": 1, "text": "The one in sales."}
    answered = await _call(ground, "answer_question", answer)
    assert "questions" not in answered["structuredContent"]
    [shown] = await ground.waiting()
    assert shown["questions"][0]["answer"] == "The one in sales."
    assert (await _call(ground, "answer_question", answer | {"text": "Another."}))["isError"]
    last = asyncio.create_task(_call(ground, "wait_for_decision", {"id": named, "wait_seconds": 30}))
    await ground.decide("approve")
    assert (await last)["structuredContent"]["state"] == "approved"


async def test_a_question_completes_a_task_for_good(ground: Ground) -> None:
    asked = await _call(ground, "request_approval", {"action": "mail.send", "parameters": {"to": "zoe"}})
    named = asked["structuredContent"]["id"]
    called = _modern("tools/call", TASKS, name="wait_for_decision", arguments={"id": named})
    first = (await _post(ground, *called))[1]["result"]["taskId"]
    await _questions(ground, "Which Zoe?", named)

    async def look(task: str) -> Any:
        return (await _post(ground, *_modern("tasks/get", TASKS, taskId=task)))[1]["result"]

    told = (await look(first))["result"]["structuredContent"]
    assert told["questions"] == [{"number": 1, "text": "Which Zoe?"}]
    await _call(ground, "answer_question", {"id": named, "question": 1, "text": "The one in sales."})
    second = (await _post(ground, *called))[1]["result"]["taskId"]
    assert second != first
    await _call(ground, "cancel_request", {"id": named})
    assert ((await look(first))["status"], (await look(second))["status"]) == ("completed", "cancelled")


async def test_the_same_key_asks_once_and_another_ask_under_it_is_refused(ground: Ground) -> None:
    ask = {"action": "mail.send", "parameters": {"to": "zoe"}, "idempotency_key": "mail-1"}
    first, again = [await _call(ground, "request_approval", ask) for _ in range(2)]
    assert first["structuredContent"]["id"] == again["structuredContent"]["id"]
    assert (await _call(ground, "request_approval", ask | {"parameters": {"to": "bo"}}))["isError"]
    assert (await _call(ground, "request_approval", ask | {"idempotency_key": "a b"}))["isError"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Mcp-Method": "tools/list"}, -32020),
        ({"Mcp-Method": ""}, -32020),
        ({"Mcp-Name": "wait_for_decision"}, -32020),
        ({"Mcp-Name": "=?base64?!?="}, -32020),
        ({"MCP-Protocol-Version": "2025-11-25"}, -32020),
        ({"MCP-Protocol-Version": "2031-01-01"}, -32020),
    ],
)
async def test_headers_that_say_something_else_than_the_body_are_refused(
    ground: Ground, change: dict[str, str], code: int
) -> None:
    """A proxy may have decided by the headers what the body now does not say."""
    ask = {"action": "mail.send", "parameters": {"to": "zoe"}}
    body, headers = _modern("tools/call", name="request_approval", arguments=ask)
    status, answer = await _post(ground, body, headers | change)
    assert (status, answer["error"]["code"], answer["id"]) == (400, code, 1)
    assert await ground.mine() == []


async def test_a_header_that_stands_twice_is_refused(ground: Ground) -> None:
    ask = {"action": "mail.send", "parameters": {"to": "zoe"}}
    body, headers = _modern("tools/call", name="request_approval", arguments=ask)
    for name in ("Mcp-Method", "Mcp-Name", "MCP-Protocol-Version"):
        sent = [*headers.items(), (name, headers[name]), ("Authorization", f"Bearer {ground.agent}")]
        async with ground.http.post(f"{ground.url}/mcp", json=body, headers=sent) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (400, -32020)
    assert await ground.mine() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]',
        b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": true, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": null, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": 1, "result": {}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "method": "tools/call"}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}',
    ],
)
async def test_whatever_is_no_single_message_is_refused(ground: Ground, body: bytes) -> None:
    status, answer = await _post(ground, body, {})
    assert (status, answer["id"]) == (400, None)


async def test_what_no_client_of_good_faith_sends_is_on_record_and_what_looks_around_is_not(
    ground: Ground,
) -> None:
    task = "wait_" + "0" * 32 + "_0"
    ask = {"action": "mail.send", "parameters": {"to": "zoe"}}
    body, headers = _modern("tools/call", name="request_approval", arguments=ask)
    await _post(ground, body, headers | {"Mcp-Name": "cancel_request"})
    await _post(ground, b"{", headers)
    await _post(ground, *_modern("tasks/get", TASKS, taskId=task))
    await _post(ground, *_modern("resources/list"))
    await _post(ground, body, headers, "assent_agent_" + "x" * 43)
    await ground.running.parts.refusing.close()
    store = ground.running.parts.store
    found = [json.loads(one.body) for one in await store.entries(0, 1000)]
    refused = [one for one in found if one["kind"] == "call.refused"]
    assert {one["facts"]["route"] for one in refused} == {"POST /mcp"}
    assert sum(int(one["facts"].get("count", 1)) for one in refused) == 3


async def test_methods_and_versions_that_are_not_spoken_here_are_named_so(ground: Ground) -> None:
    for body, headers in (_old("resources/list"), _modern("initialize"), _old("tasks/get", taskId="x")):
        status, answer = await _post(ground, body, headers)
        assert (status, answer["error"]["code"]) == (404, -32601)
    body, _ = _old("ping")
    status, answer = await _post(ground, body, {"MCP-Protocol-Version": "2031-01-01"})
    assert (status, answer["error"]["code"]) == (400, -32022)
    assert "2026-07-28" in answer["error"]["data"]["supported"]
    body, headers = _old("initialize", protocolVersion="2024-11-05", capabilities={}, clientInfo={})
    agreed = (await _post(ground, body, headers))[1]["result"]
    assert (agreed["protocolVersion"], agreed["capabilities"]) == ("2025-11-25", {"tools": {}})


async def test_a_notification_is_taken_and_what_it_names_is_not_done(ground: Ground) -> None:
    ask = {"action": "mail.send", "parameters": {"to": "zoe"}}
    body, headers = _old("tools/call", name="request_approval", arguments=ask)
    del body["id"]
    assert await _post(ground, body, headers) == (202, None)
    assert await ground.mine() == []
    async with ground.http.get(f"{ground.url}/mcp") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_a_client_that_takes_no_events_gets_plain_json(ground: Ground) -> None:
    body, headers = _old("tools/call", name="permission_prompt", arguments=BASH)
    asked = asyncio.create_task(_post(ground, body, headers | {"Accept": "application/json"}))
    await ground.decide("approve")
    status, answer = await asked
    assert (status, "allow" in answer["result"]["content"][0]["text"]) == (200, True)
