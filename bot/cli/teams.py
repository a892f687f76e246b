"""teams: the app package for Microsoft Teams, and where the app is installed."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from bot.app.parts import TEMPLATES
from bot.cli.call import Call
from bot.cli.parser import Chapter, Command
from bot.settings import SettingsWrong, kept_environment
from handlers.render import Renderer


async def package(call: Call) -> int:
    """Write the app package that an admin uploads in Teams."""
    own = call.settings()
    if own.teams_app_id is None:
        raise SettingsWrong("ASSENT_TEAMS_APP_ID is not set; docs/teams.md says where it comes from.")
    with kept_environment():
        from handlers.teams.package import write_package  # the SDK comes with it

    write_package(call.args.file, own.teams_app_id, own.public_url, Renderer(TEMPLATES))
    call.terminal.good("Upload it: Teams admin center → Teams apps → Manage apps → Upload new app.")
    call.terminal.result(str(call.args.file))
    return 0


async def list_chats(call: Call) -> int:
    """Show where the app is installed, as Teams has told us."""
    async with call.parts() as parts:
        known = await parts.store.conversations()
    rows = [(one.kind, one.name or "-", one.account or "-", one.id) for one in known]
    call.terminal.table(
        ("KIND", "NAME", "ACCOUNT", "CONVERSATION"), rows, "Nowhere yet; add the app to a team."
    )
    return 0


def _file(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="where the package goes, as assent-teams.zip")


CHAPTER = Chapter(
    "Microsoft Teams (docs/teams.md)",
    (
        Command(
            "teams package",
            "write the app package to upload",
            package,
            ("teams package assent-teams.zip",),
            _file,
        ),
        Command("teams list", "show where the app is installed", list_chats, ("teams list",)),
    ),
)
