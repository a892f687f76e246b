"""away, back, quiet, ask, delegate: what approvers say of themselves, and whom they let decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.core.action import code
from bot.core.literal import visible
from bot.core.terms import PersonName, Request
from bot.ports import Clock
from bot.services.absence import Absences, Standing
from bot.services.reviewing import Reviewing
from handlers.commands.answers import Act, Answer, Line, Tone, told
from handlers.commands.asked_for import Finder
from handlers.commands.moments import moment
from handlers.commands.words import Asked, Word, always

USUAL_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class Presence:
    """Words about being there, or not."""

    absences: Absences
    reviewing: Reviewing
    finder: Finder
    clock: Clock

    def words(self) -> tuple[Word, ...]:
        """Return them."""
        return (
            Word(
                "ask",
                "ask CODE QUESTION",
                "ask the agent; its answer appears on the card",
                ("ask 3f9a0c1b which tables does it touch?",),
                self.ask,
                recorded=always,
            ),
            Word(
                "delegate",
                "delegate CODE @NAME | delegate CODE off",
                "let your possible deputy decide this one in your place, or take that back",
                ("delegate 3f9a0c1b @bo", "delegate 3f9a0c1b off"),
                self.delegate,
                recorded=always,
            ),
            Word(
                "away",
                "away [until WHEN [to @NAME]]",
                "be away, perhaps with a deputy; alone it shows how things stand",
                ("away", "away until Friday to @bo", "away until 2026-12-01", "away until 3d"),
                self.away,
                recorded=bool,  # alone it only shows how things stand
            ),
            Word("back", "back", "be back", ("back",), self.back, recorded=always),
            Word(
                "quiet",
                "quiet FROM UNTIL [ZONE] | quiet off",
                "no reminders at these hours of each day",
                ("quiet 22:00 07:00 Europe/Paris", "quiet off"),
                self.quiet,
                recorded=always,
            ),
        )

    async def ask(self, asked: Asked) -> Answer:
        """Put a question to the agent."""
        named, text = asked.first()
        if not text:
            raise asked.wrong()
        request = await self.finder.one(asked, named)
        await self.reviewing.ask(request.id, asked.person.name, text, asked.actor)
        return told("Asked. The answer will stand on the card and in its thread.", Tone.GOOD)

    async def delegate(self, asked: Asked) -> Answer:
        """Let somebody else decide this one request, or nobody any more."""
        named, rest = asked.first()
        if rest.lower() == "off":
            return await self._reclaim(asked, named)
        deputy = PersonName(rest.removeprefix("to ").strip().removeprefix("@"))
        if not deputy or " " in deputy:
            raise asked.wrong()
        request = await self.finder.one(asked, named)
        await self.reviewing.delegate(request.id, asked.person.name, deputy, asked.actor)
        return told(f"{deputy} may now decide {_called(request)} in your place.", Tone.GOOD)

    async def _reclaim(self, asked: Asked, named: str) -> Answer:
        request = await self.finder.one(asked, named)
        await self.reviewing.reclaim(request.id, asked.person.name, asked.actor)
        return told(f"Nobody decides {_called(request)} in your place any more.", Tone.GOOD)

    async def away(self, asked: Asked) -> Answer:
        """Be away; with nothing said, show how things stand."""
        standing = await self.absences.standing(asked.person.name)
        if not asked.rest:
            return _standing(standing)
        words = asked.rest.split()
        marks = [word.lower() for word in words[::2]]
        if marks not in (["until"], ["until", "to"]) or len(words) % 2:
            raise asked.wrong()
        until_at = moment(words[1], self.clock.now(), _zone(standing))
        deputy = PersonName(words[3].removeprefix("@")) if words[2:] else None
        absence = await self.absences.away(asked.person.name, until_at, deputy, asked.actor)
        stands_in = f"{deputy} stands in for you." if deputy else "Nobody stands in for you."
        text = f"You are away until {_said(absence.until_at, _zone(standing))}. {stands_in}"
        return Answer(lines=(Line(text, tone=Tone.GOOD),), acts=(Act("I am back", "back"),))

    async def back(self, asked: Asked) -> Answer:
        """Be back."""
        asked.nothing()
        await self.absences.back(asked.person.name, asked.actor)
        return told("Welcome back. You are asked and reminded again.", Tone.GOOD)

    async def quiet(self, asked: Asked) -> Answer:
        """Set quiet hours, or end them."""
        words = asked.rest.split()
        if [word.lower() for word in words] == ["off"]:
            await self.absences.loud(asked.person.name, asked.actor)
            return told("You get reminders at any hour.", Tone.GOOD)
        if len(words) not in (2, 3):
            raise asked.wrong()
        zone = words[2] if len(words) == 3 else _zone(await self.absences.standing(asked.person.name)).key
        held = await self.absences.quiet(asked.person.name, words[0], words[1], zone, asked.actor)
        hours = f"No reminders from {held.from_} until {held.until} ({held.tz})"
        text = f"{hours}, unless a request would be over by then."
        return Answer(lines=(Line(text, tone=Tone.GOOD),), acts=(Act("End quiet hours", "quiet off"),))


def _standing(standing: Standing) -> Answer:
    zone, lines, acts = _zone(standing), list[Line](), list[Act]()
    if standing.absence is None:
        lines.append(Line("You are not away."))
    else:
        deputy = standing.absence.deputy or "nobody"
        lines.append(Line(f"until {_said(standing.absence.until_at, zone)}; {deputy} stands in", name="Away"))
        acts.append(Act("I am back", "back"))
    if standing.quiet is not None:
        quiet = standing.quiet
        lines.append(Line(f"{quiet.from_} until {quiet.until} ({quiet.tz})", name="Quiet hours"))
        acts.append(Act("End quiet hours", "quiet off"))
    if standing.stands_in_for:
        lines.append(Line(", ".join(standing.stands_in_for), name="You stand in for"))
    if standing.possible_deputies:
        lines.append(Line(", ".join(standing.possible_deputies), name="Your possible deputies"))
    return Answer(lines=tuple(lines), acts=tuple(acts))


def _called(request: Request) -> str:
    return f"{visible(request.plan.title)[0]} ({code(request.digest)})"


def _zone(standing: Standing) -> ZoneInfo:
    """Return the zone of somebody's days: that of their quiet hours."""
    return ZoneInfo(standing.quiet.tz if standing.quiet else USUAL_ZONE)


def _said(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%A %-d %B %Y, %H:%M} ({zone.key})"
