"""What a server loads before it answers: nothing that an install may never ask for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Typed

ROOT = Path(__file__).parent.parent.parent
IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)
# By `python -X importtime`, each with what it is for.
LATER = {
    "alembic": "a database that is not up to date",
    "asyncpg": "PostgreSQL",
    "sqlalchemy.dialects.postgresql": "PostgreSQL",
    "slack_bolt": "Slack",
    "slack_sdk": "Slack",
    "microsoft_teams": "Teams",
    "handlers.commands": "either chat",
    "PIL": "the picture of `stats`",
    "icalendar": "groups that are on call",
    "jinja2": "the first card or page",
    "joserfc": "agents that prove their instances",
    "rich.progress": "other commands",
    "bot.cli.chapters": "other commands",
    "bot.demo": "other commands",
    "bot.doctor": "other commands",
}


def test_serve_loads_nothing_that_waits_for_somebody_to_ask(install: Path, typed: Typed) -> None:
    typed("migrate")
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "bot", "serve"],
        cwd=install,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ASSENT_PORT": "0"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    while "server.ready" not in (line := process.stderr.readline()):
        assert line, said[-2000:]
        said += line
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    loaded = set(IMPORTED.findall(said))
    assert "storage.tables" in loaded  # so that we know how to read it
    assert {name: why for name, why in LATER.items() if name in loaded} == {}
