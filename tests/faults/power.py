"""Cuts the power: what was not synced is gone, as on a machine that falls silent between two instructions."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from tests.faults.planted import SYNCHRONOUS

SHIM = Path(__file__).with_name("forgetful.c")
EARLY = 8  # one unsynced write in so many is on the disk all the same, perhaps torn: FULL must bear that


@dataclass(frozen=True)
class Disk:
    """A folder whose files forget: `live` is what processes see, `platters` what a power cut leaves."""

    live: Path
    platters: Path
    library: Path

    @classmethod
    def made(cls, folder: Path) -> Self:
        """Make one; what is put into `live` before anything runs counts as synced after `settle`."""
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            pytest.skip("NO C COMPILER: apt-get install gcc")
        live, platters, library = folder / "live", folder / "platters", folder / "forgetful.so"
        live.mkdir(parents=True)
        build = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SHIM), "-ldl", "-lpthread"]
        subprocess.run(build, check=True)
        return cls(live, platters, library)

    @property
    def url(self) -> str:
        """The database on it."""
        return f"sqlite:///{self.live / 'assent.db'}"

    def settle(self) -> None:
        """Have everything on the platters, while nothing runs."""
        shutil.rmtree(self.platters, ignore_errors=True)
        shutil.copytree(self.live, self.platters)

    def cut(self) -> None:
        """Leave what is on the platters and nothing else; every process that wrote is dead already."""
        for path in self.live.iterdir():
            path.unlink()
        shutil.copytree(self.platters, self.live, dirs_exist_ok=True)

    def environment(self, synchronous: str = "FULL") -> dict[str, str]:
        """What a process that is to write on it runs with."""
        return {
            "LD_PRELOAD": str(self.library),
            "FORGETFUL_LIVE": str(self.live),
            "FORGETFUL_DISK": str(self.platters),
            "FORGETFUL_EARLY": str(EARLY if synchronous == "FULL" else 0),
            SYNCHRONOUS: synchronous,
        }
