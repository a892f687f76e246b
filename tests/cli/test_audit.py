"""audit and backup: what can be proven, exported, erased and copied."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Typed


@pytest.fixture
def used(typed: Typed) -> Typed:
    """Return the command line of an install in which something happened."""
    typed("agents", "add", "deployer", "--owner", "ana")
    typed("freeze", "db.*", "--reason", "bo said so")
    typed("unfreeze", "db.*")
    return typed


def test_the_log_verifies(used: Typed) -> None:
    said = used("audit", "verify")
    assert said.code == 0
    assert said.out.startswith("entries 3, checkpoints 0, root ")


def test_a_changed_entry_is_named(used: Typed, install: Path) -> None:
    with closing(sqlite3.connect(install / "data" / "assent.db")) as held, held:
        for (trigger,) in held.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            held.execute(f"DROP TRIGGER {trigger}")
        table = held.execute(
            "SELECT name FROM sqlite_master WHERE sql LIKE '%leaf%' AND type = 'table'"
        ).fetchone()[0]
        held.execute(
            f"UPDATE {table} SET body = replace(CAST(body AS TEXT), 'freeze', 'frieze') WHERE sequence = 1"
        )
    said = used("audit", "verify")
    assert said.code == 1
    assert said.err.startswith("✗ The audit log is broken: entry 1:")
    assert said.out == ""


def test_an_export_is_json_lines_of_a_time_range(used: Typed) -> None:
    lines = used("audit", "export", "--since", "2020-01-01").out.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [0, 1, 2]
    assert used("audit", "export", "--until", "2020-01-01").out == ""
    assert used("audit", "export", "--since", "yesterday").code == 2


def test_erasing_takes_yes_and_leaves_a_log_that_verifies(used: Typed) -> None:
    assert used("audit", "erase", "ana").code == 1
    assert used("audit", "erase", "ana", "--yes").code == 0
    assert used("audit", "verify").code == 0


def test_what_the_log_does_not_hold_cannot_be_proven(used: Typed, tmp_path: Path) -> None:
    said = used("audit", "prove", "req_" + "0" * 32, "-o", str(tmp_path / "proof.json"))
    assert said.code == 1
    assert not (tmp_path / "proof.json").exists()


def test_a_checkpoint_that_is_none_is_refused(used: Typed, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("assent/audit\n3\nAAAA\n")
    assert used("audit", "verify", "--checkpoint", str(tmp_path / "note")).code == 1
    assert used("audit", "verify", "--checkpoint", str(tmp_path / "none")).code == 1


def test_a_backup_is_a_whole_database_and_overwrites_nothing(
    used: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.db"
    assert used("backup", str(copy)).code == 0
    assert used("backup", str(copy)).code == 1
    monkeypatch.setenv("ASSENT_DATABASE_URL", f"sqlite:///{copy}")
    assert used("audit", "verify").out.startswith("entries 3,")


def test_what_is_frozen_stays_until_it_is_lifted_by_its_name(typed: Typed) -> None:
    typed("freeze", "db.*", "--reason", "one")
    typed("freeze", "*", "--reason", "two")
    said = typed("unfreeze", "db.*")
    assert "* is still frozen" in said.err
    assert typed("unfreeze", "db.*").code == 1


def test_migrations_are_applied_once(typed: Typed) -> None:
    first = typed("migrate")
    assert first.code == 0
    assert first.out
    assert typed("migrate").out == ""
