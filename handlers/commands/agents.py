"""agents: who may ask, whether, and how much."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.core.errors import Unknown
from bot.core.literal import visible
from bot.core.terms import Agent, AgentName, Key, KeyKind, Registry
from bot.ports import Clock, Store
from bot.services.admin import Admin
from bot.services.limiting import Limiting
from handlers.commands.answers import Act, Answer, Row, Style, Table, Tone, told
from handlers.commands.words import Asked, Role, Word, always

LIMITS = re.compile(r"(pending|minute) ([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Agents:
    """Words about agents."""

    admin: Admin
    limiting: Limiting
    store: Store
    clock: Clock

    def words(self) -> tuple[Word, ...]:
        """Return them."""
        return (
            Word(
                "agents list",
                "agents list",
                "every agent, its owner and its limits",
                ("agents list",),
                self.list,
                Role.AUDITOR,
            ),
            Word(
                "agents pause",
                "agents pause NAME",
                "stop an agent from asking",
                ("agents pause deployer",),
                self.pause,
                Role.ADMIN,
                always,
            ),
            Word(
                "agents resume",
                "agents resume NAME",
                "let a paused agent ask again",
                ("agents resume deployer",),
                self.resume,
                Role.ADMIN,
                always,
                loosens=True,
            ),
            Word(
                "agents limits",
                "agents limits NAME pending COUNT minute COUNT",
                "set how many of its requests may wait, and how many it may make a minute",
                ("agents limits deployer pending 20", "agents limits deployer pending 20 minute 60"),
                self.limits,
                Role.ADMIN,
                always,
                loosens=True,
            ),
        )

    async def list(self, asked: Asked) -> Answer:
        """Show every agent, each with the button that stops or starts it."""
        asked.nothing()
        registry, now = await self.store.registry(), self.clock.now()
        if not registry.agents:
            return told("No agent is registered yet.")
        rows = tuple(
            _row(agent, registry, now, asked.person.admin) for _, agent in sorted(registry.agents.items())
        )
        titles = ("AGENT", "STATE", "OWNER", "ACTS FOR", "MAY WAIT", "A MINUTE")
        return Answer(title="Agents", table=Table(titles, rows))

    async def pause(self, asked: Asked) -> Answer:
        """Stop an agent from asking."""
        name = asked.one()
        await self.admin.pause(name, asked.actor)
        resume = Act("Resume", f"agents resume {name}")
        done = told(f"{name} is paused: it can ask for nothing until somebody resumes it.", Tone.GOOD)
        return Answer(lines=done.lines, acts=(resume,))

    async def resume(self, asked: Asked) -> Answer:
        """Let a paused agent ask again."""
        name = asked.one()
        await self.admin.resume(name, asked.actor)
        return told(f"{name} may ask again.", Tone.GOOD)

    async def limits(self, asked: Asked) -> Answer:
        """Set one of an agent's limits, or both."""
        name, rest = asked.first()
        wanted = _wanted(asked, rest)
        agent = (await self.store.registry()).agents.get(AgentName(name))
        if agent is None:
            raise Unknown(f"There is no agent {name}.")
        pending = wanted.get("pending", agent.pending_max)
        minute = wanted.get("minute", agent.per_minute)
        await self.limiting.limit(name, pending, minute, asked.actor)
        text = f"{name}: at most {pending:,} requests waiting, {minute:,} asks a minute."
        return told(text, Tone.GOOD)


def _wanted(asked: Asked, rest: str) -> dict[str, int]:
    words = " ".join(rest.lower().split())
    found = LIMITS.findall(words)
    whole = " ".join(f"{what} {count}" for what, count in found)
    if not found or whole != words or len(dict(found)) != len(found):
        raise asked.wrong()
    return {what: int(count) for what, count in found}


def _row(agent: Agent, registry: Registry, now: datetime, admin: bool) -> Row:
    state = "paused" if agent.paused_at else "active" if _keys(agent, registry, now) else "locked out"
    cells = (
        agent.name,
        state,
        agent.owner,
        ", ".join(sorted(agent.acts_for)),
        f"{agent.pending_max:,}",
        f"{agent.per_minute:,}",
    )
    resume, pause = Act("Resume", f"agents resume {agent.name}"), f"agents pause {agent.name}"
    stop = Act("Pause", pause, Style.DANGER, f"{agent.name} can then ask for nothing.")
    acts = (resume if agent.paused_at else stop,) if admin else ()
    return Row(tuple(visible(cell)[0] for cell in cells), acts)


def _keys(agent: Agent, registry: Registry, now: datetime) -> Iterable[Key]:
    own = [key for key in registry.keys.values() if key.kind is KeyKind.AGENT and key.name == agent.name]
    return [k for k in own if k.revoked_at is None and (k.expires_at is None or now < k.expires_at)]
