"""The home tab: what waits for you, was asked for you, you decided or delegated, and how you stand.

Each is published whole, as things are when it is drawn. Two at once do not undo each other: in this process
one waits for the other, and where another replica was first Slack refuses ours, which is drawn anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from bot.core.card import RoundupLine, roundup_line
from bot.core.errors import Refusal
from bot.core.terms import Actor, Json, PersonName, Request
from bot.ports import Clock, Later, Never
from bot.services.absence import Absences
from bot.services.viewing import Viewing
from handlers.fitting import clipped
from handlers.render import Renderer
from handlers.slack.identity import Clicker, Identity, person
from handlers.slack.troubles import repeatable
from handlers.slack.workspace import Workspace

WAITING_MAX = 20  # requests listed of what waits; 10 of the others: with headings far below 100 blocks
OTHERS_MAX = 10
TITLE_MAX, STATUS_MAX, AGENT_MAX = 150, 300, 80  # characters
KNOWN_MAX = 10_000  # people whose tab's hash is remembered

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lent:
    """A delegation of one request that still waits; `mine` when it was made by whose tab it is."""

    line: RoundupLine
    giver: PersonName
    deputy: PersonName
    at: datetime
    mine: bool


@dataclass(frozen=True, slots=True)
class Home:
    """Publishes home tabs."""

    identity: Identity
    viewing: Viewing
    absences: Absences
    clock: Clock
    renderer: Renderer
    workspace: Workspace
    public_url: str
    _hashes: dict[str, str] = field(default_factory=dict)  # of what we published last, by user
    _locks: tuple[asyncio.Lock, ...] = field(default_factory=lambda: tuple(asyncio.Lock() for _ in range(64)))

    def stands(self, user: str) -> bool:
        """Say whether this process has published somebody's tab."""
        return user in self._hashes

    async def publish(self, clicker: Clicker, said: str = "", stands: str = "") -> None:
        """Bring somebody's tab up to date: `said` is told first, `stands` is the hash that Slack names."""
        async with self._locks[hash(clicker.id) % len(self._locks)]:
            if len(self._hashes) > KNOWN_MAX:
                self._hashes.clear()
            try:
                await self._put_up(clicker, said, self._hashes.get(clicker.id) or stands)
            except (Later, Never) as error:
                log.warning("slack.home_lost", error=str(error))

    async def _put_up(self, clicker: Clicker, said: str, stands: str) -> None:
        view = await self._view(clicker, said)
        try:
            await self._publish(clicker.id, view, stands)
        except Never:
            # Somebody else published since, or the tab is another by now: draw it as things are by now.
            await self._publish(clicker.id, await self._view(clicker, said), "")

    async def _publish(self, user: str, view: Json, stands: str) -> None:
        with repeatable():
            done = await self.workspace.client.views_publish(user_id=user, view=view, hash=stands or None)
            self._hashes[user] = str((done.get("view") or {}).get("hash", ""))

    async def _view(self, clicker: Clicker, said: str) -> Json:
        """Draw the tab; who is nobody sees why, and nothing else."""
        try:
            actor = await self.identity.actor(clicker)
        except Refusal as refusal:
            return self.renderer.json(
                "slack/home.json.j2", said=refusal.detail, lists=(), lent=(), standing=None
            )
        return self.renderer.json(
            "slack/home.json.j2",
            said=said,
            lists=await self._lists(actor),
            lent=await self._lent(person(actor)),
            standing=await self.absences.standing(person(actor)),
        )

    async def _lists(self, actor: Actor) -> Sequence[Mapping[str, object]]:
        me, viewing = person(actor), self.viewing
        waiting = await viewing.inbox(me, WAITING_MAX + 1)
        asked = await viewing.asked_for(me, OTHERS_MAX)
        decided = await viewing.decided_by(me, OTHERS_MAX)
        return (
            {
                "name": "Waiting for you",
                "none": "Nothing waits for you.",
                "lines": self._lines(waiting[:WAITING_MAX]),
                "more": len(waiting) > WAITING_MAX,
            },
            {
                "name": "Asked for you or by your agents",
                "none": "Nothing was asked for you.",
                "lines": self._lines(asked),
                "more": False,
            },
            {
                "name": "You decided",
                "none": "You have decided nothing yet.",
                "lines": self._lines(decided),
                "more": False,
            },
        )

    async def _lent(self, me: PersonName) -> list[Lent]:
        found = await self.viewing.delegated(me, OTHERS_MAX)
        lines = self._lines([request for request, _ in found])
        return [
            Lent(line, one.giver, one.deputy, one.at, mine=one.giver == me)
            for line, (_, one) in zip(lines, found, strict=True)
        ]

    def _lines(self, requests: Sequence[Request]) -> list[RoundupLine]:
        now = self.clock.now()
        pages = ((one, f"{self.public_url}/requests/{one.id}") for one in requests)
        return [
            clipped(roundup_line(one, now, page, 0, {}), TITLE_MAX, STATUS_MAX, AGENT_MAX)
            for one, page in pages
        ]
