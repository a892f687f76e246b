"""demo, serve, migrate, doctor, settings, backup: trying it and running it."""

from __future__ import annotations

import errno
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from bot import logs
from bot.app import serve as run_server
from bot.cli.call import Call
from bot.cli.options import markdown, rows_of
from bot.cli.parser import Chapter, Command
from bot.cli.reading import port, seconds
from storage.schema import backup as copy_database
from storage.schema import migrate as bring_up_to_date

if TYPE_CHECKING:
    from bot.cli.terminal import Terminal
    from bot.doctor import Finding
    from bot.settings import Settings

# By `bot.doctor.Level`. What only one command needs is imported there: `serve` should not wait for it.
MARKS = {
    "good": ("✓", "bold green"),
    "off": ("·", "dim"),
    "warn": ("!", "bold yellow"),
    "bad": ("✗", "bold red"),
}


async def demo(call: Call) -> int:
    """Show the whole thing working, on SQLite in a temporary folder."""
    from bot import demo as demonstration

    return await demonstration.run(call.args.port, call.args.seconds)


async def serve(call: Call) -> int:
    """Serve until SIGTERM or SIGINT."""
    settings = call.settings()
    logs.configure()
    try:
        await run_server(
            settings,
            examine=lambda: _examined(settings),
            ready=lambda url, problem: _listens(call.terminal, url, problem),
        )
    except OSError as error:
        if error.filename is not None:  # a file's, not the socket's
            raise
        call.terminal.bad(_deaf(settings, error))
        return 1
    return 0


def _listens(terminal: Terminal, url: str, problem: str | None) -> None:
    """Say where it listens; over a log that is not what was signed, say above all what that stops."""
    if problem is None:
        terminal.good(f"Assent listens at {url}")
        return
    terminal.bad(f"NO GRANT LEAVES: the audit log is not what was signed. Assent listens at {url}")
    for name, text in (
        ("What is wrong", problem),
        ("Refused now", "every redemption and every callback that carries a grant; /readyz answers 503"),
        (
            "Goes on",
            "asking, reviewing, denying, revoking; a grant that is not redeemed in time lapses",
        ),
        (
            "Run",
            "python -m bot audit verify (it names the first bad entry), after a copy of the database",
        ),
        ("Then", 'docs/operating.md, "It does not verify?"; it is looked at again when the server starts'),
    ):
        terminal.say(f"  {name}: {text}.")


def _deaf(settings: Settings, error: OSError) -> str:
    """Say why nobody can be listened to, and which setting to look at."""
    if error.errno == errno.EADDRINUSE:
        return f"Port {settings.port} is in use; set ASSENT_PORT to another one."
    why = "it is no address of this machine" if error.errno != errno.EACCES else "this account may not"
    return f"Assent cannot listen at {settings.host}:{settings.port}: {why}; set ASSENT_HOST or ASSENT_PORT."


async def migrate(call: Call) -> int:
    """Bring the database to this version's tables."""
    with call.terminal.progress("Migrating") as step:
        step(0, 1)
        done = await bring_up_to_date(call.settings().database_url)
    for revision in done:
        call.terminal.result(revision)
    call.terminal.good(f"{len(done)} migrations applied." if done else "The database is up to date.")
    return 0


async def doctor(call: Call) -> int:
    """Try everything that the settings promise."""
    from bot.doctor import Level, examine

    bad = 0
    async for finding in examine():
        mark, style = MARKS[finding.level]
        call.terminal.finding(mark, style, finding.what, finding.todo)
        bad += finding.level is Level.BAD
    if bad:
        call.terminal.bad(f"{bad} thing{'s' if bad > 1 else ''} to mend before this is safe to run.")
        return 1
    call.terminal.good("Ready to serve.")
    return 0


async def _examined(settings: Settings) -> AsyncIterator[Finding]:
    from bot.doctor import examine_running

    async for finding in examine_running(settings):
        yield finding


async def settings(call: Call) -> int:
    """Show every setting."""
    if call.args.markdown:
        call.terminal.result(markdown().rstrip("\n"))
        return 0
    call.terminal.table(("SETTING", "VALUE", "WHAT IT IS"), rows_of(call.settings()), "")
    return 0


async def backup(call: Call) -> int:
    """Copy the SQLite database while it is in use."""
    target, settings = call.args.file, call.settings()
    if target.exists():
        call.terminal.bad(f"{target} exists already; a backup never overwrites one.")
        return 1
    await copy_database(settings.database_url, target)
    call.terminal.good(f"The database is in {target}.")
    call.terminal.say(f"Keep {settings.keys} too, in another place: without it no secret opens.", "dim")
    return 0


def _demo_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=port, default=8400, help="a free one is taken when it is in use (default: 8400)"
    )
    parser.add_argument("--seconds", type=seconds, help="end by itself after so many seconds")


def _settings_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--markdown", action="store_true", help="write docs/settings.md")


def _backup_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="where the copy goes; must not exist")


TRYING = Chapter(
    "Try it",
    (
        Command(
            "demo",
            "show the whole thing working, with no account anywhere",
            demo,
            ("demo", "demo --port 9000", "demo --seconds 20"),
            _demo_arguments,
        ),
    ),
)
RUNNING = Chapter(
    "Run it",
    (
        Command("doctor", "try everything that the settings promise", doctor, ("doctor",)),
        Command("migrate", "bring the database to this version", migrate, ("migrate",)),
        Command("serve", "serve until stopped", serve, ("serve",)),
        Command(
            "settings",
            "show every setting, its value and its reason",
            settings,
            ("settings", "settings --markdown > docs/settings.md"),
            _settings_arguments,
        ),
        Command(
            "backup",
            "copy the SQLite database while it is in use",
            backup,
            ("backup /mnt/backup/assent.db",),
            _backup_arguments,
        ),
    ),
)
