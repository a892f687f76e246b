"""requests, freeze, deliveries: what was asked, what is stopped, what could not be sent."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager

from bot.cli.call import Call, operator
from bot.cli.glass import COMMANDS as GLASS
from bot.cli.parser import Chapter, Command
from bot.cli.reading import count, words
from bot.cli.shown import lines_of
from bot.cli.terminal import day
from bot.core.errors import Unknown
from bot.core.terms import RequestId, State

LIMIT = 50  # rows of a list, unless --limit says otherwise


async def list_requests(call: Call) -> int:
    """Show the newest requests."""
    states = [State(one) for one in call.args.state]
    async with call.parts() as parts:
        found = await parts.store.recent(call.args.limit, None, states)
    rows = [
        (r.id, r.state.value, r.subject.agent, r.action.name, day(r.created_at), r.digest[:8]) for r in found
    ]
    titles = ("REQUEST", "STATE", "AGENT", "ACTION", "ASKED", "CODE")
    call.terminal.table(titles, rows, "No request like that.")
    return 0


async def show_request(call: Call) -> int:
    """Show one request: everything that would run, and what became of it."""
    async with call.parts() as parts:
        with _named(f"request {call.args.request}"):
            request = await parts.store.get(RequestId(call.args.request))
    for line in lines_of(request):
        call.terminal.out.print(line)
    return 0


async def revoke_request(call: Call) -> int:
    """Cancel a pending request, or take an unused grant back."""
    async with call.parts() as parts:
        with _named(f"request {call.args.request}"):
            after = await parts.withdrawing.revoke(RequestId(call.args.request), call.args.reason, operator())
    call.terminal.good(f"{after.id} is {after.state.value}; it will not run.")
    return 0


async def freeze(call: Call) -> int:
    """Stop actions that match a pattern."""
    async with call.parts() as parts:
        await parts.freezing.freeze(call.args.pattern, call.args.reason, operator())
    call.terminal.good(f"{call.args.pattern} is frozen: nothing like it is taken in, nothing redeemed.")
    call.terminal.say(f"python -m bot unfreeze '{call.args.pattern}' lifts it.", "dim")
    return 0


async def unfreeze(call: Call) -> int:
    """Lift a freeze."""
    async with call.parts() as parts:
        await parts.freezing.unfreeze(call.args.pattern, operator())
        left = (await parts.store.registry()).freezes
    call.terminal.good(f"{call.args.pattern} is no longer frozen.")
    for one in left:
        call.terminal.warn(f"{one.pattern} is still frozen by {one.by}: {one.reason}")
    return 0


async def list_deliveries(call: Call) -> int:
    """Show dead letters: what was given up after the last try."""
    async with call.parts() as parts:
        letters = await parts.store.letters(call.args.limit)
    rows = [
        (
            str(one.id),
            one.kind,
            one.address,
            one.request_id or "-",
            str(one.attempts),
            day(one.at),
            one.problem,
        )
        for one in letters
    ]
    titles = ("ID", "KIND", "TO", "REQUEST", "TRIES", "GIVEN UP", "WHY")
    call.terminal.table(titles, rows, "No dead letters: everything was delivered or is still being tried.")
    return 0


async def redeliver(call: Call) -> int:
    """Send a dead letter again."""
    async with call.parts() as parts:
        with _named(f"dead letter {call.args.delivery}"):
            await parts.redelivering.redeliver(call.args.delivery, operator())
    call.terminal.good(f"Delivery {call.args.delivery} is queued again; the running server sends it.")
    return 0


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Say what is not there: whoever has the shell may see everything, so there is nothing to hide."""
    try:
        yield
    except Unknown as unknown:
        raise Unknown(f"There is no {what}.") from unknown


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--state",
        action="append",
        default=[],
        choices=[state.value for state in State],
        help="repeat for several",
    )
    _limit(parser)


def _limit(parser: ArgumentParser) -> None:
    parser.add_argument("--limit", type=count, default=LIMIT, help=f"at most so many (default: {LIMIT})")


def _request(parser: ArgumentParser) -> None:
    parser.add_argument("request", metavar="REQUEST", help="req_…")


def _revoke_arguments(parser: ArgumentParser) -> None:
    _request(parser)
    parser.add_argument("--reason", type=words, required=True, help="the audit log keeps it")


def _pattern(parser: ArgumentParser) -> None:
    parser.add_argument(
        "pattern", metavar="PATTERN", help="an action's name; `db.*` is all of a kind, `*` everything"
    )


def _freeze_arguments(parser: ArgumentParser) -> None:
    _pattern(parser)
    parser.add_argument("--reason", type=words, required=True, help="people and the audit log read it")


def _delivery(parser: ArgumentParser) -> None:
    parser.add_argument("delivery", metavar="ID", type=count, help="as `deliveries list` shows it")


CHAPTER = Chapter(
    "What is asked, and how to stop it",
    (
        Command(
            "requests list",
            "show the newest requests",
            list_requests,
            ("requests list", "requests list --state pending --limit 10"),
            _list_arguments,
        ),
        Command(
            "requests show", "show one request whole", show_request, ("requests show req_4f…",), _request
        ),
        Command(
            "requests revoke",
            "cancel it, or take its unused grant back",
            revoke_request,
            ('requests revoke req_4f… --reason "wrong database"',),
            _revoke_arguments,
        ),
        *GLASS,
        Command(
            "freeze",
            "stop actions, before and after approval",
            freeze,
            ('freeze "db.*" --reason "restoring a backup"', 'freeze "*" --reason "incident 12"'),
            _freeze_arguments,
        ),
        Command("unfreeze", "lift a freeze", unfreeze, ('unfreeze "db.*"',), _pattern),
        Command("deliveries list", "show dead letters", list_deliveries, ("deliveries list",), _limit),
        Command(
            "deliveries redeliver",
            "send a dead letter again",
            redeliver,
            ("deliveries redeliver 17",),
            _delivery,
        ),
    ),
)
