"""Clients that are not ours, each installed unmodified into an environment of its own, kept between runs.

The environments lie in `~/.cache/assent-doors` (`DOORS_CACHE`). Where the package index cannot be reached,
the tests that need one are skipped, loudly.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from filelock import FileLock

INSTALLED_WITHIN = 600  # seconds


def _cache() -> Path:
    return Path(os.environ.get("DOORS_CACHE") or Path.home() / ".cache" / "assent-doors")


def python_with(*requirements: str) -> Path:
    """Return the Python of an environment that holds these requirements."""
    named = sha256("\n".join((sys.version, *requirements)).encode()).hexdigest()[:12]
    folder = _cache() / f"{requirements[0].partition('=')[0].partition('[')[0]}-{named}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            _install(folder, requirements)
    return folder / "bin" / "python"


def _install(folder: Path, requirements: tuple[str, ...]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = ("-m", "pip", "install", "-q", "--disable-pip-version-check", "--retries", "1")
    done = subprocess.run(
        [folder / "bin" / "python", *pip, *requirements],
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALLED_WITHIN,
    )
    if done.returncode:
        wanted = ", ".join(requirements)
        pytest.skip(
            f"NO REAL CLIENT: pip install {wanted} failed, so nothing is proven here: {done.stderr[-300:]}"
        )
    (folder / "complete").touch()


def npm_package(name: str, version: str) -> Path:
    """Return the folder of an npm package."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip(f"NO REAL CLIENT: there is no npm, so nothing is proven here of {name} from npm")
    folder = _cache() / f"npm-{name}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            quiet = ("--silent", "--no-audit", "--no-fund")
            done = subprocess.run(
                [npm, "install", *quiet, "--prefix", folder, f"{name}@{version}"],
                capture_output=True,
                check=False,
                timeout=INSTALLED_WITHIN,
            )
            if done.returncode:
                pytest.skip(f"NO REAL CLIENT: npm install {name} failed, so nothing is proven here")
            (folder / "complete").touch()
    return folder / "node_modules" / name
