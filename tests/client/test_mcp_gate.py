"""`assent mcp-gate`: a tool behind it runs once when it is approved, and in no other case."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from ruamel.yaml import YAML

from assent.shell.gate.remote import Remote
from tests.client.test_questions import asks
from tests.client.world import PATIENCE, Assent, an_assent, until

SERVER = Path(__file__).with_name("mcp_server.py")
BUNDLE = """\
defaults: {unknown_action: deny, no_match: require_approval, approve_within: PT30M, execute_within: PT5M}
actions:
  mcp.box.write: {title: Write into the box, params: {text: {type: text}}}
  mcp.box.note: {title: Take a note, params: {text: {type: text}}}
  mcp.box.burn: {title: Burn the box}
  mcp.box.fail: {title: Fail}
  mcp.box.die: {title: Die}
  mcp.box.ask: {title: Ask back}
  mcp.box.hang: {title: Hang}
groups:
  dba: {members: [ana, bo]}
rules:
  - id: freely
    match: {action: [mcp.box.note, mcp.box.fail, mcp.box.die, mcp.box.ask, mcp.box.hang]}
    effect: allow
  - {id: never, match: {action: mcp.box.burn}, effect: deny, reason: Boxes are not burnt}
  - id: ask
    match: {action: mcp.box.write}
    effect: require_approval
    stages: [{name: dba, approvers: [group:dba], quorum: 1}]
"""


@dataclass
class Gate:
    """A gate in front of the small server, and a client that writes lines."""

    process: Process
    calls: Path

    def say(self, message: Any) -> None:
        """Write a message, or the bytes that are to be one."""
        assert self.process.stdin is not None
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(line + b"\n")

    def call(self, tool: str, id: Any = 7, **params: Any) -> None:
        """Call a tool."""
        told = {"name": tool, **params}
        self.say({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": told})

    async def hear(self) -> Any:
        """Read the next message."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        assert line, "the gate has ended"
        return json.loads(line)

    async def ask(self, method: str, id: Any = 99) -> Any:
        """Ask the server something that no gate is for; it has then read what was said before."""
        self.say({"jsonrpc": "2.0", "id": id, "method": method})
        return (await self.hear())["result"]

    def seen(self) -> list[Any]:
        """Return the calls that reached the server."""
        return (
            [json.loads(line) for line in self.calls.read_text().splitlines()] if self.calls.exists() else []
        )

    async def ends(self) -> int:
        """Close its input and wait for its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        _, problems = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        assert b"Traceback" not in problems, problems.decode()
        assert self.process.returncode is not None
        return self.process.returncode


async def _start(server: Assent, calls: Path, *words: str, **env: str) -> Gate:
    gate = [sys.executable, "-m", "assent", "mcp-gate", "--name", "box", *words, "--"]
    process = await asyncio.create_subprocess_exec(
        *[*gate, sys.executable, str(SERVER), str(calls)],
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=server.environment(**env),
    )
    return Gate(process, calls)


@pytest.fixture
async def server(sqlite_url: str, tmp_path: Path, free_port: int) -> AsyncIterator[Assent]:
    """A bot whose catalog knows the box."""
    async with an_assent(sqlite_url, tmp_path, free_port, BUNDLE) as made:
        yield made


@pytest.fixture
async def gate(server: Assent, tmp_path: Path) -> AsyncIterator[Gate]:
    """A gate with its client, which leaves at the end."""
    made = await _start(server, tmp_path / "calls")
    yield made
    if made.process.returncode is None:
        await made.ends()


def _refused(answer: Any) -> str:
    assert answer["result"]["isError"]
    [block] = answer["result"]["content"]
    return str(block["text"])


async def test_an_approved_call_reaches_the_server_once_and_its_outcome_is_known(
    server: Assent, gate: Gate
) -> None:
    gate.call("write", arguments={"text": "hello\u2028"})
    request = await server.pending()
    assert request["action"] == {"name": "mcp.box.write", "parameters": {"text": "hello\u2028"}}
    assert request["resource"] == {"type": "server", "id": "box"}
    assert gate.seen() == []
    await server.decide("approve")
    answer = await gate.hear()
    assert (answer["id"], answer["result"]["content"][0]["text"]) == (7, "wrote")
    assert gate.seen() == [{"name": "write", "arguments": {"text": "hello\u2028"}}]

    async def known() -> bool:
        return bool((await server.seen(request))["state"] == "succeeded")

    await until(known)
    assert await gate.ends() == 0


async def test_a_denied_call_returns_the_reason_and_never_reaches_the_server(
    server: Assent, gate: Gate
) -> None:
    gate.call("write", arguments={"text": "hello"})
    await server.decide("deny", "The box is full.")
    words = _refused(await gate.hear())
    assert words == "Assent: denied; the tool did not run: The box is full."
    assert gate.seen() == []


async def test_policy_decides_at_once_and_knows_no_other_tools(gate: Gate) -> None:
    gate.call("note", arguments={"text": "hi"})
    assert (await gate.hear())["result"]["content"][0]["text"] == "wrote"
    for tool, why in (("burn", "Boxes are not burnt"), ("unheard", "catalog"), ("w rite", "identifier")):
        gate.call(tool)
        assert why in _refused(await gate.hear())
    gate.call("note", arguments={"text": 1})
    assert "/parameters/text" in _refused(await gate.hear())
    assert len(gate.seen()) == 1


async def test_what_is_no_call_goes_through_as_it_is(gate: Gate) -> None:
    params = {"protocolVersion": "2025-11-25", "wört": [1.5, None, "\u2028"]}
    gate.say({"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": params})
    answer = await gate.hear()
    assert (answer["id"], answer["result"]) == (
        "a",
        {"method": "initialize", "params": params, "secrets": []},
    )
    assert (await gate.ask("tools/list"))["tools"][0]["name"] == "write"
    gate.call("ask", arguments={})
    assert await gate.hear() == {"jsonrpc": "2.0", "id": 1, "method": "roots/list"}
    gate.say({"jsonrpc": "2.0", "id": 1, "result": {"roots": []}})
    assert json.loads((await gate.hear())["result"]["content"][0]["text"])["result"] == {"roots": []}


CALL = '{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"write","arguments":{"text":"x"}}}'
HIDDEN = [
    f"[{CALL}]",
    CALL.replace('"id":8,', '"id":null,'),
    CALL.replace('"id":8,', ""),
    CALL.replace('"id":8,', '"id":true,'),
    CALL.replace('"method":', '"method":"ping","method":'),
    CALL.replace('"method":"tools/call"', '"method":"tools/call","method":"ping"'),
    f'{{"jsonrpc":"2.0","method":"ping","params":\r{CALL}\r}}',
    f'{{"jsonrpc":"2.0","method":"ping","params":{{"a":"\u2028{CALL[1:]}"}}}}'.replace(
        '"a":"\u2028"', '"a":"\u2028{"'
    ),
    f"{CALL}\r{CALL}",
    CALL.replace('"params":{', '"params":{"x":NaN,'),
    CALL.replace("tools/call", "tools\\u002fcall").replace('"id":8,', ""),
    f"\ufeff{CALL}",
    CALL.replace('"method"', '"Method"'),
    CALL.replace('"method"', '"method":"ping","METHOD"'),
    CALL.replace('"params"', '"params":{},"param\u017f"').replace("tools/call", "Tools/Call"),
    CALL.replace('"tools/call"', '["tools/call"]'),
    CALL.replace("tools/call", " tools/call"),
    CALL.replace("tools/call", "tools/call\\u0000"),
    CALL.replace("tools/call", "tools/call\\u0000/list"),
    CALL.replace("tools/call", "tools/\u200bcall"),
    CALL.replace("tools/call", "\\u0001tools/call\\u007f"),
    CALL.replace('"name":"write"', '"name":"note","arguments":{"text":"x"},"Name":"burn"'),
    CALL.replace('"name":"write"', '"name":"note"').replace('"arguments"', '"arguments":{},"Argument\u017f"'),
    CALL.replace('"name":"write"', '"name":"note","name\\u0000":"burn"'),
]


@pytest.mark.parametrize("line", HIDDEN)
async def test_no_spelling_smuggles_a_call_past_the_gate(gate: Gate, line: str) -> None:
    """Two readers of a line may each see another message; the server's must not see more than the gate's."""
    gate.say(line.encode())
    gate.say({"jsonrpc": "2.0", "id": 99, "method": "tools/list"})
    while (await gate.hear()).get("id") != 99:
        pass
    assert gate.seen() == []


async def test_text_that_only_looks_like_a_call_is_text(gate: Gate) -> None:
    text = f"a\u2028{CALL}\r\x85{CALL}\x0b"
    gate.say({"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"text": text}})
    assert (await gate.hear())["result"]["params"] == {"text": text}
    assert gate.seen() == []


async def test_an_id_in_use_calls_nothing_else(server: Assent, gate: Gate) -> None:
    gate.call("write", arguments={"text": "a"})
    await server.pending()
    gate.call("note", arguments={"text": "b"})
    assert (await gate.hear())["error"]["code"] == -32600
    gate.call("note", id="7", arguments={"text": "c"})  # text is another id than a number
    assert (await gate.hear())["id"] == "7"
    assert [call["arguments"]["text"] for call in gate.seen()] == ["c"]


async def test_all_that_the_server_will_see_is_shown_and_bound(server: Assent, gate: Gate) -> None:
    meta = {"progressToken": 5, "acme/force": True, "io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    gate.call("write", arguments={"text": "a"}, _meta=meta, inputResponses={"sure": {"action": "accept"}})
    request = await server.pending()
    assert request["context"] == {
        "meta": {"acme/force": True},
        "more": {"inputResponses": {"sure": {"action": "accept"}}},
    }
    beat = await gate.hear()
    assert (beat["method"], beat["params"]["progressToken"]) == ("notifications/progress", 5)
    assert beat["params"]["message"] == "waiting for 1 of dba"
    await server.decide("deny")
    answer = await gate.hear()
    while "id" not in answer:
        answer = await gate.hear()
    assert answer["result"]["resultType"] == "complete"


async def test_a_question_reaches_whoever_waits_at_the_gate(server: Assent, gate: Gate) -> None:
    gate.call("write", arguments={"text": "a"}, _meta={"progressToken": "p"})
    request = await server.pending()
    await asks(server, "Which box?")
    said = ""
    while "Which box?" not in said:
        said = (await gate.hear())["params"]["message"]
    assert (await server.run("answer", request["id"], "The red one.")).code == 0
    await server.decide("deny")
    while "id" not in await gate.hear():
        pass
    gate.process.stdin.close()  # type: ignore[union-attr]
    _, problems = await gate.process.communicate()
    assert f"answer with: assent answer {request['id']}" in problems.decode()


async def test_a_cancelled_call_is_withdrawn_and_does_not_run(server: Assent, gate: Gate) -> None:
    gate.call("write", arguments={"text": "a"})
    request = await server.pending()
    gate.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})

    async def withdrawn() -> bool:
        return bool((await server.seen(request))["state"] == "cancelled")

    await until(withdrawn)
    assert (await gate.ask("tools/list"))["tools"]
    assert gate.seen() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, None])
async def test_a_gate_that_ends_withdraws_what_waits(
    server: Assent, gate: Gate, number: signal.Signals | None
) -> None:
    gate.call("write", arguments={"text": "a"})
    request = await server.pending()
    if number is None:
        assert await gate.ends() == 0
    else:
        gate.process.send_signal(number)
        assert await asyncio.wait_for(gate.process.wait(), PATIENCE) == 128 + number
    assert (await server.seen(request))["state"] == "cancelled"
    assert gate.seen() == []


async def test_without_assent_nothing_runs(server: Assent, tmp_path: Path) -> None:
    away = {"ASSENT_URL": "http://127.0.0.1:9"}
    wrong = {"ASSENT_KEY": "assent_agent_wrong"}
    mute = {"ASSENT_KEY": await server.agent("mute", executes=False)}
    for env, why in ((away, "cannot be reached"), (wrong, "credential"), (mute, "did not run")):
        gate = await _start(server, tmp_path / "calls", "--patience", "0", **env)
        gate.call("note", arguments={"text": "a"})
        assert why in _refused(await gate.hear())
        assert (await gate.ask("tools/list"))["tools"]
        await gate.ends()
        assert gate.seen() == []


async def test_a_call_waits_through_a_restart_and_runs_once(server: Assent, gate: Gate) -> None:
    gate.call("write", arguments={"text": "a"})
    await server.pending()
    await server.stop()
    await asyncio.sleep(0.5)
    await server.start()
    await server.decide("approve")
    assert (await gate.hear())["result"]["content"][0]["text"] == "wrote"
    assert len(gate.seen()) == 1


async def test_how_a_call_ended_is_reported(server: Assent, gate: Gate) -> None:
    async def state() -> str:
        [newest, *_] = (await server.call(server.key, "GET", "/v1/requests"))["requests"]
        return f"{newest['state']}: {(newest['outcome'] or {}).get('note')}"

    gate.call("fail")
    assert (await gate.hear())["result"]["isError"]
    await until(lambda: _is(state, "failed: the tool answered with an error"))
    gate.call("hang")
    await until(lambda: len(gate.seen()) == 2)
    gate.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})
    await until(lambda: _is(state, "failed: the client withdrew the call while it ran"))
    gate.call("die")
    assert "ended before it answered" in _refused(await gate.hear())
    assert await asyncio.wait_for(gate.process.wait(), PATIENCE) == 3
    assert await _is(state, "failed: the server ended before it answered")


async def _is(state: Any, wanted: str) -> bool:
    return str(await state()).startswith(wanted)


async def test_the_tools_of_a_server_are_printed_as_a_catalog(server: Assent, tmp_path: Path) -> None:
    ran = await server.run(
        *(
            "mcp-gate",
            "--name",
            "box",
            "--catalog",
            "--",
            sys.executable,
            str(SERVER),
            str(tmp_path / "calls"),
        )
    )
    assert (ran.code, YAML(typ="safe").load(ran.out)) == (
        0,
        {
            "actions": {
                "mcp.box.write": {"title": "write", "params": {"text": {"type": "text", "optional": True}}},
                "mcp.box.a: {evil}\n#": {"title": "yes"},
            }
        },
    )
    assert not (tmp_path / "calls").exists()


async def test_a_server_that_cannot_be_told_apart_or_started_is_refused(server: Assent) -> None:
    for words in (("--name", "a.b", "--", "true"), ("--name", "box"), ("--name", "box", "--", "/no/such")):
        ran = await server.run("mcp-gate", *words)
        assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize(
    "said", ['"text"', "[1]", "7", "[" * 200_000, '{"a":' * 200_000, '"\\ud800"'], ids=lambda said: said[:8]
)
async def test_an_answer_that_is_none_still_ends_the_wait(said: str) -> None:
    async def odd(_: web.Request) -> web.Response:
        body = f'{{"jsonrpc":"2.0","id":7,"result":{said}}}'
        return web.Response(text=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/mcp", odd)
    async with TestServer(app) as served:
        remote = Remote(str(served.make_url("/mcp")), {})
        remote.send({"jsonrpc": "2.0", "id": 7, "method": "tools/list"})
        line = await asyncio.wait_for(asyncio.to_thread(next, remote.lines()), PATIENCE)
    assert json.loads(line)["id"] == 7
