"""step(request, command, now) → Change: the one place that decides what becomes of a request.

Every rule refuses first; what is left is the happy path. Time is judged here by `now` against the request's
own deadlines, so a late sweep never lets a late click through.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from bot.core.machine.asking import QUESTIONS_MAX, WORDS_MAX, answered, asked, has_looked, looked
from bot.core.machine.commands import (
    BreakGlass,
    Cancel,
    Command,
    Decide,
    Delegate,
    Inquire,
    Looking,
    Personal,
    React,
    Reclaim,
    Redeem,
    Reply,
    Report,
    ReviewGlass,
    Revoke,
    Tick,
)
from bot.core.machine.delegating import delegated, reclaimed
from bot.core.machine.glass import broken, glass_reviewed, watched
from bot.core.machine.opening import opened
from bot.core.machine.reacting import reacted
from bot.core.machine.reviews import cancelled, decided, may_take_back
from bot.core.machine.running import redeemed, reported, revoked
from bot.core.machine.ticking import ticked
from bot.core.people import counted, tally
from bot.core.terms import Change, Request


def step(request: Request, command: Command, now: datetime) -> Change:
    """Return what `command` makes of `request` at `now`; raises the `Refusal` that forbids it."""
    return watched(_stepped(request, command, now))


def _stepped(request: Request, command: Command, now: datetime) -> Change:
    match command:
        case Reply():
            return answered(request, command, now)
        case Cancel():
            return cancelled(request, command, now)
        case Tick():
            return ticked(request, command, now)
        case Redeem():
            return redeemed(request, command, now)
        case Revoke():
            return revoked(request, command, now)
        case Report():
            return reported(request, command, now)
        case _:
            return _said(request, command, now)


def _said(request: Request, command: Personal, now: datetime) -> Change:
    match command:
        case Decide():
            return decided(request, command, now)
        case React():
            return reacted(request, command, now)
        case Inquire():
            return asked(request, command, now)
        case Looking():
            return looked(request, command, now)
        case Delegate():
            return delegated(request, command, now)
        case Reclaim():
            return reclaimed(request, command, now)
        case BreakGlass():
            return broken(request, command, now)
        case ReviewGlass():
            return glass_reviewed(request, command, now)
        case _:
            assert_never(command)


__all__ = [
    "QUESTIONS_MAX",
    "WORDS_MAX",
    "BreakGlass",
    "Cancel",
    "Command",
    "Decide",
    "Delegate",
    "Inquire",
    "Looking",
    "React",
    "Reclaim",
    "Redeem",
    "Reply",
    "Report",
    "ReviewGlass",
    "Revoke",
    "Tick",
    "counted",
    "has_looked",
    "may_take_back",
    "opened",
    "step",
    "tally",
]
