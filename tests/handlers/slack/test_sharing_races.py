"""Two replicas, identical requests, decisions and sends all at once: no card is lost, and none lies."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_views import CardView
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.workspace import a_world_in, look_at_all
from tests.world import PersonFake, World, a_replica

Pair = tuple[World, World]


@pytest.fixture
async def replicas(slack: FakeSlack, postgres_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Two replicas of the bot on one PostgreSQL and one Slack."""
    policy = write_policy(tmp_path / "policy", BUNDLE)
    async with a_world_in(slack, postgres_url, tmp_path, policy) as one, a_replica(one) as other:
        yield one, other
        look_at_all(slack)


async def decided(person: PersonFake, request: dict[str, Any], verdict: str) -> None:
    await person.reviews(request, verdict, "because")


async def settled(one: World, other: World) -> None:
    """Let both replicas send until nothing is left."""
    for _ in range(3):
        await asyncio.gather(one.settle(), other.settle())


def decides(card: CardView) -> str | None:
    """Return the request that the card's buttons decide; None when they decide nothing."""
    if "Approve" not in card.buttons:
        return None
    return str(card.element("Approve")["value"]).split()[0]


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_races_every_pending_request_is_found_and_no_card_lies(
    replicas: Pair, slack: FakeSlack, seed: int
) -> None:
    here, there = replicas
    dice = random.Random(seed)
    people = [await here.person("ana"), await there.person("bo")]
    made: list[dict[str, Any]] = []
    for _ in range(6):
        asks = [
            (dice.choice(replicas)).agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=3)
            for _ in range(3)
        ]
        late = dice.sample(made, min(2, len(made)))
        verdicts = [
            decided(dice.choice(people), request, dice.choice(("approve", "deny"))) for request in late
        ]
        sends = [world.running.delivering.deliver() for world in replicas]
        done = await asyncio.gather(*asks, *verdicts, *sends, return_exceptions=True)
        made = [one_ for one_ in made if one_ not in late] + [
            ask for ask in done[:3] if isinstance(ask, dict)
        ]
        here.clock.advance(timedelta(seconds=dice.choice((0, 1))))
    await settled(here, there)

    states = {request["id"]: (await here.agent.sees(request))["state"] for request in made}
    pending = {name for name, state in states.items() if state == "pending"}
    cards = slack.channel("#ops").cards()
    deciding = [name for card in cards if (name := decides(card))]
    assert set(deciding) <= pending  # no card offers what is decided
    assert max(Counter(deciding).values(), default=0) <= 1  # and none stands twice
    text = "".join(card.text for card in cards if decides(card))
    counted = sum(int(found) for found in re.findall(r"(\d+) identical request", text))
    assert len(deciding) + counted >= len(pending) > 0  # each is decided here, or counted
    assert len(deciding) == 1

    while pending:  # one after another, each by its own press
        [card] = [card for card in slack.channel("#ops").cards() if decides(card)]
        lead = decides(card)
        assert lead in pending
        await card.press("Approve", "U0CY")
        await settled(here, there)
        pending.discard(str(lead))
    assert not [card for card in slack.channel("#ops").cards() if decides(card)]
