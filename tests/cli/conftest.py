"""A fresh install in a folder of its own, and its command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.cli import main
from tests.fixtures.policy import write_policy


@dataclass(frozen=True)
class Said:
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """Return the last line of standard output, as `| tail -1` does."""
        return self.out.splitlines()[-1]


Typed = Callable[..., Said]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a policy, from which commands are run."""
    write_policy(tmp_path / "policy")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def typed(install: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run a command in the install."""

    def run(*words: str) -> Said:
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Said(code, said.out, said.err)

    return run
