"""The documentation's pages as what they are: programs. Their blocks are written, run and answered."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
import textwrap
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.client.world import PATIENCE, ROOT, Assent

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n]*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
# `pip install` as typed, but from this machine alone and into the test's own folder.
PIP = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "1"}


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, what else stands behind the fence, and its text."""

    language: str
    word: str
    code: str


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page in docs/."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = []
    for match in FENCE.finditer(text):
        language, _, word = match["info"].partition(" ")
        found.append(Block(language, word.strip(), textwrap.dedent(match["code"])))
    return found


def first(page: str, language: str) -> str:
    """Return the first block of a language."""
    return next(block.code for block in blocks_of(page) if block.language == language)


@dataclass
class Reader:
    """Someone who does what a page says, in a folder of their own."""

    server: Assent
    folder: Path
    python: Path  # of an environment that has what the page says, and nothing of the server's
    said: dict[str, str] = field(default_factory=dict)  # what stands in a page → what it is here
    exports: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / "client", self.folder / "client", ignore=shutil.ignore_patterns("__pycache__"))
        self.said["https://assent.example.com"] = self.server.url
        kubectl = self.folder / "bin" / "kubectl"
        kubectl.parent.mkdir()
        kubectl.write_text('#!/bin/sh\necho "namespace \\"x\\" deleted"\n')
        kubectl.chmod(0o755)

    def write(self, block: Block) -> None:
        """Save a block under the name that stands behind its fence."""
        (self.folder / block.word).write_text(self._here(block.code), "utf-8")

    async def type(self, block: Block) -> str:
        """Type a block into a shell; return what it said. Any failure fails the test."""
        code = self._here(block.code)
        process = await self._shell(block.code)
        async with asyncio.timeout(PATIENCE):
            said = (await process.communicate())[0].decode()
        assert process.returncode == 0, f"{code}\n{said}"
        self._learn(code, said)
        return said

    @asynccontextmanager
    async def leave_running(self, block: Block) -> AsyncIterator[None]:
        """Type a block that does not end; end it afterwards."""
        process = await self._shell(block.code)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            said = (await process.communicate())[0].decode()
            assert "Traceback" not in said or "KeyboardInterrupt" in said or "CancelledError" in said, said

    def _learn(self, code: str, said: str) -> None:
        """Note what a command printed and the page calls `…`."""
        for line in said.splitlines():
            for start in ("assent_agent_", "assent_executor_", "whsec_"):
                if line.startswith(start) and "python -m bot" in code:
                    self.said[f"{start}…"] = line

    def _session(self, code: str) -> str:
        """Return the code behind what was exported before, as in one terminal."""
        if "python -m bot" in code:
            return code
        self.exports += [line for line in code.splitlines() if line.startswith("export ")]
        return "\n".join([*self.exports, code])

    def _here(self, code: str) -> str:
        for there, here in self.said.items():
            code = code.replace(there, here)
        return code

    async def _shell(self, code: str) -> Process:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSENT_")}
        site = self.folder / "site"
        first = [site / "bin", self.folder / "bin", self.python.parent]
        own = {"PYTHONPATH": str(site), "PIP_TARGET": str(site)}
        if "python -m bot" in code:
            first = [Path(sys.executable).parent]
            own = {"PYTHONPATH": str(ROOT), **self._operators()}
        own["PATH"] = os.pathsep.join(map(str, [*first, inherited["PATH"]]))
        return await asyncio.create_subprocess_exec(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            self._here(self._session(code)),
            cwd=self.folder,
            env={**inherited, **PIP, **own},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )

    def _operators(self) -> dict[str, str]:
        """Return the settings of whoever runs the server."""
        settings = self.server.settings
        return {
            "ASSENT_DATABASE_URL": settings.database_url,
            "ASSENT_POLICY": str(settings.policy),
            "ASSENT_KEYS": str(settings.keys),
            "ASSENT_PUBLIC_URL": settings.public_url,
        }
