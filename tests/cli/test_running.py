"""serve, doctor and settings, as processes meet them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.app import parts
from bot.settings import read
from tests.cli.conftest import Typed

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held.getsockname()[1]


def _environment(port: int) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "ASSENT_PORT": str(port)}


def test_serve_listens_until_it_is_stopped(install: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "serve"],
        cwd=install,
        env=_environment(0) | {"ASSENT_PUBLIC_URL": "http://127.0.0.1:8400"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "server.ready" in line:
            break
    process.send_signal(signal.SIGTERM)
    said, words = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "")
    assert json.loads(words.splitlines()[-1])["event"] == "server.stopping"


def test_serve_over_a_log_that_is_not_trusted_says_first_what_it_refuses_and_what_to_run(
    install: Path, typed: Typed
) -> None:
    typed("agents", "add", "deployer", "--owner", "ana")
    asyncio.run(_checkpointed())
    for file in (install / "data").glob("assent.db*"):
        file.unlink()  # as if an older backup had been put back
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "serve"],
        cwd=install,
        env=_environment(0) | {"ASSENT_PUBLIC_URL": "http://127.0.0.1:8400"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    words: list[str] = []
    for line in process.stderr:
        words.append(line)
        if "server.ready" in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    said = "".join(words)
    assert "✓" not in said
    assert "✗ NO GRANT LEAVES: the audit log is not what was signed." in said
    assert "What is wrong: it is missing: a checkpoint was signed over " in said
    assert "Refused now: every redemption and every callback that carries a grant" in said
    assert "python -m bot audit verify" in said
    (event,) = (json.loads(line) for line in words if "log.distrusted" in line)
    assert (event["refused"], event["run"]) == ("every grant", "python -m bot audit verify")


async def _checkpointed() -> None:
    async with parts(read()) as opened:
        assert await opened.auditing.checkpoint() is not None


def test_serve_says_plainly_that_its_port_is_in_use(install: Path, taken_port: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "serve"],
        cwd=install,
        env=_environment(taken_port),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"✗ Port {taken_port} is in use; set ASSENT_PORT to another one."
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ASSENT_HOST", "192.0.2.1", "set ASSENT_HOST or ASSENT_PORT."),
        (
            "ASSENT_CHECKPOINTS",
            "letter/checkpoints",
            "let this account write there, or set ASSENT_CHECKPOINTS.",
        ),
        ("ASSENT_POLICY", "nowhere", "begin with a copy of examples/policy, or set ASSENT_POLICY"),
    ],
)
def test_what_is_missing_stops_the_start_and_says_what_to_do(
    install: Path, name: str, value: str, sentence: str
) -> None:
    (install / "letter").write_text("no folder")
    done = subprocess.run(
        [sys.executable, "-m", "bot", "serve"],
        cwd=install,
        env=_environment(0) | {name: value},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(sentence)
    assert "Traceback" not in done.stderr


def test_a_backup_is_whole_and_for_this_account_alone(typed: Typed, install: Path) -> None:
    typed("agents", "add", "deployer", "--owner", "ana")
    copy = install / "copy.db"
    assert typed("backup", str(copy)).code == 0
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as held:
        assert held.execute("SELECT name FROM agents").fetchall() == [("deployer",)]
    assert "exists already" in typed("backup", str(copy)).err


def test_a_backup_that_cannot_be_is_one_sentence(typed: Typed, install: Path) -> None:
    without = typed("backup", str(install / "copy.db"))
    assert without.code == 1
    assert "there is no database here" in without.err
    assert not (install / "data" / "assent.db").exists()
    assert not (install / "copy.db").exists()
    typed("agents", "list")
    nowhere = typed("backup", str(install / "nowhere" / "copy.db"))
    assert nowhere.code == 1
    assert len(nowhere.err.splitlines()) == 1


def test_a_database_that_does_not_answer_is_one_sentence(install: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "agents", "list"],
        cwd=install,
        env=_environment(0) | {"ASSENT_DATABASE_URL": "postgresql://assent@127.0.0.1:1/assent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    words = "✗ The database does not answer; try again in a moment. `python -m bot doctor` says more.\n"
    assert done.stderr == words


def test_the_doctor_finds_a_fresh_install_ready(typed: Typed) -> None:
    said = typed("doctor")
    assert said.code == 0
    assert "✗" not in said.out
    assert "synchronous=FULL" in said.out
    assert "Slack is off" in said.out


def test_the_doctor_leaves_an_install_as_it_finds_it(typed: Typed, install: Path) -> None:
    typed("doctor")
    assert not (install / "data" / "keys").exists()


def test_the_doctor_leaves_a_key_folder_without_keys_empty_and_names_the_log_that_will_be(
    typed: Typed, install: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (install / "data" / "keys").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("ASSENT_PUBLIC_URL", "https://assent.example.com")
    assert "The audit log is then assent.example.com/audit for ever." in typed("doctor").out
    assert list((install / "data" / "keys").iterdir()) == []
    (install / "data" / "keys").chmod(0o755)
    assert "✗ The keys do not load: data/keys can be read by others" in typed("doctor").out


def test_the_doctor_says_what_another_address_means_for_the_logs_name(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSENT_PUBLIC_URL", "https://old.example.com")
    typed("agents", "add", "deployer", "--owner", "ana")
    assert "as the address was" not in typed("doctor").out
    monkeypatch.setenv("ASSENT_PUBLIC_URL", "https://new.example.com")
    said = typed("doctor")
    assert said.code == 0
    assert "· The audit log is old.example.com/audit, as the address was when the keys were made" in said.out
    assert "now it is https://new.example.com." in said.out
    assert "  → Nothing to mend: it keeps that name" in said.out


def test_the_doctor_looks_at_executors(typed: Typed) -> None:
    typed("executors", "add", "db-runner", "--url", "http://127.0.0.1:9/assent")
    said = typed("doctor")
    assert said.code == 1
    assert "✗ db-runner: http://127.0.0.1:9/assent leads inside" in said.out
    assert "! The policy's executor payer is not registered" in said.out


def test_the_doctor_finds_agents_whose_owner_has_left(typed: Typed, install: Path) -> None:
    typed("agents", "add", "deployer", "--owner", "ana")
    directory = install / "policy" / "directory.yaml"
    directory.write_text(directory.read_text().replace("ana: {", "anna: {"))
    bundle = install / "policy" / "bundle.yaml"
    bundle.write_text(bundle.read_text().replace("ana", "anna"))
    said = typed("doctor")
    assert "✗ ana, who owns deployer, is not in the directory" in said.out
    assert typed("agents", "own", "deployer", "--owner", "anna").code == 0
    assert "who owns deployer" not in typed("doctor").out


def test_the_doctor_knows_that_executors_may_live_inside(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, taken_port: int
) -> None:
    monkeypatch.setenv("ASSENT_EGRESS_ALLOW_PRIVATE", "true")
    typed("executors", "add", "db-runner", "--url", f"http://127.0.0.1:{taken_port}/assent")
    assert f"✓ db-runner is reachable at http://127.0.0.1:{taken_port}/assent" in typed("doctor").out


@pytest.mark.parametrize("private", ["true", "false"])
def test_the_doctor_sends_nobody_to_a_setting_for_what_no_setting_opens(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, private: str
) -> None:
    monkeypatch.setenv("ASSENT_EGRESS_ALLOW_PRIVATE", private)
    typed("executors", "add", "db-runner", "--url", "http://[::ffff:169.254.169.254]/assent")
    said = typed("doctor")
    assert said.code == 1
    assert "✗ db-runner: http://[::ffff:169.254.169.254]/assent leads to ::ffff:169.254.169.254" in said.out
    assert "no setting opens them" in said.out


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("ASSENT_PUBLIC_URL", "http://assent.example.com", "✗ http://assent.example.com is not https"),
        ("ASSENT_HOST", "0.0.0.0", "✗ No ASSENT_PUBLIC_URL"),
        ("ASSENT_POLICY", "nowhere", "✗ There is no policy folder nowhere"),
        (
            "ASSENT_DATABASE_URL",
            "postgresql://a:secret@127.0.0.1:1/a",
            "✗ The database does not open: [Errno 111] Connection refused.",
        ),
        (
            "ASSENT_DATABASE_URL",
            "sqlite:////proc/nowhere/assent.db",
            "✗ The database does not open: [Errno 2] No such file or directory: '/proc/nowhere'.",
        ),
        ("ASSENT_PROT", "1", "✗ ASSENT_PROT is not a setting"),
    ],
)
def test_the_doctor_says_what_is_wrong_and_what_to_do(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, name: str, value: str, found: str
) -> None:
    monkeypatch.setenv(name, value)
    said = typed("doctor")
    assert said.code == 1
    assert found in said.out
    assert "  → " in said.out.partition(found)[2]
    assert "secret" not in said.out


def test_the_doctor_sees_a_busy_port(typed: Typed, monkeypatch: pytest.MonkeyPatch, taken_port: int) -> None:
    monkeypatch.setenv("ASSENT_PORT", str(taken_port))
    said = typed("doctor")
    assert said.code == 0
    assert f"! 127.0.0.1:{taken_port} cannot be listened on: Address already in use." in said.out


def test_the_doctor_sees_keys_that_others_can_read(typed: Typed, install: Path) -> None:
    typed("agents", "list")
    (install / "data" / "keys" / "encryption.key").chmod(0o644)
    said = typed("doctor")
    assert said.code == 1
    assert "chmod 600" in said.out


def test_the_doctor_sees_a_checkpoint_that_the_log_does_not_meet(typed: Typed, install: Path) -> None:
    typed("agents", "list")
    folder = install / "data" / "checkpoints"
    folder.mkdir()
    (folder / "latest.note").write_text(
        "elsewhere/audit\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
    )
    said = typed("doctor")
    assert said.code == 1
    assert "✗ The audit log is broken" in said.out


def test_the_doctor_has_every_line_said_by_a_mark(typed: Typed) -> None:
    for line in typed("doctor").out.splitlines():
        assert line.startswith(("✓ ", "! ", "✗ ", "· ", "  → "))


def test_settings_are_shown_with_the_values_in_force(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSENT_PORT", "9000")
    assert "ASSENT_PORT\t9000\t" in typed("settings").out
