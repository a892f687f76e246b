"""The desk at which people's commands are answered; both chats share its words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from bot.app.parts import Parts
from bot.services.counting import Counting
from bot.services.explaining import Explaining
from bot.services.limiting import Limiting
from handlers.commands import Desk, Finder, Finding, Vocabulary, Word
from handlers.commands.agents import Agents
from handlers.commands.checkup import Doctor, Stats
from handlers.commands.glass import Glass
from handlers.commands.log import Log
from handlers.commands.people import People
from handlers.commands.policy import Policy
from handlers.commands.presence import Presence
from handlers.commands.requests import Requests
from handlers.commands.stopping import Deliveries, Stopping
from handlers.commands.tying import Tying
from handlers.pace import Pace

Examine = Callable[[], AsyncIterator[Finding]]


def desk_of(made: Parts, pace: Pace, reload: Callable[[], Awaitable[None]], examine: Examine | None) -> Desk:
    """Put the words together; without `examine` there is no doctor in chat."""
    store, policies, clock = made.store, made.policies, made.clock
    finder = Finder(made.viewing, clock, made.public_url)
    limiting, explaining = Limiting(store, clock), Explaining(store, policies, clock, made.keys)
    tying = Tying(made.linking, made.public_url)
    chapters: list[tuple[Word, ...]] = [
        Requests(finder, made.viewing, made.withdrawing).words(),
        Presence(made.absences, made.reviewing, finder, clock).words(),
        People(policies, made.entering, made.public_url).words(),
        tying.words(),
        Glass(made.breaking, finder, made.keys.commitment).words(),
        Log(made.auditing, finder).words(),
        Stats(Counting(store, clock)).words(),
        Policy(policies, explaining, finder, clock, reload).words(),
        Agents(made.admin, limiting, store, clock).words(),
        Stopping(made.freezing, store, policies, clock).words(),
        Deliveries(made.redelivering, store, clock).words(),
        Doctor(examine).words() if examine else (),
    ]
    words = tuple(word for chapter in chapters for word in chapter)
    return Desk(Vocabulary(words), store, policies, clock, tying, made.refusing, pace)
