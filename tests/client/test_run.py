"""`assent run`: exactly what was approved, once, or nothing at all."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
from pathlib import Path

import pytest

from tests.client.world import Assent, until


async def test_an_approved_command_runs_once_and_its_outcome_is_known(server: Assent, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    words = ("run", "--", "sh", "-c", f"echo ran >> {mark}; echo out; echo err >&2")
    command = await server.begin(*words, cwd=tmp_path)
    request = await server.decide("approve")
    ran = await command.ends()
    assert (ran.code, ran.out) == (0, "out\n")
    assert "err\n" in ran.err
    assert mark.read_text() == "ran\n"
    assert request["action"] == {
        "name": "shell.run",
        "parameters": {"argv": list(words[2:]), "cwd": str(tmp_path), "host": socket.gethostname()},
    }
    seen = await server.seen(request)
    assert seen["state"] == "succeeded"
    assert seen["outcome"]["output_digest"] == hashlib.sha256(b"out\n").hexdigest()
    assert seen["outcome"]["note"].startswith("exit 0 after ")


async def test_spaces_and_metacharacters_reach_the_command_as_is(server: Assent, tmp_path: Path) -> None:
    hostile = ["a b", "$HOME", "; touch owned", "`touch owned`", "*", "'\"\\", "--json", "--", "é\u202e", ""]
    command = await server.begin("run", "--", "printf", "%s\\0", *hostile, cwd=tmp_path)
    await server.decide("approve")
    ran = await command.ends()
    assert ran.out.split("\0")[:-1] == hostile
    assert not (tmp_path / "owned").exists()
    assert "\u202e" not in ran.err


async def test_a_denied_command_does_not_run_and_the_reason_is_said(server: Assent, tmp_path: Path) -> None:
    command = await server.begin("run", "--", "touch", str(tmp_path / "mark"))
    await server.decide("deny", "we still need it")
    ran = await command.ends()
    assert ran.code == 77
    assert "denied; nothing ran: we still need it" in ran.err
    assert not (tmp_path / "mark").exists()


async def test_what_policy_allows_runs_at_once_and_what_it_denies_does_not(server: Assent) -> None:
    allowed = await server.run("run", "--action", "echo.freely", "--", "echo", "hi")
    denied = await server.run("run", "--action", "disk.wipe", "--", "echo", "hi")
    assert (allowed.code, allowed.out) == (0, "hi\n")
    assert (denied.code, denied.out) == (77, "")
    assert "Disks are wiped by hand" in denied.err


async def test_what_nobody_decides_expires_and_does_not_run(server: Assent, tmp_path: Path) -> None:
    ran = await server.run("run", "--within", "1s", "--", "touch", str(tmp_path / "mark"))
    assert ran.code == 75
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_while_waiting_withdraws_the_request(
    server: Assent, tmp_path: Path, number: signal.Signals
) -> None:
    command = await server.begin("run", "--", "touch", str(tmp_path / "mark"))
    request = await server.pending()
    command.process.send_signal(number)
    ran = await command.ends()
    assert ran.code == 79
    assert (await server.seen(request))["state"] == "cancelled"
    assert not (tmp_path / "mark").exists()


async def test_somebody_else_withdraws_it(server: Assent) -> None:
    command = await server.begin("run", "--", "echo", "hi")
    request = await server.pending()
    assert (await server.run("cancel", request["id"])).code == 0
    ran = await command.ends()
    assert (ran.code, ran.out) == (79, "")


async def test_a_signal_while_it_runs_is_handed_to_the_command(server: Assent, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"trap 'echo got it; exit 5' TERM; touch {ready}; while :; do sleep 0.05; done"
    command = await server.begin("run", "--", "sh", "-c", script)
    request = await server.decide("approve")
    await until(ready.exists)
    command.process.send_signal(signal.SIGTERM)
    ran = await command.ends()
    assert (ran.code, ran.out) == (5, "got it\n")
    assert (await server.seen(request))["outcome"]["status"] == "failed"


@pytest.mark.parametrize(
    ("argv", "code", "note"),
    [
        (["sh", "-c", "exit 3"], 3, "exit 3 after"),
        (["sh", "-c", "kill -9 $$"], 137, "SIGKILL after"),
        (["no-such-command-here"], 127, "not run: no-such-command-here"),
        (["/etc/hostname"], 126, "not run: "),
    ],
)
async def test_the_commands_own_end_is_ours(server: Assent, argv: list[str], code: int, note: str) -> None:
    command = await server.begin("run", "--", *argv)
    request = await server.decide("approve")
    assert (await command.ends()).code == code
    outcome = (await server.seen(request))["outcome"]
    assert outcome["status"] == "failed"
    assert outcome["note"].startswith(note)


async def test_it_tells_programs_in_json_and_keeps_the_keys_to_itself(server: Assent) -> None:
    command = await server.begin("run", "--json", "--", "env")
    await server.decide("approve")
    ran = await command.ends()
    events = [json.loads(line) for line in ran.err.splitlines()]
    assert [event["event"] for event in events] == ["asked", "waiting", "approved", "succeeded"]
    assert events[-1]["exit_code"] == 0
    assert events[-1]["output_digest"] == hashlib.sha256(ran.out.encode()).hexdigest()
    assert "ASSENT_" not in ran.out
    assert server.key not in ran.out + ran.err


async def test_variables_for_the_command_are_part_of_what_is_approved(server: Assent) -> None:
    words = (
        "--env",
        "COLOUR=blue",
        "--param",
        "ticket=OPS-42",
        "--on-behalf-of",
        "bo",
        "--justification",
        "x",
    )
    command = await server.begin("run", *words, "--", "sh", "-c", "echo $COLOUR")
    request = await server.decide("approve")
    assert request["action"]["parameters"]["env"] == {"COLOUR": "blue"}
    assert request["action"]["parameters"]["ticket"] == "OPS-42"
    assert (request["on_behalf_of"], request["justification"]) == ("bo", "x")
    assert (await command.ends()).out == "blue\n"


async def test_the_same_key_runs_it_once_however_often_it_is_typed(server: Assent, tmp_path: Path) -> None:
    words = ("run", "--idempotency-key", "nightly", "--", "sh", "-c", "echo ran >> mark")
    command = await server.begin(*words, cwd=tmp_path)
    await server.decide("approve")
    assert (await command.ends()).code == 0
    again = await server.run(*words, cwd=tmp_path)
    assert again.code == 78
    assert "succeeded; nothing ran" in again.err
    assert (tmp_path / "mark").read_text() == "ran\n"


async def test_an_agent_that_does_not_execute_is_told_so(server: Assent) -> None:
    key = await server.agent("asker", executes=False)
    ran = await server.run("run", "--action", "echo.freely", "--", "echo", "hi", ASSENT_KEY=key)
    assert (ran.code, ran.out) == (78, "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("run",), 2),
        (("run", "--param", "nonsense", "--", "true"), 2),
        (("run", "--param", "argv=x", "--", "true"), 2),
        (("show", "req_1", "--", "true"), 2),
        (("show", "req_1"), 78),
        (("run", "--key", "wrong", "--", "true"), 78),
        (("run", "--url", "ftp://x", "--", "true"), 2),
        (("run", "--param", "other=1", "--", "true"), 78),
    ],
)
async def test_what_cannot_be_right_says_so_and_runs_nothing(
    server: Assent, words: tuple[str, ...], code: int
) -> None:
    ran = await server.run(*words)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.strip()
