"""People write to the bot, and it answers them alone."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from bot.core.terms import EntryKind
from handlers.commands import Act, Answer, File, Line, Picture, Row, Table, Tone
from handlers.teams.answers import contents
from handlers.teams.limits import CARD_MAX
from tests.fakes.teams import FakeTeams
from tests.fakes.teams_cards import actions, check_card, nodes, paragraphs
from tests.handlers.slack.cards import RENDERER, a_card
from tests.handlers.teams.conftest import sealed
from tests.handlers.teams.test_cards import HOSTILE
from tests.world import World

ANA, DI = "29:1ana", "29:1di"
Json = dict[str, Any]


@pytest.fixture
async def chatting(world: World, teams: FakeTeams) -> FakeTeams:
    """Ana and di have the app for themselves."""
    for user in (ANA, DI):
        await teams.install_for(user)
    return teams


async def test_help_in_ones_own_chat_is_a_card(chatting: FakeTeams) -> None:
    assert (await chatting.write(ANA, "help")).status == 200
    card = await chatting.chat(ANA).coming("What you can say")
    assert "inbox" in card.text
    assert "freeze" not in card.text


async def test_admins_are_told_their_own_words(chatting: FakeTeams) -> None:
    await chatting.write(DI, "help")
    assert "freeze" in (await chatting.chat(DI).coming("What you can say")).text


@pytest.mark.parametrize("line", ["inbox", "/inbox", "  INBOX  ", "<at>Assent</at>\u00a0inbox"])
async def test_the_inbox_lists_what_waits_however_it_is_written(
    world: World, chatting: FakeTeams, request_: Json, line: str
) -> None:
    chatting.channel("ops").card("Run a database migration")
    await chatting.write(ANA, line)
    answer = await chatting.chat(ANA).coming("")
    assert request_["digest"][:8] in answer.text


async def test_in_a_channel_the_answer_is_for_the_asker_alone(world: World, chatting: FakeTeams) -> None:
    await chatting.write(ANA, "sign-in", channel="ops")
    answer = await chatting.chat(ANA).coming("")
    assert "/enter#" in str(answer.content())
    assert not chatting.channel("ops").chat.messages


async def test_an_admins_command_by_somebody_else_is_refused_and_on_record(
    world: World, chatting: FakeTeams
) -> None:
    await chatting.write(ANA, "freeze * because I can")
    answer = await chatting.chat(ANA).coming("")
    assert "Only an admin" in answer.text
    assert not (await world.running.parts.store.registry()).freezes
    entries = await world.running.parts.store.entries(0, 500)
    assert [
        one for one in entries if EntryKind.ADMIN.value.encode() in one.body and b"not-an-admin" in one.body
    ]


async def test_an_admin_freezes_and_lifts_from_chat(world: World, chatting: FakeTeams) -> None:
    await chatting.write(DI, "freeze db.* incident 42")
    await chatting.chat(DI).coming("")
    assert [one.pattern for one in (await world.running.parts.store.registry()).freezes] == ["db.*"]


@pytest.mark.parametrize("line", ["audit export 2020-01-01", "audit prove CODE open"])
async def test_a_file_is_named_with_its_size_and_where_the_web_has_it(
    world: World, chatting: FakeTeams, request_: Json, line: str
) -> None:
    chatting.channel("ops").card("Run a database migration")
    await chatting.write(DI, line.replace("CODE", request_["digest"][:8]))
    answer = await chatting.chat(DI).coming("")
    [link] = [one for one in actions(answer.content()) if one["title"].startswith("Download ")]
    path = (
        f"/audit/{request_['id']}/proof?names=1"
        if "prove" in line
        else "/audit/export?since=2020-01-01T00%3A00%3A00Z"
    )
    name = f"{request_['id']}.proof.json" if "prove" in line else "audit-20200101.jsonl"
    assert (link["type"], link["title"]) == ("Action.OpenUrl", f"Download {name}")
    assert link["url"] == f"{world.running.parts.public_url}{path}"
    assert "bytes as of now; you sign in there" in answer.text


async def test_a_button_below_an_answer_runs_its_command_as_whoever_presses_it(
    world: World, chatting: FakeTeams, request_: Json
) -> None:
    chatting.channel("ops").card("Run a database migration")
    await chatting.write(ANA, "frobnicate")
    answer = await chatting.chat(ANA).coming("")
    assert "I do not know" in answer.text
    pressed = await answer.press("Help", ANA)
    assert pressed.said
    assert "inbox" in (await chatting.chat(ANA).coming("What you can say")).text


async def test_opening_a_line_of_a_roundup_shows_its_card_to_whoever_may_see_it(
    world: World, chatting: FakeTeams, request_: Json
) -> None:
    card = chatting.channel("ops").card("Run a database migration")
    invoke = chatting.pressed(card, "I'm looking", ANA)
    invoke["value"]["action"]["verb"] = "open"
    await chatting.send(sealed(world, invoke))
    own = await chatting.chat(ANA).coming("Run a database migration")
    assert own.buttons[0] == "Approve"
    outsider = chatting.add_user("eve")
    invoke["from"] |= {"id": outsider, "aadObjectId": chatting.state.users[outsider]["aadObjectId"]}
    assert "belongs to nobody" in (await chatting.send(invoke)).said


async def test_guests_and_strangers_get_no_answer_of_substance(world: World, chatting: FakeTeams) -> None:
    chatting.state.users[ANA] |= {"userRole": "guest"}
    await chatting.write(ANA, "inbox")
    answer = await chatting.chat(ANA).coming("")
    assert "Guests" in answer.text


HELP = Answer(
    title="What you can say",
    lines=(
        Line("what waits for your review", name="inbox", code=True),
        Line("one request with its buttons", name="show CODE", code=True),
        Line("a link, for you alone and once, to the web inbox", name="sign-in", code=True),
        Line(""),
        Line("Approve or deny on the cards themselves; View full shows all that would run."),
        Line("help list shows examples.", tone=Tone.QUIET),
    ),
    acts=(Act("Inbox", "inbox"),),
)
FULL = Answer(
    title=HOSTILE,
    lines=(
        Line(HOSTILE, name=HOSTILE, tone=Tone.WARN),
        Line("code", code=True),
        Line(""),
        Line("there", url="https://assent.test/x"),
    ),
    table=Table(
        ("A", "B"), (Row((HOSTILE, HOSTILE), (Act("Do", "do it", confirm=HOSTILE),)), Row(("", "b")))
    ),
    acts=(Act("Help", "help"),),
    file=File("proof.json", b"{}", "https://assent.test/audit/x/proof"),
    picture=Picture(b"\x89PNG" + b"0" * 300, "a picture of it"),
)


def test_every_part_of_an_answer_reaches_teams_literally() -> None:
    told = contents(FULL, RENDERER)
    for content in told:
        check_card(content)
    text = "\n".join(line for content in told for line in paragraphs(content)).replace("\u00a0", " ")
    assert text.count(HOSTILE) >= 6
    assert "proof.json" in text
    assert "a picture of it" in str(told)
    assert not [node for content in told for node in nodes(content) if node.get("type") == "TextBlock"]
    titles = [one["title"] for content in told for one in actions(content)]
    assert {"Help", "Do", "there", "Download proof.json"} <= set(titles)


@pytest.mark.parametrize("count", [1, 30, 300])
def test_a_long_answer_comes_in_parts_that_teams_takes(count: int) -> None:
    rows = tuple(Row((f"row {number}", "💥" * 200, "x" * 200)) for number in range(count))
    lines = tuple(Line(f"line {number} " + "y" * 500) for number in range(count))
    answer = Answer(
        "Long", lines, Table(("A", "B", "C"), rows), cards=(a_card(),), acts=(Act("Help", "help"),)
    )
    told = contents(answer, RENDERER)
    for content in told:
        check_card(content)
        assert len(orjson.dumps(content)) <= CARD_MAX
    text = "\n".join(line for content in told for line in paragraphs(content))
    assert all(f"row {number}\n" in text and f"line {number} " in text for number in range(count))
    assert sum("Help" in str(actions(content)) for content in told) == 1
