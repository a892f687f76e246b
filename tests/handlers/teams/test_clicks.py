"""People decide in Teams: each click once, in words where the policy wants them, and every copy follows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.teams import CardView, FakeTeams
from tests.world import World

ANA, BO, DI, ED = "29:1ana", "29:1bo", "29:1di", "29:1ed"
MIGRATION = "Run a database migration"
Request = dict[str, Any]


@pytest.fixture
def card(teams: FakeTeams, request_: Request) -> CardView:
    return teams.channel("ops").card(MIGRATION)


async def state(world: World, request: Request) -> str:
    return str((await world.agent.sees(request))["state"])


async def test_a_card_in_a_channel_is_approved_and_every_copy_follows(
    world: World, teams: FakeTeams, card: CardView, request_: Request
) -> None:
    assert card.buttons[:3] == ["Approve", "Deny", "Comment"]
    answer = await card.press("Approve", ANA)
    assert answer.status == 200
    assert await state(world, request_) == "approved"
    assert "Approved by ana" in "\n".join(str(card.content(ANA)).splitlines())
    await world.settle()
    assert "Approved by ana" in card.text
    assert card.buttons == ["View full"]
    assert card.thread == ["Approved. The executor may run it once. ana approved."]
