"""Whatever stands in an activity, reading it gives values or a refusal, never anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import ForeignButton, Malformed
from handlers.commands import Answer, Line
from handlers.teams import TeamsNotifier, payloads
from handlers.teams.payloads import Clicker
from handlers.teams.seal import Seal, Sealing
from handlers.teams.speaker import Speaker
from tests.fakes.teams import FakeTeams, account
from tests.fixtures.json_values import SCALARS, VALUES
from tests.handlers.slack.cards import RENDERER
from tests.world import World

ANA, BO = "29:1ana", "29:1bo"
NAMES = st.sampled_from(
    ["id", "aadObjectId", "role", "tenant", "tenantId", "team", "name", "conversationType", "action", "data",
     "verb", "request", "digest", "command", "text", "mentioned", "type", "eventType", "leader", "trigger"]
)  # fmt: skip
PARTS = st.dictionaries(NAMES, SCALARS | st.dictionaries(NAMES, SCALARS | VALUES, max_size=3), max_size=5)
BODIES = st.fixed_dictionaries(
    {"serviceUrl": st.just("https://teams.test")},
    optional={
        name: PARTS | SCALARS | st.lists(PARTS, max_size=2)
        for name in ("from", "recipient", "conversation", "channelData", "value", "entities", "text",
                     "membersRemoved", "type", "action", "replyToId")
    },
)  # fmt: skip

SEAL = Seal(lambda value: sha256(value).hexdigest())


class Anyones(Seal):
    """A seal that holds for anything, so that what comes behind it is read."""

    def holds(self, verb: str, data: Mapping[str, Any], conversation: str) -> bool:  # as the other's
        return True


@settings(max_examples=150)
@given(BODIES)
def test_any_activity_is_read_or_malformed(body: dict[str, Any]) -> None:
    for read in (payloads.typed, payloads.clicker):
        with suppress(Malformed):
            read(body)
    for seal in (SEAL, Anyones(SEAL.commit)):
        with suppress(Malformed, ForeignButton):
            payloads.click(body, seal)
    payloads.tenants(body)
    payloads.conversation(body, "tenant")
    payloads.left(body)
    payloads.renamed_team(body)
    payloads.sent_by(body)


async def test_an_activity_from_nobody_is_taken_without_a_fault(world: World, teams: FakeTeams) -> None:
    for kind in ("message", "conversationUpdate", "typing", "event"):
        bare = {**teams.activity(ANA, "19:platform-ops@thread.tacv2"), "type": kind}
        del bare["from"]
        assert (await teams.send(bare)).status == 200
    bare = {**teams.activity(ANA, "19:platform-ops@thread.tacv2"), "type": "invoke", "name": "task/fetch"}
    assert (await teams.send(bare)).status == 501


async def test_an_answer_of_many_parts_waits_for_its_turn_and_arrives_whole(
    world: World, teams: FakeTeams
) -> None:
    chat = await teams.install_for(ANA)
    notifier = world.running.delivering.outside.notifiers["teams"]
    assert isinstance(notifier, TeamsNotifier)
    speaker = Speaker(notifier.chats, notifier.connector, Sealing(RENDERER, SEAL), "tenant")
    asker = Clicker(ANA, None, None, is_agentic=False, url=teams.service_url, where=chat)
    answer = Answer("Long", tuple(Line(f"line {n} " + "y" * 2900) for n in range(80)))
    speaking = asyncio.create_task(speaker.answer(answer, asker, is_personal=True))
    while not speaking.done():
        await asyncio.sleep(0.2)
        world.clock.advance(timedelta(seconds=1))
    await speaking
    said = "\n".join(card.text for card in teams.chat(ANA).cards())
    assert all(f"line {n} " in said for n in range(80))
    for message in teams.chat(ANA).chat.messages:
        message.seen = True


@pytest.mark.parametrize("kind", ["installationUpdate", "conversationUpdate"])
async def test_whose_chat_it_is_says_only_who_writes_or_presses_there(
    world: World, teams: FakeTeams, kind: str
) -> None:
    chat = await teams.install_for(BO, tell=False)
    forwarded = {**teams.activity(BO, chat), "from": teams.activity(ANA, chat)["from"]}
    store = world.running.parts.store
    await teams.send({**forwarded, "type": kind})  # an admin installs it for somebody else
    assert await store.conversation_of(account("ana")) is None
    known = await store.conversation(chat)
    assert known is not None
    assert known.account is None
    await teams.write(BO, "help")
    found = await store.conversation_of(account("bo"))
    assert found is not None
    assert found.id == chat
    await teams.chat(BO).coming("What you can say")
