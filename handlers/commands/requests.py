"""inbox, list, show, history, cancel, revoke: what was asked, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.action import code
from bot.core.literal import visible
from bot.core.terms import Request, State
from bot.services.viewing import Viewing
from bot.services.withdrawing import Withdrawing
from handlers.commands.answers import Answer, Line, Tone, told
from handlers.commands.asked_for import Finder
from handlers.commands.story import story
from handlers.commands.words import Asked, Role, Word, always

SHOWN_MAX = 12  # requests listed in chat; the web has them all
MORE = "There are more; the web has them all:"


@dataclass(frozen=True, slots=True)
class Requests:
    """Words about requests."""

    finder: Finder
    viewing: Viewing
    withdrawing: Withdrawing

    def words(self) -> tuple[Word, ...]:
        """Return them."""
        return (
            Word("inbox", "inbox", "what waits for your review", ("inbox",), self.inbox),
            Word(
                "list",
                "list [STATE]",
                "the newest requests that you may see",
                ("list", "list pending", "list failed"),
                self.list,
            ),
            Word("show", "show CODE", "one request with its buttons", ("show 3f9a0c1b",), self.show),
            Word(
                "history",
                "history [CODE]",
                "what you decided, or what happened to one request",
                ("history", "history 3f9a0c1b"),
                self.history,
            ),
            Word(
                "cancel",
                "cancel CODE [REASON]",
                "take back what waits and was asked for you or by your agent",
                ("cancel 3f9a0c1b wrong database",),
                self.cancel,
                recorded=always,
            ),
            Word(
                "revoke",
                "revoke CODE [REASON]",
                "cancel a request, or take its unused grant back",
                ("revoke 3f9a0c1b the window has closed",),
                self.revoke,
                Role.ADMIN,
                always,
            ),
        )

    async def inbox(self, asked: Asked) -> Answer:
        """Show what waits for this person, soonest deadline first."""
        asked.nothing()
        found = await self.viewing.inbox(asked.person.name, SHOWN_MAX + 1)
        if not found:
            return told("Nothing waits for you.", Tone.GOOD)
        return self._listed("Waiting for you", found, "/")

    async def list(self, asked: Asked) -> Answer:
        """Show the newest requests, perhaps of one state."""
        states = _states(asked)
        found, _ = await self.viewing.history(asked.person.name, SHOWN_MAX + 1, None, False, states)
        if not found:
            return told("No request like that, among those that you may see.")
        title = f"Newest {states[0].value} requests" if states else "Newest requests"
        return self._listed(title, found, "/history")

    async def show(self, asked: Asked) -> Answer:
        """Show one request as its card, or the several that share a code."""
        found = await self.finder.all(asked, asked.one())
        if len(found) == 1:
            return Answer(cards=(await self.finder.card(found[0]),))
        return self._listed(f"Identical requests with code {code(found[0].digest)}", found, "/history")

    async def history(self, asked: Asked) -> Answer:
        """Show what this person decided, or what the log holds of one request."""
        if asked.rest:
            return story(await self.finder.one(asked, asked.one()))
        found, _ = await self.viewing.history(asked.person.name, SHOWN_MAX + 1, None, True)
        if not found:
            return told("You have reviewed nothing yet.")
        return self._listed("What you reviewed", found, "/history?mine=1")

    async def cancel(self, asked: Asked) -> Answer:
        """Cancel a pending request."""
        named, reason = asked.first()
        request = await self.finder.one(asked, named)
        after = await self.withdrawing.cancel(request.id, asked.person.name, reason or None, asked.actor)
        return _stopped(after)

    async def revoke(self, asked: Asked) -> Answer:
        """Cancel a pending request, or revoke an unused grant."""
        named, reason = asked.first()
        request = await self.finder.one(asked, named)
        return _stopped(await self.withdrawing.revoke(request.id, reason or None, asked.actor))

    def _listed(self, title: str, found: Sequence[Request], page: str) -> Answer:
        lines: tuple[Line, ...] = ()
        if len(found) > SHOWN_MAX:
            url = f"{self.finder.public_url}{page}"
            lines = (Line(url, name=MORE, tone=Tone.QUIET, url=url),)
        return Answer(title=title, lines=lines, table=self.finder.table(found[:SHOWN_MAX]))


def _states(asked: Asked) -> tuple[State, ...]:
    if not asked.rest:
        return ()
    name = asked.one().lower()
    if name not in set(State):
        raise asked.wrong(f"A state is one of {', '.join(State)}.")
    return (State(name),)


def _stopped(after: Request) -> Answer:
    text = (
        f"{visible(after.plan.title)[0]} (code {code(after.digest)}) is {after.state.value}; it will not run."
    )
    return told(text, Tone.GOOD)
