"""The Claude Code hook at the wire, with bodies as the CLI 2.1.330 sends them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.core.terms import PersonName
from handlers.claude_tools import action_of
from tests.doors.ground import Ground
from tests.world import OPERATOR

BASH = {"command": "echo hi", "description": "Say hi"}


def _call(
    name: str = "Bash", call: str = "toolu_1", event: str = "PreToolUse", **more: Any
) -> dict[str, Any]:
    return {
        "session_id": "05625acc-a5c0-42b3-bc00-22f8e4826fbe",
        "transcript_path": "/home/zoe/.claude/projects/x/05625acc.jsonl",
        "cwd": "/srv/shop",
        "prompt_id": "a9b81e8e-ccf3-496e-9ec9-64f2d20f7001",
        "permission_mode": "default",
        "effort": {"level": "medium"},
        "hook_event_name": event,
        "tool_name": name,
        "tool_input": BASH,
        "tool_use_id": call,
        **more,
    }


async def _post(ground: Ground, body: Any, query: str = "?wait=20", token: str = "", **headers: str) -> Any:
    sent = {"Authorization": f"Bearer {token or ground.agent}", **headers}
    url = f"{ground.url}/v1/hooks/claude-code{query}"
    async with ground.http.post(url, json=body, headers=sent) as response:
        assert response.status == 200
        return await response.json()


def _said(answer: Any) -> tuple[str, str]:
    decided = answer["hookSpecificOutput"]
    assert decided["hookEventName"] == "PreToolUse"
    return decided["permissionDecision"], decided["permissionDecisionReason"]


UNATTENDED = {"X-Claude-Entrypoint": "sdk-cli"}


async def test_an_approved_call_is_allowed_once_and_its_end_is_known(ground: Ground) -> None:
    asked = asyncio.create_task(_post(ground, _call()))
    [shown] = await ground.waiting()
    assert (shown["title"], shown["action"]) == (
        "Run a shell command",
        {"name": "claude.Bash", "parameters": BASH},
    )
    assert shown["context"]["directory"] == "/srv/shop"
    await ground.decide("approve")
    assert _said(await asked)[0] == "allow"
    assert [request["state"] for request in await ground.mine()] == ["released"]
    verdict, why = _said(await _post(ground, _call()))  # a session that is resumed once more
    assert (verdict, "not run again" in why) == ("deny", True)
    response = {"stdout": "hi", "stderr": "", "interrupted": False}
    assert await _post(ground, _call(event="PostToolUse", tool_response=response), "") == {}
    [request] = await ground.mine()
    assert request["state"] == "succeeded"
    assert len(request["outcome"]["output_digest"]) == 64


async def test_a_failed_call_is_reported_as_failed(ground: Ground) -> None:
    asked = asyncio.create_task(_post(ground, _call()))
    await ground.decide("approve")
    await asked
    await _post(ground, _call(event="PostToolUseFailure", error="exit 1"), "")
    assert [request["state"] for request in await ground.mine()] == ["failed"]


async def test_a_denied_call_is_denied_with_the_reviewers_words(ground: Ground) -> None:
    asked = asyncio.create_task(_post(ground, _call()))
    await ground.decide("deny", "Not on a Friday.")
    verdict, why = _said(await asked)
    assert (verdict, "Not on a Friday." in why) == ("deny", True)


async def test_policy_allows_and_denies_at_once(ground: Ground) -> None:
    reading = _call("Read", tool_input={"file_path": "/srv/shop/a"})
    assert _said(await _post(ground, reading))[0] == "allow"
    verdict, why = _said(await _post(ground, _call("Unheard", "toolu_2")))
    assert (verdict, "catalog" in why) == ("deny", True)


async def test_unanswered_it_is_deferred_where_the_cli_heeds_that_and_resumed_later(ground: Ground) -> None:
    assert _said(await _post(ground, _call(), "?wait=0", **UNATTENDED))[0] == "defer"
    await ground.decide("approve")
    later = _call(permission_mode="plan")
    del later["prompt_id"]
    assert _said(await _post(ground, later, "?wait=0", **UNATTENDED))[0] == "allow"
    assert len(await ground.mine()) == 1


async def test_in_front_of_a_terminal_it_is_denied_and_withdrawn(ground: Ground) -> None:
    """There the CLI ignores `defer`, and its own permission rules could let the call run."""
    for headers in ({}, {"X-Claude-Entrypoint": "cli"}, {"X-Claude-Entrypoint": ""}):
        call = _call(call=f"toolu_{len(headers)}{headers.get('X-Claude-Entrypoint')}")
        assert _said(await _post(ground, call, "?wait=0", **headers))[0] == "deny"
    assert {request["state"] for request in await ground.mine()} == {"cancelled"}


async def test_the_second_hook_asks_wherever_the_first_defers_and_only_there(ground: Ground) -> None:
    first = asyncio.create_task(_post(ground, _call(), "?wait=1", **UNATTENDED))
    second = asyncio.create_task(_post(ground, _call(), "/deferred?wait=1", **UNATTENDED))
    assert (_said(await first)[0], _said(await second)[0]) == ("defer", "ask")
    first = asyncio.create_task(_post(ground, _call(call="toolu_2"), **UNATTENDED))
    second = asyncio.create_task(_post(ground, _call(call="toolu_2"), "/deferred?wait=20", **UNATTENDED))
    waiting = await ground.waiting(count=2)
    body = {"verdict": "approve", "reason": "fine", "digest": waiting[-1]["digest"]}
    token = ground.tokens["ana"]
    await ground.call("POST", f"/v1/requests/{waiting[-1]['id']}/reviews", token, body)
    assert (_said(await first)[0], await second) == ("allow", {})
    assert await _post(ground, _call(call="toolu_3"), "/deferred?wait=0") == {}


async def test_an_edit_shows_what_it_changes(ground: Ground) -> None:
    edit = {"file_path": "/srv/shop/a.py", "old_string": "a = 1\nb = 2\n", "new_string": "a = 1\nb = 3\n"}
    asked = asyncio.create_task(_post(ground, _call("Edit", tool_input=edit)))
    [shown] = await ground.waiting()
    assert shown["action"]["parameters"] == edit | {"diff": "@@ -1,2 +1,2 @@\n a = 1\n-b = 2\n+b = 3"}
    await ground.decide("approve")
    assert _said(await asked)[0] == "allow"
    own = _call("Edit", "toolu_2", tool_input=edit | {"diff": "nothing at all"})
    assert _said(await _post(ground, own))[0] == "deny"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\n", "a\r\nb\n"),
        ("a\nb", "a\u2028b"),
        ("a\nb", "a\x0bb"),
        ("a\n", "a"),
        ("", "\n"),
        ("a", "a\n\n"),
    ],
)
def test_no_edit_is_shown_as_if_it_changed_nothing(old: str, new: str) -> None:
    shown = action_of("Edit", {"old_string": old, "new_string": new}).parameters["diff"]
    changed = [line for line in shown.splitlines() if line[0] in "-+"]
    assert changed
    for separator in ("\r", "\u2028", "\x0b"):
        assert (separator in shown) == (separator in old + new)


async def test_the_same_call_with_another_command_is_another_call(ground: Ground) -> None:
    await _post(ground, _call(), "?wait=0", **UNATTENDED)
    await ground.decide("approve")
    for other in ({"tool_input": {"command": "rm -rf /"}}, {"cwd": "/etc"}, {"tool_name": "Write"}):
        assert _said(await _post(ground, _call(**other), "?wait=0", **UNATTENDED))[0] == "deny"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        _call("Ba sh"),
        _call("B\u0430sh"),
        _call(tool_input=["ls"]),
        _call(tool_input={"command": 1}),
        _call(tool_input={"command": "ls", "\u202e": 1}),
        _call(call=""),
        _call(event="Stop"),
        _call(tool_input={"command": "x" * 300_000}),
    ],
)
async def test_whatever_cannot_be_read_is_denied(ground: Ground, body: Any) -> None:
    """With status 200: an error would let the call run where `onFailure` is not `block`."""
    for query in ("?wait=0", "/deferred?wait=0"):
        assert _said(await _post(ground, body, query, **UNATTENDED))[0] == "deny"
    assert await ground.mine() == []


async def test_whoever_may_not_ask_is_denied(ground: Ground) -> None:
    mute = await ground.running.parts.admin.add_agent("mute", PersonName("ed"), (), False, OPERATOR)
    for token in ("wrong", mute, ground.tokens["ana"]):
        assert _said(await _post(ground, _call(), "?wait=0", token))[0] == "deny"
    assert _said(await _post(ground, _call(), "?wait=x"))[0] == "deny"
    await ground.running.parts.admin.pause("helper", OPERATOR)
    assert _said(await _post(ground, _call(), "?wait=0"))[0] == "deny"
