"""The command line as scripts rely on it: real processes, exit codes, what stands where."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.chapters import CHAPTERS
from tests.cli.conftest import Typed

ROOT = Path(__file__).parent.parent.parent
COMMANDS = [command for chapter in CHAPTERS for command in chapter.commands]


def _process(install: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=install,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_key_is_the_last_line_and_all_other_words_are_on_standard_error(install: Path) -> None:
    done = _process(install, "agents", "add", "deployer", "--owner", "ana")
    assert done.returncode == 0
    assert re.fullmatch(r"assent_agent_[\w-]{43}\n", done.stdout)
    assert "deployer" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_a_wrong_setting_is_one_sentence_that_names_it_and_what_was_meant(install: Path) -> None:
    done = _process(install, "agents", "list", ASSENT_PROT="8400")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "✗ ASSENT_PROT is not a setting of Assent. Did you mean ASSENT_PORT?\n"


def test_a_reader_that_has_seen_enough_is_no_error(install: Path) -> None:
    script = f"{sys.executable} -m bot policy schema | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        cwd=install,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_typed_shows_every_command(typed: Typed) -> None:
    shown = typed()
    assert shown.code == 0
    for command in COMMANDS:
        assert f"  {command.path} " in shown.out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)
def test_every_command_explains_itself_with_examples_that_it_takes(
    command: object, typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    path = getattr(command, "path", "")
    shown = typed(*path.split(), "--help")
    assert shown.code == 0
    assert f"python -m bot {path}" in shown.out.partition("examples:")[2]


def test_a_misspelt_command_is_guessed(typed: Typed) -> None:
    said = typed("agnets", "list")
    assert said.code == 2
    assert "There is no 'agnets' here. Did you mean agents?" in said.err


def test_a_misspelt_verb_is_guessed(typed: Typed) -> None:
    said = typed("agents", "puase", "x")
    assert said.code == 2
    assert "Did you mean pause?" in said.err


def test_a_missing_word_is_a_usage_error(typed: Typed) -> None:
    assert typed("agents", "add", "deployer").code == 2


@pytest.mark.parametrize("hours", ["0", "-1", "13", "nan", "inf", "many"])
def test_a_token_lasts_at_most_twelve_hours(typed: Typed, hours: str) -> None:
    assert typed("people", "token", "ana", f"--hours={hours}").code == 2


def test_a_policy_that_does_not_load_stops_with_its_place(typed: Typed, install: Path) -> None:
    (install / "policy" / "bundle.yaml").write_text("actions:\n  db.migrate: {titel: x}\n")
    said = typed("agents", "add", "deployer", "--owner", "ana")
    assert said.code == 1
    assert "bundle.yaml:2:" in said.err
    assert "^" in said.err


def test_a_policy_check_that_fails_has_an_exit_code_of_its_own(typed: Typed, install: Path) -> None:
    assert typed("policy", "check").code == 0
    (install / "policy" / "bundle.yaml").write_text("actions:\n  db.migrate: {titel: x}\n")
    said = typed("policy", "check")
    assert said.code == 3
    assert "bundle.yaml:2:" in said.err


@pytest.mark.parametrize("line", ["freeze *", "requests revoke req_1"])
def test_a_reason_of_no_words_is_none(typed: Typed, line: str) -> None:
    assert typed(*line.split(), "--reason", " ").code == 2


@pytest.mark.parametrize(
    "line", ["requests show req_1", "requests revoke req_1 --reason x", "deliveries redeliver 9"]
)
def test_the_shell_is_told_what_is_not_there(typed: Typed, line: str) -> None:
    said = typed(*line.split())
    assert said.code == 1
    assert said.err.startswith("✗ There is no ")


def test_no_policy_at_all_is_said_plainly(typed: Typed, install: Path) -> None:
    (install / "policy" / "directory.yaml").unlink()
    said = typed("people", "list")
    assert said.code == 1
    assert "there is no directory.yaml" in said.err


def test_keys_that_others_can_read_stop_it(typed: Typed, install: Path) -> None:
    typed("agents", "list")
    (install / "data" / "keys").chmod(0o755)
    said = typed("agents", "add", "deployer", "--owner", "ana")
    assert said.code == 1
    assert "chmod 700" in said.err


def test_a_database_that_is_none_stops_it(
    typed: Typed, install: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (install / "data").mkdir(mode=0o700)
    (install / "data" / "assent.db").write_bytes(b"this is no database, it is a letter" * 200)
    said = typed("agents", "add", "deployer", "--owner", "ana")
    assert said.code == 1
    assert len(said.err.splitlines()) == 1
