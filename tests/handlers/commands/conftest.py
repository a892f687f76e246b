"""The desk of a running bot, and people who type there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app.desk import desk_of
from bot.core.terms import Actor, ActorKind, Person, PersonName, Proof, Surface
from bot.doctor.finding import Finding, bad, good, warn
from handlers.commands import Answer, Desk
from handlers.pace import Pace
from tests.fixtures.policy import DIRECTORY, write_policy
from tests.world import World, a_world

PEOPLE = (
    DIRECTORY.replace("ana: {", "ana: {title: Ana Castell, deputies: [bo], ")
    + """\
au: {auditor: true}
gil: {break_glass: true}
hal: {admin: true}
"""
)


@dataclass
class Counter:
    """Where people of the directory stand and type."""

    world: World
    desk: Desk
    folder: Path

    async def types(self, person: str, line: str) -> Answer:
        """Type a command as somebody; raises the refusal."""
        account = f"T0ASSENT/U0{person.upper()}"
        actor = Actor(ActorKind.PERSON, person, Surface.SLACK, account, Proof.SIGNATURE)
        return await self.desk.run(actor, line)

    def person(self, name: str) -> Person:
        """Return somebody as the directory has them."""
        return self.world.running.parts.policies.current().directory.people[PersonName(name)]

    async def entries(self) -> list[dict[str, Any]]:
        """Return what the log holds of commands."""
        sealed = await self.world.running.parts.store.entries(0, 1000)
        bodies = [json.loads(entry.body) for entry in sealed]
        return [body for body in bodies if body["kind"] == "admin.command"]


async def findings() -> AsyncIterator[Finding]:
    """What a doctor may find."""
    yield good("The policy loads.")
    yield warn("Nobody is an admin.", "Give somebody `admin: true`.")
    yield bad("Slack does not take the token.", "Check it.")


@pytest.fixture
async def world(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole bot, without any chat."""
    policy = write_policy(tmp_path / "policy", directory=PEOPLE)
    async with a_world(sqlite_url, tmp_path, policy) as made:
        yield made


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    """Its desk."""
    running = world.running
    return Counter(
        world,
        desk_of(running.parts, Pace(running.parts.clock), running.loops.reload, findings),
        tmp_path / "policy",
    )


def text(answer: Answer) -> str:
    """Return all words of an answer, in reading order."""
    lines = [answer.title or ""]
    lines += [f"{line.name} {line.text} {line.url}".strip() for line in answer.lines]
    if answer.table:
        lines += [" | ".join(row.cells) for row in answer.table.rows]
    return "\n".join(lines)
