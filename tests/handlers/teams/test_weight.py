"""The SDK's cost is paid only where Teams is configured, and it changes nothing of our environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = ("microsoft_teams", "fastapi", "uvicorn", "msal", "httpx", "starlette")
WITHOUT = f"""
import sys
import bot.app.server, bot.cli, bot.doctor, handlers.commands
from bot.app.teams import teams_of
held = [name for name in {HEAVY!r} if name in sys.modules]
assert not held, held
"""
WITH = """
import os, sys
from bot.settings import kept_environment
before = dict(os.environ)
with kept_environment():
    import handlers.teams
assert "microsoft_teams.apps" in sys.modules
assert dict(os.environ) == before, os.environ.keys() - before.keys()
"""
TOP = Path(__file__).parents[3]


def run(program: str, folder: Path) -> None:
    """Run a program in a folder, without our settings."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TOP), "HOME": str(folder)}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_without_teams_nothing_of_its_sdk_is_imported(tmp_path: Path) -> None:
    run(WITHOUT, tmp_path)


def test_the_sdk_reads_no_file_into_our_environment_and_warns_of_nothing(tmp_path: Path) -> None:
    lines = "CLIENT_SECRET=stolen\nDANGEROUSLY_ALLOW_UNAUTHENTICATED_REQUESTS=true\n"
    (tmp_path / ".env").write_text(lines, "utf-8")
    run(WITH, tmp_path)
