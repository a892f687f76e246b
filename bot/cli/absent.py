"""people away, back, accounts, unlink: what an operator says for somebody who cannot say it themselves."""

from __future__ import annotations

from argparse import ArgumentParser

from bot.cli.call import Call, operator
from bot.cli.parser import Command
from bot.cli.reading import instant
from bot.cli.terminal import day
from bot.core.terms import PersonName


async def away(call: Call) -> int:
    """Say that somebody is away, and who stands in."""
    person, deputy = PersonName(call.args.person), call.args.deputy
    stand_in = PersonName(deputy) if deputy else None
    async with call.parts() as parts:
        absence = await parts.absences.away(person, call.args.until, stand_in, operator())
    place = f"{deputy} may decide in their place" if deputy else "nobody stands in for them"
    call.terminal.good(f"{person} is away until {day(absence.until_at)}; {place}.")
    return 0


async def back(call: Call) -> int:
    """Say that somebody is back."""
    async with call.parts() as parts:
        await parts.absences.back(PersonName(call.args.person), operator())
    call.terminal.good(f"{call.args.person} is back.")
    return 0


async def list_absent(call: Call) -> int:
    """Show who is away, until when, and who stands in."""
    async with call.parts() as parts:
        absences = (await parts.store.registry()).absences
        now = parts.clock.now()
    rows = [
        (one.person, day(one.from_at), day(one.until_at), one.deputy or "-", one.by)
        for _, one in sorted(absences.items())
        if now < one.until_at
    ]
    call.terminal.table(("PERSON", "FROM", "UNTIL", "DEPUTY", "SAID BY"), rows, "Nobody is away.")
    return 0


async def list_accounts(call: Call) -> int:
    """Show the chat accounts that people linked; those of directory.yaml are in `people list`."""
    async with call.parts() as parts:
        links = (await parts.store.registry()).links
    rows = [(one.surface, one.account, one.person, day(one.at)) for _, one in sorted(links.items())]
    call.terminal.table(("CHAT", "ACCOUNT", "PERSON", "SINCE"), rows, "Nobody has linked an account.")
    return 0


async def unlink(call: Call) -> int:
    """Untie a linked account from its person."""
    async with call.parts() as parts:
        person = await parts.linking.unlink(call.args.chat, call.args.account, operator())
    call.terminal.good(f"{call.args.account} is no longer {person}'s; nobody can decide with it.")
    return 0


def _person(parser: ArgumentParser) -> None:
    parser.add_argument("person", metavar="PERSON", help="as directory.yaml calls them")


def _away_arguments(parser: ArgumentParser) -> None:
    _person(parser)
    parser.add_argument(
        "--until", type=instant, required=True, help="a day or an instant; UTC without a zone"
    )
    parser.add_argument("--deputy", metavar="PERSON", help="who may decide in their place (default: nobody)")


def _account(parser: ArgumentParser) -> None:
    parser.add_argument("chat", choices=("slack", "teams"))
    parser.add_argument("account", metavar="ACCOUNT", help="as `people accounts` shows it")


COMMANDS = (
    Command(
        "people away",
        "say that somebody is away, and who stands in",
        away,
        ("people away ana --until 2026-12-01 --deputy bo",),
        _away_arguments,
    ),
    Command("people back", "say that somebody is back", back, ("people back ana",), _person),
    Command("people absent", "show who is away, and who stands in", list_absent, ("people absent",)),
    Command("people accounts", "show the chat accounts people linked", list_accounts, ("people accounts",)),
    Command(
        "people unlink",
        "untie a linked chat account",
        unlink,
        ("people unlink slack T0ABC/U0ABC",),
        _account,
    ),
)
