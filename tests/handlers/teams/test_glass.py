"""Breaking glass in Teams: typed, shown, and confirmed by the request's code in the button's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.teams import CardView, FakeTeams, account
from tests.world import World

FAY = "29:1fay"


def holds(directory: Path) -> None:
    """Give fay the role."""
    fay = f"fay: {{break_glass: true, teams: [{account('fay')}]}}\n"
    directory.write_text(directory.read_text("utf-8") + fay, "utf-8")


@pytest.fixture
async def answer(world: World, teams: FakeTeams, request_: dict[str, Any]) -> CardView:
    """What fay, who holds the role, is answered: the button that breaks the glass is on it."""
    teams.add_user("fay")
    holds(world.running.parts.settings.policy / "directory.yaml")
    await world.running.parts.policies.check()
    await teams.install_for(FAY)
    teams.channel("ops").card("Run a database migration")
    await teams.write(FAY, f"break-glass {request_['id']} the shop is down")
    await teams.chat(FAY).coming("Run a database migration")
    return next(one for one in teams.chat(FAY).cards() if "Break the glass" in one.buttons)


async def state(world: World, request: dict[str, Any]) -> str:
    return str((await world.agent.sees(request))["state"])


def seen(teams: FakeTeams) -> None:
    """Leave what else was sent to other tests; not everybody who is told has the app."""
    teams.state.refusals.clear()
    for conversation in teams.state.conversations.values():
        for message in conversation.messages:
            message.seen = True


async def test_the_code_is_typed_before_glass_breaks(
    world: World, teams: FakeTeams, answer: CardView, request_: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match="without words"):
        answer.filled("Break the glass", None)
    typed = request_["digest"][:8].upper()
    await answer.press("Break the glass", FAY, f" {typed[:4]} {typed[4:]} ")
    assert await state(world, request_) == "approved"
    await world.settle()
    seen(teams)


@pytest.mark.parametrize("typed", [None, "", "yes", "00000000", 7])
async def test_another_code_or_none_breaks_nothing(
    world: World, teams: FakeTeams, answer: CardView, request_: dict[str, Any], typed: Any
) -> None:
    invoke = teams.pressed(answer, "Break the glass", FAY, "x")
    invoke["value"]["action"]["data"]["run_words"] = typed
    assert "not the code" in (await teams.send(invoke)).said
    assert await state(world, request_) == "pending"
    seen(teams)
