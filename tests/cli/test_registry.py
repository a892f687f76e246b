"""agents, executors, people, keys: registered, listed, paused, rotated, revoked, and each act in the log."""

from __future__ import annotations

import getpass
import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Typed


def test_an_agent_is_registered_listed_paused_and_locked_out(typed: Typed) -> None:
    typed("agents", "add", "deployer", "--owner", "ana", "--acts-for", "ana", "--acts-for", "bo")
    assert "deployer\tana\tana, bo\tactive\t1" in typed("agents", "list").out
    typed("agents", "pause", "deployer")
    assert "\tpaused\t" in typed("agents", "list").out
    typed("agents", "resume", "deployer")
    typed("agents", "revoke", "deployer")
    assert "\tlocked out\t0" in typed("agents", "list").out


def test_what_stops_agents_and_actions_works_while_the_policy_does_not_load(
    typed: Typed, install: Path
) -> None:
    typed("agents", "add", "deployer", "--owner", "ana")
    (install / "policy" / "bundle.yaml").write_text("rules: [")
    assert typed("agents", "add", "other", "--owner", "ana").code == 1
    assert typed("agents", "pause", "deployer").code == 0
    assert typed("freeze", "db.*", "--reason", "incident").code == 0
    assert typed("freeze", "*", "--reason", "incident").code == 0
    assert typed("agents", "revoke", "deployer").code == 0
    assert typed("unfreeze", "*").code == 0


@pytest.mark.parametrize("pattern", ["DB.*", "db.migrat", "db.migrate ", "d b", "", "db.?"])
def test_a_freeze_that_would_stop_nothing_is_refused_and_says_what_there_is(
    typed: Typed, pattern: str
) -> None:
    said = typed("freeze", pattern, "--reason", "incident")
    assert said.code == 1
    assert "db.migrate" in said.err or "such as db.* or *" in said.err
    for good in ("db.*", "*", "*.refund", "db.migrate"):
        assert typed("freeze", good, "--reason", "incident").code == 0


def test_the_public_key_of_callbacks_is_shown_beside_the_executors(typed: Typed) -> None:
    added = typed("executors", "add", "db-runner")
    assert [line.partition("_")[0] for line in added.out.splitlines()] == ["whsec", "assent"]
    [key] = re.findall(r"whpk_[A-Za-z0-9+/]{43}=", added.err)
    assert key in typed("executors", "list").err


def test_two_agents_cannot_share_a_name(typed: Typed) -> None:
    typed("agents", "add", "deployer", "--owner", "ana")
    said = typed("agents", "add", "deployer", "--owner", "bo")
    assert (said.code, said.out) == (1, "")
    assert said.err == "✗ There is already an agent deployer.\n"


def test_an_agent_needs_an_owner_whom_the_directory_knows(typed: Typed) -> None:
    said = typed("agents", "add", "deployer", "--owner", "mallory")
    assert (said.code, said.out) == (1, "")
    assert "directory.yaml" in said.err


@pytest.mark.parametrize("name", ["", "two words", "dep\u202eloyer", "a\nb"])
def test_an_agents_name_is_an_identifier(typed: Typed, name: str) -> None:
    assert typed("agents", "add", name, "--owner", "ana").code == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://ana:s3cret@runner.example.com/assent", "holds no name or password"),
        ("https://runner.example.com/assent#s3cret", "has no fragment"),
        ("runner.example.com", "is an http or https URL"),
    ],
)
def test_an_executors_address_holds_no_password_and_nothing_that_is_never_sent(
    typed: Typed, url: str, words: str
) -> None:
    said = typed("executors", "add", "db-runner", "--url", url)
    assert said.code != 0
    assert f"✗ A callback address {words}" in said.err
    assert "s3cret" not in said.out + said.err
    assert "db-runner" not in typed("executors", "list").out


def test_an_executors_secret_stands_on_the_line_above_its_key(typed: Typed) -> None:
    said = typed("executors", "add", "db-runner", "--url", "https://runner.example.com/assent")
    secret, key = said.out.splitlines()
    assert secret.startswith("whsec_")
    assert key.startswith("assent_executor_")
    assert "db-runner\thttps://runner.example.com/assent\tactive\t1" in typed("executors", "list").out


def test_a_rotation_leaves_the_old_key_in_force_for_a_day(typed: Typed) -> None:
    first = typed("executors", "add", "db-runner")
    second = typed("executors", "rotate", "db-runner")
    assert first.last != second.last
    assert "\tactive\t2" in typed("executors", "list").out
    keys = typed("keys", "list").out.splitlines()[1:]
    assert [line.split("\t")[3] for line in keys] == ["in force", "in force"]
    assert [line.split("\t")[5] == "-" for line in keys] == [False, True]


def test_an_executor_that_asks_for_itself_needs_no_address(typed: Typed) -> None:
    assert typed("executors", "add", "db-runner").code == 0
    assert typed("executors", "add", "other", "--url", "ftp://example.com").code == 1


def test_a_person_gets_a_token_that_can_be_revoked(typed: Typed) -> None:
    assert typed("people", "token", "ana", "--hours", "1").last.startswith("assent_person_")
    assert typed("people", "list").out.splitlines()[1].split("\t")[-1] == "1"
    typed("people", "revoke", "ana")
    assert typed("people", "list").out.splitlines()[1].split("\t")[-1] == "0"


def test_a_person_gets_a_one_time_address(typed: Typed) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:8400/enter#[\w-]{43}", typed("people", "link", "ana").last)
    assert typed("people", "link", "mallory").code == 1


def test_one_key_is_revoked_by_its_id(typed: Typed) -> None:
    typed("agents", "add", "deployer", "--owner", "ana")
    key = typed("keys", "list").out.splitlines()[1].split("\t")[0]
    assert typed("keys", "revoke", key).code == 0
    assert "\trevoked\t" in typed("keys", "list").out
    assert typed("keys", "revoke", "000000000000").code == 1


def test_the_servers_keys_rotate(typed: Typed, install: Path) -> None:
    typed("keys", "list")
    assert typed("keys", "rotate").code == 0
    assert len(list((install / "data" / "keys").glob("grant-*.pem"))) == 2


def test_secrets_are_shown_once_and_stored_nowhere(typed: Typed, install: Path) -> None:
    secrets = [
        typed("agents", "add", "deployer", "--owner", "ana").last,
        *typed("executors", "add", "db-runner").out.splitlines(),
        typed("people", "token", "ana").last,
        typed("people", "link", "ana").last.partition("#")[2],
    ]
    kept = b"".join(path.read_bytes() for path in install.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    "words",
    [
        ("agents", "add", "other", "--owner", "ana"),
        ("agents", "pause", "deployer"),
        ("agents", "resume", "deployer"),
        ("agents", "rotate", "deployer"),
        ("agents", "revoke", "deployer"),
        ("executors", "add", "db-runner"),
        ("people", "token", "ana"),
        ("people", "link", "ana"),
        ("keys", "rotate"),
        ("freeze", "db.*", "--reason", "restoring"),
        ("audit", "erase", "bo", "--yes"),
    ],
    ids=" ".join,
)
def test_every_admin_command_is_an_audit_entry_by_the_person_at_the_shell(
    typed: Typed, words: tuple[str, ...]
) -> None:
    typed("agents", "add", "deployer", "--owner", "ana")
    before = len(typed("audit", "export").out.splitlines())
    assert typed(*words).code == 0
    entry = json.loads(typed("audit", "export").out.splitlines()[-1])
    assert entry["sequence"] == before
    assert entry["by"] == {"kind": "operator", "proof": "shell", "surface": "cli"}
    assert getpass.getuser() not in json.dumps(entry)


def test_the_directory_is_listed_with_every_group(typed: Typed) -> None:
    rows = {line.split("\t")[0]: line.split("\t")[2] for line in typed("people", "list").out.splitlines()}
    assert rows["cy"] == "dba, leads"  # where the bundle says so, too
