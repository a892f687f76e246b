"""slack: in which workspaces the app is installed, where there are many."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

from bot.app import Parts
from bot.cli.call import Call, operator
from bot.cli.parser import Chapter, Command
from bot.settings import SettingsWrong

if TYPE_CHECKING:
    from handlers.slack import Installing


async def install(call: Call) -> int:
    """Print a one-time address at which a workspace's admin installs the app."""
    async with call.parts() as parts:
        address = await _installing(parts).leave(operator())
    call.terminal.good("Whoever opens this within ten minutes can install the app in one workspace, once.")
    call.terminal.result(address)
    return 0


async def list_workspaces(call: Call) -> int:
    """Show where the app is installed."""
    async with call.parts() as parts:
        held = await _installing(parts).places()
    rows = [(key, name, "every workspace of it" if key.startswith("E") else "-") for key, name in held]
    titles = ("WORKSPACE", "NAME", "COVERS")
    call.terminal.table(titles, rows, "Installed nowhere yet; `slack install` begins.")
    return 0


async def forget(call: Call) -> int:
    """Forget a workspace and its token."""
    async with call.parts() as parts:
        await _installing(parts).forget(call.args.workspace, operator())
    call.terminal.good(f"Nothing of {call.args.workspace} is held any more; remove the app there as well.")
    return 0


def _installing(parts: Parts) -> Installing:
    if parts.installing is None:
        raise SettingsWrong(
            "ASSENT_SLACK_CLIENT_ID is not set: it is for many workspaces, and one needs no more than its "
            "bot token; docs/slack.md."
        )
    return parts.installing


def _workspace(parser: ArgumentParser) -> None:
    parser.add_argument("workspace", metavar="WORKSPACE", help="T… or E…, as `slack list` shows it")


CHAPTER = Chapter(
    "Slack workspaces (docs/slack.md)",
    (
        Command("slack install", "a one-time address to install the app at", install, ("slack install",)),
        Command("slack list", "show where the app is installed", list_workspaces, ("slack list",)),
        Command("slack forget", "forget a workspace", forget, ("slack forget T0123ABCD",), _workspace),
    ),
)
