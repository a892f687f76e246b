"""What a person at a terminal sees: on a real pseudo-terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from dataclasses import dataclass, field

import pytest

from assent.shell.spinner import fitted
from tests.client.world import PATIENCE, Assent, until


@dataclass
class Terminal:
    """A terminal of some width with a command in it."""

    process: asyncio.subprocess.Process
    master: int
    seen: bytearray = field(default_factory=bytearray)

    def read(self) -> None:
        """Take what is there."""
        try:
            self.seen += os.read(self.master, 65536)
        except OSError:  # nobody has the other end any more
            asyncio.get_running_loop().remove_reader(self.master)

    @property
    def text(self) -> str:
        """Return all that was written so far."""
        return self.seen.decode(errors="replace").replace("\r\n", "\n")

    async def ends(self) -> int:
        """Wait for the command's end."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


async def _open(server: Assent, *words: str, columns: int = 100, **env: str) -> Terminal:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

    def own_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "assent",
        *words,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=own_terminal,
        env=server.environment(TERM="xterm-256color", **env),
    )
    os.close(slave)
    terminal = Terminal(process, master)
    asyncio.get_running_loop().add_reader(master, terminal.read)
    return terminal


def _rows(text: str) -> list[str]:
    """Return what stands on the screen once every line was drawn over."""
    return [line.rpartition("\r\033[K")[2] for line in text.split("\n")]


async def test_it_shows_whom_it_waits_for_and_leaves_a_clean_screen(server: Assent) -> None:
    terminal = await _open(server, "run", "--", "echo", "hello", NO_COLOR="1")
    await until(lambda: "⠙ waiting for 1 of dba  0:00 · expires in 29:5" in terminal.text)
    await server.decide("approve", "fine")
    assert await terminal.ends() == 0
    await until(lambda: "sha256" in terminal.text)
    rows = _rows(terminal.text)
    assert rows[0] == "◆ shell.run: echo hello"
    assert rows[1].startswith("  code ")
    assert rows[2].removeprefix("\033[?25h").startswith("✓ approved after 0:0")
    assert rows[3] == "hello"
    assert rows[4].startswith("✓ exit 0 after ")
    assert "\033[3" not in terminal.text
    assert terminal.text.count("\033[?25l") == terminal.text.count("\033[?25h") == 1


async def test_ctrl_c_at_the_keyboard_withdraws_and_gives_the_cursor_back(server: Assent) -> None:
    terminal = await _open(server, "run", "--", "echo", "hello", columns=30)
    request = await server.pending()
    await until(lambda: "waiting for 1 of dba" in terminal.text)
    os.write(terminal.master, b"\x03")
    assert await terminal.ends() == 79
    await until(lambda: "cancelled; nothing ran" in terminal.text)
    assert "expires in" not in terminal.text  # too narrow for it
    assert terminal.text.endswith("cancelled; nothing ran\n")
    assert "\033[?25h" in terminal.text
    assert "Traceback" not in terminal.text
    assert (await server.seen(request))["state"] == "cancelled"


@pytest.mark.parametrize(
    ("text", "cells", "fits"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 6, "日本語"), ("日本語", 5, "日…"), ("abc", -2, "…")],
)
def test_a_line_never_wraps(text: str, cells: int, fits: str) -> None:
    assert fitted(text, cells) == fits
