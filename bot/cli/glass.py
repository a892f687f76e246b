"""requests glass, break-glass, glass-review: the emergency at the command line, and its review.

An operator of the server is nobody in the directory and breaks no glass: who acts is the person whose token
comes on standard input, where it stands in no history and in no list of processes.
"""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from dataclasses import replace

from bot.app import Parts
from bot.cli.call import Call
from bot.cli.parser import Command
from bot.cli.reading import words
from bot.cli.shown import lines_of
from bot.cli.terminal import day
from bot.core.action import code
from bot.core.errors import OtherDigest, Unauthenticated
from bot.core.terms import Actor, PersonName, RequestId, Surface

LIMIT = 100  # rows of a list


async def list_glass(call: Call) -> int:
    """Show what was approved by breaking glass and waits for its review."""
    async with call.parts() as parts:
        owed = await parts.store.unreviewed(LIMIT)
    rows = [
        (one.id, one.state.value, one.glass.person, day(one.glass.at), day(one.glass.review_due_at))
        for one in owed
        if one.glass is not None
    ]
    titles = ("REQUEST", "STATE", "BROKEN BY", "AT", "REVIEW DUE")
    call.terminal.table(titles, rows, "No broken glass waits for its review.")
    return 0


async def break_glass(call: Call) -> int:
    """Approve by oneself; the code is the second confirmation."""
    async with call.parts() as parts:
        person, by = await _person(parts)
        request = await parts.viewing.see(RequestId(call.args.request), person)
        for line in lines_of(request):
            call.terminal.out.print(line)
        if call.args.code.lower() != code(request.digest):
            raise OtherDigest("The code is not this request's; compare it with what is shown above.")
        broken = await parts.breaking.break_glass(
            request.id, person, call.args.reason, request.digest, by, complete=True
        )
    call.terminal.warn(f"{person} broke glass: {broken.id} is {broken.state.value}. Every admin is told now.")
    return 0


async def review_glass(call: Call) -> int:
    """Say as an admin whether it was proper."""
    async with call.parts() as parts:
        person, by = await _person(parts)
        await parts.viewing.see(RequestId(call.args.request), person)
        proper = call.args.found == "proper"
        await parts.breaking.review(RequestId(call.args.request), person, proper, call.args.words, by)
    call.terminal.good(f"On record: {person} found it {call.args.found}.")
    return 0


async def _person(parts: Parts) -> tuple[PersonName, Actor]:
    """Return whose token comes on standard input; raises `Unauthenticated`."""
    token = (getpass.getpass("Your token: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not token:
        raise Unauthenticated("Send your token on standard input: `people token NAME` makes one.")
    person, _, by = await parts.knowing.person(token)
    return person, replace(by, surface=Surface.CLI)


def _request(parser: ArgumentParser) -> None:
    parser.add_argument("request", metavar="REQUEST", help="req_…")


def _break_arguments(parser: ArgumentParser) -> None:
    _request(parser)
    parser.add_argument(
        "--reason", type=words, required=True, help="why it cannot wait; every admin reads it"
    )
    parser.add_argument("--code", required=True, help="the request's short code, read off its card")


def _review_arguments(parser: ArgumentParser) -> None:
    _request(parser)
    parser.add_argument("found", choices=("proper", "improper"), help="what you found")
    parser.add_argument("--words", type=words, required=True, help="why; the audit log keeps it")


COMMANDS = (
    Command("requests glass", "show broken glass that waits for its review", list_glass, ("requests glass",)),
    Command(
        "requests break-glass",
        "approve alone in an emergency, with your own token",
        break_glass,
        ('requests break-glass req_4f… --code 9f2a61c0 --reason "the shop is down" < token',),
        _break_arguments,
    ),
    Command(
        "requests glass-review",
        "say as an admin whether it was proper",
        review_glass,
        ('requests glass-review req_4f… proper --words "it was down" < token',),
        _review_arguments,
    ),
)
