"""The demo's ground: a fresh folder with a policy, a database of Assent and the sample shop."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bot.settings import Settings

HOST = "127.0.0.1"
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL);
INSERT INTO customers (name, email) VALUES
    ('Noor', 'noor@example.com'), ('Sam', 'sam@example.com'), ('Yuki', 'yuki@example.com');
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers, cents INTEGER NOT NULL);
INSERT INTO orders (customer, cents) VALUES (1, 1999), (2, 450), (2, 12000), (3, 7999);
CREATE TABLE cache (region TEXT NOT NULL, page TEXT NOT NULL);
INSERT INTO cache VALUES ('eu', '/'), ('eu', '/shop'), ('us', '/');
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the demo happens."""

    folder: Path
    settings: Settings
    executor_port: int

    @property
    def shop(self) -> Path:
        """Return the database that the sample executor changes."""
        return self.folder / "shop.db"

    @property
    def url(self) -> str:
        """Return where the server is reached."""
        return self.settings.public_url

    def log(self, name: str) -> Path:
        """Return where a process writes what the terminal need not show."""
        return self.folder / f"{name}.log"


def lay(port: int) -> Ground:
    """Make a fresh folder; a port that is in use is replaced by a free one."""
    folder = Path(tempfile.mkdtemp(prefix="assent-demo-"))
    shutil.copytree(EXAMPLES / "policy", folder / "policy")
    port = _free(port)
    ground = Ground(folder, _settings(folder, port), _free(0))
    with closing(sqlite3.connect(ground.shop)) as shop:
        shop.executescript(SHOP)
    return ground


def _settings(folder: Path, port: int) -> Settings:
    """Return settings that take nothing from the environment: no account anywhere is touched."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic-settings' own argument
        database_url=f"sqlite:///{folder}/assent.db",
        policy=folder / "policy",
        keys=folder / "keys",
        checkpoints=folder / "checkpoints",
        host=HOST,
        port=port,
        public_url=f"http://{HOST}:{port}",
        egress_allow_private=True,  # the sample executor lives on loopback
        slack_bot_token=None,
        slack_signing_secret=None,
        slack_app_token=None,
    )


def _free(port: int) -> int:
    for wanted in (port, 0):
        with contextlib.suppress(OSError), socket.create_server((HOST, wanted)) as held:
            return int(held.getsockname()[1])
    raise OSError("no port is free on this machine")
