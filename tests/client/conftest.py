"""A server a test."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client.world import OPERATOR, Assent, an_assent


@pytest.fixture
async def server(sqlite_url: str, tmp_path: Path, free_port: int) -> AsyncIterator[Assent]:
    """The whole bot on SQLite and its real clock."""
    async with an_assent(sqlite_url, tmp_path, free_port) as made:
        yield made


@pytest.fixture
async def key(server: Assent) -> str:
    """The key of an executor `mailer` that is never called."""
    _, key = await server.parts.admin.add_executor("mailer", None, OPERATOR)
    return str(key)


@pytest.fixture
def receiver_port() -> int:
    """A port on loopback besides the server's."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
