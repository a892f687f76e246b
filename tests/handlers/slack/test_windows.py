"""A window that shows a request stays true, whoever changes it and wherever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.slack import windows
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Fault, Modal
from tests.fakes.slack_views import CardView, PaneView
from tests.fixtures.policy import DIRECTORY, write_policy
from tests.fixtures.workspace import look_at_all
from tests.handlers.slack.conftest import BUNDLE
from tests.world import World, a_replica

ANA, BO = "U0ANA", "U0BO"
LONG = 5 * windows.CALM  # real seconds in which a window is drawn anew, if it is at all
Request = dict[str, Any]


@pytest.fixture
async def pane(world: World, slack: FakeSlack, card: CardView, request_: Request) -> AsyncIterator[PaneView]:
    """The request in a window of Ana's."""
    await slack.type(ANA, f"show {request_['code']}", "#ops")
    shown = await slack.pane(ANA)
    assert "Approve" in shown.buttons
    yield shown
    await world.settle()
    look_at_all(slack)


async def shows(slack: FakeSlack, pane: PaneView, words: str) -> None:
    """Wait until a window has these words."""
    await slack.until(lambda: words in pane.text or None, f"the window never said {words!r}: {pane.text}")


def drawn(slack: FakeSlack) -> int:
    """Return how often a window was drawn anew."""
    return [method for method, _ in slack.state.calls].count("views.update")


async def comments(slack: FakeSlack, card: CardView, words: str) -> None:
    await card.press("Comment", BO)
    await (await slack.form(BO)).submit(words)


async def test_a_window_follows_what_others_do(
    world: World, slack: FakeSlack, card: CardView, pane: PaneView
) -> None:
    await comments(slack, card, "Ran it on staging")
    await shows(slack, pane, "Ran it on staging")
    await card.press("Approve", BO)
    await shows(slack, pane, "Approved by bo")
    assert pane.buttons == ["View full"]
    await world.settle()


async def test_a_window_follows_what_is_done_at_another_replica(
    world: World, slack: FakeSlack, pane: PaneView, request_: Request
) -> None:
    async with a_replica(world) as other:
        await (await other.person("bo")).reviews(request_, "deny", "Not on a Friday")
        await shows(slack, pane, "Not on a Friday")
    await world.settle()


async def test_a_window_follows_time(
    world: World, slack: FakeSlack, pane: PaneView, request_: Request
) -> None:
    held = await world.running.parts.store.get(request_["id"])
    world.clock.advance(held.expires_at - world.clock.now())
    await world.settle()
    await shows(slack, pane, "Expired")
    assert pane.buttons == ["View full"]


async def test_what_happened_while_slack_opened_the_window_is_shown_in_it(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    slack.goes_wrong("views.open", Fault(slow=1.0))
    typing = asyncio.create_task(slack.type(ANA, f"show {request_['code']}", "#ops"))
    await slack.until(lambda: drawing(slack), "no window is being opened")
    await card.press("Approve", BO)
    await typing
    await shows(slack, await slack.pane(ANA), "Approved by bo")
    await world.settle()
    look_at_all(slack)


def drawing(slack: FakeSlack) -> bool | None:
    return any(method == "views.open" for method, _ in slack.state.calls) or None


async def test_a_form_on_top_keeps_what_is_typed_in_it(
    slack: FakeSlack, card: CardView, pane: PaneView
) -> None:
    await pane.press("Deny")
    form = await slack.form(ANA)
    asked = form.modal.view
    await comments(slack, card, "Ran it on staging")
    await shows(slack, pane, "Ran it on staging")
    assert form.modal.view == asked
    assert not form.modal.closed


async def test_what_its_person_was_told_in_a_window_stays(
    world: World, slack: FakeSlack, card: CardView, pane: PaneView
) -> None:
    stale = slack.pressed_in(pane.pane, "Approve")
    await card.press("Approve", BO)
    await slack.send(stale)
    await shows(slack, pane, "already approved")
    await asyncio.sleep(LONG)
    assert "already approved" in pane.text
    assert "Approved by bo" in pane.text


async def test_a_window_that_was_closed_is_left_alone(
    slack: FakeSlack, card: CardView, pane: PaneView
) -> None:
    await pane.close()
    await comments(slack, card, "Ran it on staging")
    await asyncio.sleep(LONG)
    assert drawn(slack) == 0


async def test_a_window_of_which_slack_knows_nothing_more_is_tried_once(
    slack: FakeSlack, card: CardView, pane: PaneView
) -> None:
    assert isinstance(pane.pane, Modal)
    pane.pane.closed = True  # and nobody told us
    for words in ("one", "two"):
        await comments(slack, card, words)
        await asyncio.sleep(LONG)
    assert drawn(slack) == 1
    assert [refusal.split(":")[1].strip() for refusal in slack.state.refusals] == ["not_found"]
    slack.state.refusals.clear()


async def test_a_window_that_slack_does_not_draw_now_is_drawn_at_the_next_change(
    slack: FakeSlack, card: CardView, pane: PaneView
) -> None:
    slack.goes_wrong("views.update", Fault(retry_after=30))
    await comments(slack, card, "one")
    await asyncio.sleep(LONG)
    assert drawn(slack) == 1
    await comments(slack, card, "two")
    await shows(slack, pane, "two")


async def test_who_may_not_see_it_any_more_is_shown_nothing_new(
    world: World, slack: FakeSlack, card: CardView, pane: PaneView
) -> None:
    write_policy(
        Path(world.running.parts.settings.policy), BUNDLE.replace("[ana, bo, cy]", "[bo, cy]"), DIRECTORY
    )
    await world.running.parts.policies.check()
    await comments(slack, card, "For those who may read it")
    await slack.until(lambda: pane.buttons == [] or None, "the window stays as it was")
    assert "For those" not in pane.text
    assert "ALTER TABLE x" not in pane.text
    await comments(slack, card, "And this")
    await asyncio.sleep(LONG)
    assert drawn(slack) == 1


async def test_while_slack_does_not_say_who_they_are_a_window_stays_as_it_was(
    world: World, slack: FakeSlack, pane: PaneView, request_: Request
) -> None:
    world.clock.advance(timedelta(minutes=2))  # what Slack said of her is asked again
    slack.goes_wrong("users.info", Fault(error="internal_error"))
    before = pane.text
    await (await world.person("bo")).reviews(request_, "comment", "Ran it on staging")
    await asyncio.sleep(LONG)
    assert pane.text == before
    await (await world.person("bo")).reviews(request_, "approve", "Now")
    await shows(slack, pane, "Approved by bo")
    await world.settle()


async def test_a_window_that_is_long_open_is_left_alone_and_the_log_no_longer_followed(
    world: World, slack: FakeSlack, card: CardView, pane: PaneView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "OPEN_FOR", 0.0)
    await comments(slack, card, "one")
    await asyncio.sleep(LONG)
    await comments(slack, card, "two")
    await asyncio.sleep(LONG)
    assert "two" not in pane.text
    assert not any("Windows._listen" in str(task.get_coro()) for task in asyncio.all_tasks())


async def test_only_so_many_windows_are_kept_true(
    slack: FakeSlack, card: CardView, pane: PaneView, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "WINDOWS_MAX", 1)
    await slack.type(BO, f"show {request_['code']}", "#ops")
    newest = await slack.pane(BO)
    await card.press("Comment", "U0CY")
    await (await slack.form("U0CY")).submit("Ran it on staging")
    await shows(slack, newest, "Ran it on staging")
    await asyncio.sleep(LONG)
    assert "Ran it on staging" not in pane.text
