"""What a command is handed: its arguments, the terminal, the settings, and who is at the keyboard."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot import settings
from bot.app import Parts, parts
from bot.cli.terminal import Terminal
from bot.core.terms import Actor, ActorKind, Proof, Surface


@dataclass(frozen=True, slots=True)
class Call:
    """One command as it was typed."""

    args: argparse.Namespace
    terminal: Terminal

    def settings(self) -> settings.Settings:
        """Read the settings; raises `SettingsWrong`."""
        return settings.read()

    @asynccontextmanager
    async def parts(self) -> AsyncIterator[Parts]:
        """Open the database, the policy and the keys, as the server does."""
        async with parts(self.settings()) as opened:
            yield opened


def operator() -> Actor:
    """Return whoever has this shell: their name on this machine stands in the audit log."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"  # a container whose user has no name
    return Actor(ActorKind.OPERATOR, name, Surface.CLI, "", Proof.SHELL)
