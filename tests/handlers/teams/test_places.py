"""A button of ours does something where we put it and nowhere else; a copy of it does nothing, on record."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from handlers.teams.payloads import NOT_OURS, UNPRESSED
from tests.fakes.teams import BOT, CardView, FakeTeams, account
from tests.fakes.teams_cards import nodes
from tests.fakes.teams_state import Conversation, Message
from tests.fixtures.tables import rows
from tests.handlers.teams.conftest import sealed
from tests.handlers.teams.test_faults import silent
from tests.world import World

ANA, BO, DI = "29:1ana", "29:1bo", "29:1di"
MIGRATION = "Run a database migration"
Json = dict[str, Any]


@pytest.fixture
def card(teams: FakeTeams, request_: Json) -> CardView:
    """The request's card."""
    return teams.channel("ops").card(MIGRATION)


async def state(world: World, request: Json) -> str:
    return str((await world.agent.sees(request))["state"])


async def on_record(world: World) -> list[Json]:
    """Return the entries of presses that were refused."""
    query = "SELECT body FROM entries WHERE kind = 'call.refused' ORDER BY sequence"
    found = await rows(world.running.parts.settings.database_url, query)
    return [json.loads(bytes(row["body"])) for row in found]


async def presser(world: World) -> dict[str, str]:
    """Return who stands in the only entry of a refused press."""
    query = "SELECT field, value FROM private JOIN entries USING (sequence) WHERE kind = 'call.refused'"
    found = await rows(world.running.parts.settings.database_url, query)
    return {row["field"].removeprefix("private."): bytes(row["value"]).decode() for row in found}


@pytest.mark.parametrize("button", ["Approve", "I'm looking", "Comment", "Deny", "Ask for information"])
async def test_a_copy_of_a_card_in_the_same_channel_does_nothing_and_says_where_ours_is(
    world: World, teams: FakeTeams, card: CardView, request_: Json, button: str
) -> None:
    copy = teams.copied(card, teams.channel("ops").chat)
    before = await world.running.parts.store.get(request_["id"])
    said = (await copy.press(button, ANA, None if button in ("Approve", "I'm looking") else "words")).said
    assert said.endswith(f"decide at http://assent.test/requests/{request_['id']}")
    assert await world.running.parts.store.get(request_["id"]) == before
    [entry] = await on_record(world)
    assert (await presser(world), entry["request_id"]) == (
        {"by_name": "ana", "by_account": account("ana")},
        request_["id"],
    )
    assert entry["facts"] == {"refusal": "foreign-button", "route": "POST /teams/messages"}


@pytest.mark.parametrize("button", ["Approve", "I'm looking"])
async def test_a_copy_of_a_card_in_another_conversation_does_nothing(
    world: World, teams: FakeTeams, card: CardView, request_: Json, button: str
) -> None:
    await teams.install_for(ANA)
    group = Conversation("19:lunch@thread.v2", "groupChat", "lunch")
    teams.state.conversations[group.id] = group
    for chat in (teams.channel("General").chat, teams.chat(ANA).chat, group):
        assert (await teams.copied(card, chat).press(button, ANA)).said == NOT_OURS
    assert await state(world, request_) == "pending"
    await world.running.parts.refusing.close()
    assert [entry["facts"].get("count", "1") for entry in await on_record(world)] == ["1", "2"]


async def test_a_reply_in_our_cards_own_thread_is_no_card_of_ours(
    world: World, teams: FakeTeams, card: CardView, request_: Json
) -> None:
    chat = teams.channel("ops").chat
    reply = Message(chat.id, teams.state.next(), "", "", card.message.content, card.message.id, seen=True)
    chat.messages.append(reply)
    invoke = teams.pressed(CardView(teams, reply), "Approve", ANA)
    assert invoke["conversation"]["id"].endswith(f";messageid={card.message.id}")
    assert "did not put this button" in (await teams.send(invoke)).said
    assert await state(world, request_) == "pending"


@pytest.mark.parametrize("message", [None, "", 7, "19:platform-ops@thread.tacv2", "1"])
async def test_a_press_that_does_not_say_where_does_nothing(
    world: World, teams: FakeTeams, card: CardView, request_: Json, message: Any
) -> None:
    invoke = teams.pressed(card, "Approve", ANA) | {"replyToId": message}
    assert "did not put this button" in (await teams.send(invoke)).said
    assert await state(world, request_) == "pending"


async def test_the_card_of_one_request_decides_no_other(
    world: World, teams: FakeTeams, card: CardView, request_: Json
) -> None:
    other = await world.agent.asks("access.grant", who="eve")
    await world.settle()
    lure = teams.channel("ops").card("Grant access")
    invoke = teams.pressed(card, "Approve", ANA) | {"replyToId": lure.message.id}
    assert "did not put this button" in (await teams.send(invoke)).said
    assert {await state(world, request_), await state(world, other)} == {"pending"}


async def test_a_copy_that_refreshes_itself_does_nothing_for_who_only_looks_at_it(
    world: World, teams: FakeTeams, card: CardView, request_: Json
) -> None:
    invoke = teams.pressed(card, "Approve", ANA)
    invoke["value"]["trigger"] = "automatic"
    assert (await teams.send(invoke)).said == UNPRESSED
    assert await state(world, request_) == "pending"
    assert len(await on_record(world)) == 1


async def test_a_button_below_an_answer_works_in_its_own_chat_alone(
    world: World, teams: FakeTeams, card: CardView
) -> None:
    for user in (ANA, DI):
        await teams.install_for(user)
    await teams.write(DI, "hlep")
    answer = await teams.chat(DI).coming("")
    for chat in (teams.channel("ops").chat, teams.chat(ANA).chat):
        assert (await teams.copied(answer, chat).press("Help", DI)).said == NOT_OURS
    invoke = teams.pressed(card, "Approve", DI)
    invoke["value"]["action"] |= {"verb": "run", "data": {"command": "freeze * now"}}
    assert "did not put this button" in (await teams.send(sealed(world, invoke))).said
    assert not (await world.running.parts.store.registry()).freezes


async def test_a_card_in_ones_own_chat_and_one_put_up_anew_decide(
    world: World, teams: FakeTeams, card: CardView, request_: Json
) -> None:
    await teams.install_for(ANA)
    await teams.write(ANA, f"show {request_['id']}")
    own = await teams.chat(ANA).coming(MIGRATION)
    await own.press("Comment", ANA, "From my own chat")
    card.delete()
    await world.settle()
    again = teams.channel("ops").card(MIGRATION)
    assert again.message.id != card.message.id
    await again.press("Approve", ANA)
    assert await state(world, request_) == "approved"
    await world.settle()
    silent(teams)


async def test_a_card_that_changed_hands_decides_who_has_it_now(world: World, teams: FakeTeams) -> None:
    first, second = [
        await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=3) for _ in range(2)
    ]
    await world.settle()
    card = teams.channel("ops").card(MIGRATION)
    late = teams.pressed(card, "Approve", BO)
    await card.press("Approve", ANA)
    await world.settle()
    assert "already approved" in (await teams.send(late)).said
    await card.press("Approve", BO)
    assert (await state(world, first), await state(world, second)) == ("approved", "approved")
    await world.settle()
    silent(teams)


async def test_a_flood_of_foreign_presses_is_one_entry_a_minute_that_counts_them(
    world: World, teams: FakeTeams, card: CardView
) -> None:
    invoke = teams.pressed(card, "I'm looking", ANA)
    invoke["value"]["action"]["data"]["tag"] = "0" * 64
    for _ in range(5):
        assert (await teams.send(invoke)).said == NOT_OURS
    world.clock.advance(timedelta(minutes=1))
    await world.running.parts.refusing.catch_up()
    first, last = await on_record(world)
    assert (first["facts"].get("count"), last["facts"]["count"]) == (None, "4")
    assert "request_id" not in first  # it is not ours to say which
    assert await world.audit() > 0


async def test_an_account_that_is_nobodys_is_named_by_itself(
    world: World, teams: FakeTeams, card: CardView
) -> None:
    eve = teams.add_user("eve")
    invoke = teams.pressed(card, "I'm looking", eve)
    invoke["value"]["action"]["data"]["tag"] = "0" * 64
    assert (await teams.send(invoke)).said == NOT_OURS
    assert (await presser(world))["by_account"] == account("eve")
    assert "eve" not in (await presser(world)).get("by_name", "")


async def test_a_line_of_a_roundup_opens_from_our_roundup_alone(world: World, teams: FakeTeams) -> None:
    await teams.install_for(ANA)
    bundle = world.running.parts.settings.policy / "bundle.yaml"
    bundle.write_text(bundle.read_text("utf-8").replace("defaults:\n", "defaults:\n  roundup_after: 1\n", 1))
    await world.running.parts.policies.check()
    for number in range(4):
        await world.agent.asks("db.migrate", env="prod", sql=f"SELECT {number}", rows=3)
    await world.settle()
    ops = teams.channel("ops")
    mine = ops.card("more waiting here")
    for number in (0, 1):  # of the leader, and of another
        invoke = teams.pressed(mine, "Open", ANA)
        opens = [node for node in nodes(mine.content()) if node.get("verb") == "open"]
        invoke["value"]["action"]["data"] = opens[number]["data"]
        copy = invoke | {"replyToId": teams.copied(mine, ops.chat).message.id}
        assert "did not put this button" in (await teams.send(copy)).said
        assert "in our chat" in (await teams.send(invoke)).said
        await teams.chat(ANA).coming(MIGRATION)
    silent(teams)


async def test_a_card_in_a_group_chat_decides_there_and_its_copy_beside_it_does_not(
    world: World, teams: FakeTeams
) -> None:
    group = Conversation("19:crew@thread.v2", "groupChat", "crew")
    teams.state.conversations[group.id] = group
    update = {"type": "conversationUpdate", "membersAdded": [{"id": BOT}]}
    await teams.send({**teams.activity(ANA, group.id), **update})
    bundle = world.running.parts.settings.policy / "bundle.yaml"
    bundle.write_text(bundle.read_text("utf-8").replace("{teams: ops}", f'{{teams: "{group.id}"}}'))
    await world.running.parts.policies.check()
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=3)
    await world.settle()
    [message] = group.messages
    card = CardView(teams, message)
    assert "did not put this button" in (await teams.copied(card, group).press("Approve", ANA)).said
    assert await state(world, request) == "pending"
    await card.press("Approve", ANA)
    assert await state(world, request) == "approved"
    await world.settle()
    silent(teams)
