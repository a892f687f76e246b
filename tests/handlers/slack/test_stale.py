"""What people see and press once things have changed: forms, windows, cards that one person alone sees."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_blocks import texts
from tests.fakes.slack_state import Fault, Whisper
from tests.fakes.slack_views import CardView, buttons_of
from tests.fixtures.policy import DIRECTORY, write_policy
from tests.handlers.slack.conftest import BUNDLE
from tests.world import World

ANA, BO, CY, DI = "U0ANA", "U0BO", "U0CY", "U0DI"
Request = dict[str, Any]


async def state(world: World, request: Request) -> str:
    return str((await world.agent.sees(request))["state"])


async def own_card(slack: FakeSlack, user: str, request: Request) -> Whisper:
    """Let somebody get a request as a message for them alone."""
    slack.goes_wrong("views.open", Fault(error="expired_trigger_id"))
    said = (await slack.type(user, f"show {request['code']}", "#ops")).json()
    where = slack.channel("#ops").conversation.id
    return Whisper(user, where, said["text"], said["blocks"], seen=True)


async def renewed(slack: FakeSlack, whisper: Whisper, words: str) -> str:
    """Return the text of a message for one person once it has these words."""
    await slack.until(lambda: words in "\n".join(texts(whisper.blocks)) or None, f"no {words!r}")
    return "\n".join(texts(whisper.blocks))


def buttons(whisper: Whisper) -> list[str]:
    return [held["text"]["text"] for block in whisper.blocks for held in buttons_of(block)]


# ── forms and windows ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("button", ["Deny", "Ask for information", "Delegate"])
async def test_a_form_submitted_after_somebody_else_decided_is_refused_in_it_and_changes_nothing(
    world: World, slack: FakeSlack, card: CardView, request_: Request, button: str
) -> None:
    await card.press(button, ANA)
    form = await slack.form(ANA)
    await card.press("Approve", BO)
    await form.submit(CY if button == "Delegate" else "Not on a Friday")
    assert "already approved" in form.errors
    assert not form.modal.closed
    request = await world.running.parts.store.get(request_["id"])
    assert (request.state, len(request.reviews)) == ("approved", 1)
    assert (request.questions, request.delegations) == ((), ())
    await world.settle()
    assert card.thread


async def test_a_form_submitted_after_the_deadline_is_refused_in_it(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await card.press("Deny", ANA)
    form = await slack.form(ANA)
    held = await world.running.parts.store.get(request_["id"])
    world.clock.advance(held.expires_at - world.clock.now())
    await form.submit("Not on a Friday")
    assert "deadline" in form.errors
    assert (await world.running.parts.store.get(request_["id"])).reviews == ()
    await world.settle()
    _all_seen(slack)


async def test_a_window_that_shows_what_was_is_refused_and_then_shows_what_is(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await (await slack.open_home(ANA)).press("Open")
    pane = await slack.pane(ANA)
    stale = slack.pressed_in(pane.pane, "Approve")
    await card.press("Approve", BO)
    before = slack.state.homes[ANA].hash
    await slack.send(stale)
    await slack.home(ANA, before)
    assert "This request is already approved." in pane.text
    assert "Approved by bo" in pane.text
    assert pane.buttons == ["View full"]
    await world.settle()
    assert card.thread


async def test_who_may_not_see_it_any_more_is_shown_nothing_new_in_the_window(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await (await slack.open_home(ANA)).press("Open")
    pane = await slack.pane(ANA)
    before = slack.state.homes[ANA].hash
    slack.state.users[ANA]["is_restricted"] = True
    world.clock.advance(timedelta(minutes=2))  # what Slack said of her is asked again
    await pane.press("Approve")
    await slack.home(ANA, before)
    assert "Guests" in pane.text
    assert "ALTER TABLE x" not in pane.text
    assert pane.buttons == []
    assert await state(world, request_) == "pending"


# ── cards that one person alone sees ─────────────────────────────────────────────────────────────


async def test_a_card_for_one_person_alone_shows_what_they_did(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    mine = await own_card(slack, ANA, request_)
    assert buttons(mine) == ["Approve", "Deny", "View full"]
    await slack.act_in(mine, "Approve")
    assert "Approved by ana" in await renewed(slack, mine, "Approved by ana")
    assert buttons(mine) == ["View full"]
    await world.settle()
    assert card.thread


async def test_a_card_for_one_person_alone_shows_what_they_said_in_its_form(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    mine = await own_card(slack, ANA, request_)
    await slack.act_in(mine, "Deny")
    await (await slack.form(ANA)).submit("Not on a Friday")
    assert "Not on a Friday" in await renewed(slack, mine, "Denied by ana")
    await world.settle()
    assert card.thread


async def test_a_card_for_one_person_alone_that_is_out_of_date_is_refused_and_renewed(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    mine = await own_card(slack, ANA, request_)
    await card.press("Approve", BO)
    await slack.act_in(mine, "Approve")
    assert "already approved" in await slack.whisper(ANA)
    await renewed(slack, mine, "Approved by bo")
    await world.settle()
    assert card.thread


async def test_who_may_not_see_a_request_any_more_does_not_get_its_card_renewed(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    mine = await own_card(slack, ANA, request_)
    shown = list(mine.blocks)
    await card.press("Comment", BO)
    await (await slack.form(BO)).submit("Only for those who may read it")
    bundle = BUNDLE.replace("[ana, bo, cy]", "[bo, cy]")
    write_policy(Path(world.running.parts.settings.policy), bundle, DIRECTORY)
    await world.running.parts.policies.check()
    await slack.act_in(mine, "Approve")
    assert "Only approvers" in await slack.whisper(ANA)
    await world.settle()
    assert mine.blocks == shown
    assert card.thread


async def test_a_list_for_one_person_alone_stays_a_list_when_something_in_it_is_opened(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    said = (await slack.type(ANA, "inbox", "#ops")).json()
    mine = Whisper(ANA, slack.channel("#ops").conversation.id, said["text"], said["blocks"], seen=True)
    shown = list(mine.blocks)
    await slack.act_in(mine, "Open")
    assert "ALTER TABLE x" in (await slack.pane(ANA)).text
    await world.settle()
    assert mine.blocks == shown


def _all_seen(slack: FakeSlack) -> None:
    """Take note of what everybody was told, which is the subject of other tests."""
    for conversation in slack.state.conversations.values():
        for message in conversation.messages:
            message.seen = True
