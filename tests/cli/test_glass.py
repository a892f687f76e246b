"""Breaking glass at the command line: only as the person whose token comes on standard input."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.cli.conftest import Typed
from tests.cli.test_requests import MIGRATION, _ask
from tests.fixtures.policy import DIRECTORY

HOLDERS = "fay: {break_glass: true}\ngus: {admin: true}\n"
WHY = "the shop is down"


@pytest.fixture
def request_id(install: Path) -> str:
    """A migration that waits; fay holds the role, gus is an admin."""
    (install / "policy" / "directory.yaml").write_text(DIRECTORY + HOLDERS)
    return _ask(MIGRATION)


@pytest.fixture
def as_person(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Run a command with somebody's token on standard input; the first word is their name."""

    def run(person: str, *words: str) -> object:
        token = typed("people", "token", person).last if person else ""
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
        return typed(*words)

    return run  # type: ignore[return-value]  # the same shape, one word more


def code_of(typed: Typed, request_id: str) -> str:
    """Read the short code off the list, where it stands last."""
    row = next(line for line in typed("requests", "list").out.splitlines() if request_id in line)
    return row.split()[-1].strip("│ ")


def test_glass_is_broken_and_reviewed_with_ones_own_token(
    typed: Typed, as_person: Typed, request_id: str
) -> None:
    code = code_of(typed, request_id)
    broken = as_person("fay", "requests", "break-glass", request_id, "--code", code.upper(), "--reason", WHY)
    assert broken.code == 0, broken.err
    assert "ALTER TABLE t" in broken.out  # what it was that they approved
    assert "fay broke glass" in broken.err
    assert request_id in typed("requests", "glass").out
    assert "glass broken" in typed("requests", "show", request_id).out

    found = as_person("gus", "requests", "glass-review", request_id, "improper", "--words", "it was up")
    assert found.code == 0, found.err
    assert request_id not in typed("requests", "glass").out
    assert "NOT proper, says gus: it was up" in typed("requests", "show", request_id).out


@pytest.mark.parametrize("person", ["", "ana", "ed", "gus"])
def test_nobody_else_breaks_it_and_an_operator_is_nobody(
    typed: Typed, as_person: Typed, request_id: str, person: str
) -> None:
    code = code_of(typed, request_id)
    refused = as_person(person, "requests", "break-glass", request_id, "--code", code, "--reason", WHY)
    assert refused.code == 1
    assert "pending" in typed("requests", "show", request_id).out


def test_another_code_breaks_nothing(typed: Typed, as_person: Typed, request_id: str) -> None:
    refused = as_person("fay", "requests", "break-glass", request_id, "--code", "00000000", "--reason", WHY)
    assert refused.code == 1
    assert "The code is not this request's" in refused.err
    assert "pending" in typed("requests", "show", request_id).out
