"""Breaking glass in Slack: typed, shown, confirmed by the code in a modal, alarmed where the admins are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_blocks import texts
from tests.fakes.slack_state import Json
from tests.fakes.slack_views import CardView
from tests.fixtures.policy import BUNDLE, DIRECTORY, write_policy
from tests.fixtures.workspace import PEOPLE, a_world_in, look_at_all
from tests.world import World

ANA, FAY, GUS = "U0ANA", "U0FAY", "U0GUS"
HOLDERS = """\
fay: {break_glass: true, slack: [T0ASSENT/U0FAY]}
gus: {admin: true, slack: [T0ASSENT/U0GUS]}
"""
WHY = "The shop is down and nobody answers"


@pytest.fixture
async def world(slack: FakeSlack, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The bot, with a holder of the role, an admin, and the admins' channel."""
    slack.add_channel("#assent-admins")
    alert = 'defaults:\n  alert: [{slack: "#assent-admins"}]\n'
    policy = write_policy(tmp_path / "policy", BUNDLE.replace("defaults:\n", alert, 1), DIRECTORY + HOLDERS)
    async with a_world_in(slack, sqlite_url, tmp_path, policy, (*PEOPLE, "fay", "gus")) as made:
        yield made
        await made.settle()
        look_at_all(slack)


@pytest.fixture
async def request_(world: World) -> dict[str, Any]:
    """A migration that waits, and its card in #ops."""
    request = await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE x", rows=3)
    await world.settle()
    return request


async def begins(slack: FakeSlack, request: dict[str, Any], user: str) -> list[Json]:
    """Type the command; return every block of its answer, which may take several messages."""
    answer = (await slack.type(user, f"break-glass {request['id']} {WHY}", "#ops")).json()
    blocks: list[Json] = answer.get("blocks") or []
    while blocks and "Break the glass" not in str(blocks):
        blocks = [*blocks, *(await slack.whispered(user)).blocks]
    return blocks


async def state(world: World, request: dict[str, Any]) -> str:
    return str((await world.agent.sees(request))["state"])


async def test_glass_is_broken_by_typing_the_code_after_seeing_everything(
    world: World, slack: FakeSlack, request_: dict[str, Any]
) -> None:
    shown = await begins(slack, request_, FAY)
    assert "ALTER TABLE x" in "\n".join(texts(shown))
    assert (await slack.act(FAY, shown, "Break the glass", "#ops")).status == 200
    form = await slack.form(FAY)
    assert form.title == "Break glass"
    assert request_["code"] not in form.text  # it is read off the card
    assert await state(world, request_) == "pending"

    await form.submit("00000000")
    assert "not the code of this request" in form.errors
    assert await state(world, request_) == "pending"

    await form.submit(f"{request_['code'][:4]} {request_['code'][4:].upper()}")
    assert "Glass broken" in await slack.whisper(FAY)
    assert await state(world, request_) == "approved"
    await world.settle()
    card = slack.channel("#ops").card("Run a database migration")
    assert "Approved by breaking glass (fay, not reviewed yet)" in card.text
    assert f"Glass was broken by fay at 12:00:00 UTC: “{WHY}”" in card.text
    assert card.title.startswith("🚨")
    alarm = slack.channel("#assent-admins").line("was approved by breaking glass")
    assert f"fay: {WHY}" in alarm
    assert "was approved by breaking glass" in slack.chat(GUS).line("was approved by breaking glass")
    assert any("Approved by breaking glass" in line for line in card.thread)


async def test_the_review_shows_on_the_card_and_until_then_the_admins_are_reminded(
    world: World, slack: FakeSlack, request_: dict[str, Any]
) -> None:
    shown = await begins(slack, request_, FAY)
    await slack.act(FAY, shown, "Break the glass", "#ops")
    await (await slack.form(FAY)).submit(request_["code"])
    await slack.whisper(FAY)
    await world.settle()
    await world.advance(hours=24, seconds=1)
    card = slack.channel("#ops").card("Run a database migration")
    assert "which is overdue" in card.text
    assert slack.channel("#assent-admins").line("nobody has reviewed that (alert 1)")

    await slack.type(GUS, f"glass-review {request_['id']} improper There was no outage", "#ops")
    await world.settle()
    assert "gus found that NOT proper: “There was no outage”" in card.text
    assert card.title.startswith("⛔")
    await world.advance(hours=48)
    lines = slack.channel("#assent-admins").conversation.messages
    assert sum("nobody has reviewed" in line.text for line in lines) == 1


async def test_who_has_not_the_role_gets_no_further_however_they_press(
    world: World, slack: FakeSlack, request_: dict[str, Any]
) -> None:
    refused = await begins(slack, request_, ANA)
    assert "Break the glass" not in str(refused)
    shown = await begins(slack, request_, FAY)
    await slack.act(ANA, shown, "Break the glass", "#ops")  # as if she had got hold of the button
    await (await slack.form(ANA)).submit(request_["code"])
    assert await slack.whisper(ANA)
    assert await state(world, request_) == "pending"


async def test_the_confirmation_runs_nothing_but_a_broken_glass(
    world: World, slack: FakeSlack, request_: dict[str, Any]
) -> None:
    shown = await begins(slack, request_, FAY)
    await slack.act(FAY, shown, "Break the glass", "#ops")
    form = await slack.form(FAY)
    carried = json.loads(form.modal.view["private_metadata"])
    for line in (f"cancel {request_['id']}", f"break-glass {request_['id']} {WHY}", ""):
        form.modal.view["private_metadata"] = json.dumps(carried | {"line": line})
        await form.submit(request_["code"])
        assert "confirms nothing" in form.errors, line
    assert await state(world, request_) == "pending"


async def test_a_holder_of_the_requesters_side_is_refused_at_the_end(
    world: World, slack: FakeSlack, request_: dict[str, Any]
) -> None:
    directory = world.running.parts.settings.policy / "directory.yaml"
    directory.write_text(directory.read_text().replace("ed: {", "ed: {break_glass: true, "))
    await world.running.parts.policies.check()
    shown = await begins(slack, request_, "U0ED")
    await slack.act("U0ED", shown, "Break the glass", "#ops")
    await (await slack.form("U0ED")).submit(request_["code"])
    assert await slack.whisper("U0ED")
    assert await state(world, request_) == "pending"


async def test_a_card_with_a_broken_glass_is_no_card_to_decide_on(
    world: World, slack: FakeSlack, request_: dict[str, Any]
) -> None:
    shown = await begins(slack, request_, FAY)
    await slack.act(FAY, shown, "Break the glass", "#ops")
    await (await slack.form(FAY)).submit(request_["code"])
    await slack.whisper(FAY)
    await world.settle()
    card: CardView = slack.channel("#ops").card("Run a database migration")
    assert card.buttons == ["View full"]
