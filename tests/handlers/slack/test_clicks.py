"""People approve, deny and comment on the cards; the whole bot on real sockets."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Fault
from tests.fakes.slack_views import CardView
from tests.world import World

ANA, BO, CY, DI, ED = "U0ANA", "U0BO", "U0CY", "U0DI", "U0ED"
Request = dict[str, Any]


async def state(world: World, request: Request) -> str:
    return str((await world.agent.sees(request))["state"])


async def test_an_approver_approves_on_the_card(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    assert card.buttons == ["Approve", "Deny", "View full"]
    await card.press("Approve", ANA)
    assert await state(world, request_) == "approved"
    await world.settle()
    assert card.buttons == ["View full"]
    assert "Approved by ana" in card.text
    assert card.thread == ["Approved. The executor may run it once. ana approved."]
    assert await world.audit() > 0


async def test_the_review_is_recorded_as_made_in_slack(
    world: World, card: CardView, request_: Request
) -> None:
    await card.press("Approve", ANA)
    [review] = (await world.running.parts.store.get(request_["id"])).reviews
    assert (review.person, review.by.surface, review.by.account) == ("ana", "slack", "T0ASSENT/U0ANA")
    await world.settle()
    assert card.thread


async def test_a_denial_needs_its_reason_and_the_agent_hears_it(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await card.press("Deny", BO)
    form = await slack.form(BO)
    assert form.title == "Deny"
    assert "Run a database migration" in form.text
    assert await state(world, request_) == "pending"
    await form.submit("Not before the *backup* <!channel>")
    assert await state(world, request_) == "denied"
    await world.settle()
    assert "Denied by bo" in card.text
    assert "Not before the *backup* <!channel>" in card.text
    assert "<!" not in card.message.text
    assert card.thread


async def test_a_comment_decides_nothing(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await card.press("Comment", CY)
    await (await slack.form(CY)).submit("Is there a backup?")
    await world.settle()
    assert await state(world, request_) == "pending"
    assert card.buttons == ["Approve", "Deny", "View full"]
    assert "Is there a backup?" in card.text
    assert card.thread == ["cy commented: Is there a backup?"]


async def test_two_people_and_their_reasons_for_what_cannot_be_undone(world: World, slack: FakeSlack) -> None:
    request = await world.agent.asks("access.grant", who="eve")
    await world.settle()
    card = slack.channel("#ops").card("Grant access")
    assert card.element("Approve")["confirm"]["title"]["text"] == "This cannot be undone"
    for user in (ANA, BO):
        assert await state(world, request) == "pending"
        await card.press("Approve", user)
        form = await slack.form(user)
        assert form.title == "Approve"
        await form.submit(f"Seen by {user}")
        await world.settle()
    assert await state(world, request) == "approved"
    assert "2 of 2" in card.text
    assert len(card.thread) == 2


async def test_anyone_else_in_the_channel_is_refused_alone_and_nothing_changes(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    before = card.message.shown.copy()
    await card.press("Approve", DI)
    assert "Only approvers" in await slack.whisper(DI)
    await world.settle()
    assert await state(world, request_) == "pending"
    assert card.message.shown == before


async def test_the_agents_owner_is_refused(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await card.press("Approve", ED)
    assert "Nobody may review a request they made" in await slack.whisper(ED)
    assert await state(world, request_) == "pending"


async def test_a_refused_denial_is_told_in_the_form(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await card.press("Deny", DI)
    form = await slack.form(DI)
    await form.submit("I do not like it")
    assert "Only approvers" in form.errors
    assert not form.modal.closed
    assert await state(world, request_) == "pending"


@pytest.mark.parametrize(
    "differs", [{"is_bot": True}, {"is_restricted": True}, {"deleted": True}, {"team_id": "T0X"}], ids=str
)
async def test_bots_guests_the_deleted_and_strangers_are_refused_with_an_audit_entry(
    world: World, slack: FakeSlack, card: CardView, request_: Request, differs: dict[str, Any]
) -> None:
    slack.state.users[ANA].update(differs)
    before = await world.audit()
    for button in ("Approve", "Deny", "Comment"):
        click = slack.pressed(card, button, ANA)
        click["user"]["team_id"] = "T0ASSENT"
        await slack.send(click)
        said = await slack.whisper(ANA)
        assert "cannot review" in said or "can review" in said
    assert await state(world, request_) == "pending"
    assert await world.audit() == before + 3


async def test_a_member_whom_the_directory_does_not_know_is_refused(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    slack.add_user("ana", "U0EVE")
    await card.press("Approve", "U0EVE")
    assert "belongs to nobody in the directory" in await slack.whisper("U0EVE")
    assert await state(world, request_) == "pending"


@pytest.mark.parametrize("fault", [Fault(slow=5), Fault(status=500), Fault(error="token_revoked")], ids=str)
async def test_while_slack_does_not_say_who_clicks_nobody_may(
    world: World, slack: FakeSlack, card: CardView, request_: Request, fault: Fault
) -> None:
    slack.goes_wrong("users.info", fault)
    answer = await card.press("Approve", ANA)
    assert answer.seconds < 2
    assert "does not say who you are" in await slack.whisper(ANA)
    assert await state(world, request_) == "pending"


async def test_the_same_click_again_has_one_effect(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    click = slack.pressed(card, "Approve", ANA)
    for _ in range(4):
        assert (await slack.send(click)).status == 200
    for _ in range(3):
        assert "already" in await slack.whisper(ANA)
    assert len((await world.running.parts.store.get(request_["id"])).reviews) == 1
    await world.settle()
    assert len(card.thread) == 1


async def test_one_of_two_simultaneous_approvers_decides_and_the_other_is_told(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await asyncio.gather(card.press("Approve", ANA), card.press("Approve", BO))
    reviews = (await world.running.parts.store.get(request_["id"])).reviews
    assert len(reviews) == 1
    loser = {"ana": BO, "bo": ANA}[reviews[0].person]
    assert "already" in await slack.whisper(loser)
    await world.settle()
    assert card.thread


async def test_a_click_at_the_deadline_is_too_late(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    click = slack.pressed(card, "Approve", ANA)
    world.clock.advance(timedelta(minutes=30))
    await slack.send(click)
    assert "deadline" in await slack.whisper(ANA)
    await world.settle()
    assert await state(world, request_) == "expired"
    assert card.thread


async def test_what_the_card_cannot_show_is_not_approved_by_it(world: World, slack: FakeSlack) -> None:
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1;" + " " * 9000 + "DROP TABLE x")
    await world.settle()
    card = slack.channel("#ops").card("Run a database migration")
    assert card.buttons == ["Review full", "Deny", "View full"]
    assert card.element("Review full")["url"].endswith(request["id"])
    forged = slack.pressed(card, "Deny", ANA)
    forged["actions"][0]["action_id"] = "approve"
    await slack.send(forged)
    assert "cannot show everything" in await slack.whisper(ANA)
    assert await state(world, request) == "pending"


async def test_a_click_on_another_action_than_was_seen_is_refused(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    forged = slack.pressed(card, "Approve", ANA)
    forged["actions"][0]["value"] = f"{request_['id']} {'0' * 64}"
    await slack.send(forged)
    assert "another action" in await slack.whisper(ANA)
    assert await state(world, request_) == "pending"


async def test_a_button_of_no_request_does_nothing(world: World, slack: FakeSlack, card: CardView) -> None:
    for value in ("req_" + "0" * 32 + " " + "0" * 64, "", "x", " "):
        forged = slack.pressed(card, "Approve", ANA)
        forged["actions"][0]["value"] = value
        assert (await slack.send(forged)).status == 200
        assert await slack.whisper(ANA)


async def test_links_are_acknowledged(card: CardView, slack: FakeSlack) -> None:
    await card.press("View full", ANA)


async def test_slow_work_is_acknowledged_in_time_and_still_done(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    slack.goes_wrong("views.open", Fault(slow=2.7))
    answer = await card.press("Deny", ANA)
    assert answer.seconds < 3
    assert (await slack.form(ANA)).title == "Deny"


async def test_a_form_that_slack_does_not_open_is_told(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    slack.goes_wrong("views.open", Fault(error="expired_trigger_id"))
    await card.press("Deny", ANA)
    assert "press the button again" in await slack.whisper(ANA)


async def test_a_deleted_card_is_put_up_again(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    card.delete()
    await (await world.person("ana")).reviews(request_, "comment", "Look again")
    await world.settle()
    slack.state.refusals.clear()
    again = slack.channel("#ops").card("Run a database migration")
    assert "Look again" in again.text
    assert again.thread
    assert slack.chat(ANA).line("You commented through the API")


async def test_a_connection_lost_after_the_post_leaves_one_card(world: World, slack: FakeSlack) -> None:
    slack.goes_wrong("chat.postMessage", Fault(drop=True))
    await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE x")
    await world.settle()
    await world.advance(minutes=1)
    slack.channel("#ops").card("Run a database migration")
    assert len(slack.channel("#ops").cards()) == 1


async def test_a_refusal_after_the_acknowledgement_is_whispered(slack: FakeSlack, card: CardView) -> None:
    slack.goes_wrong("views.open", Fault(slow=2.6, error="expired_trigger_id"))
    answer = await card.press("Deny", ANA)
    assert answer.seconds < 3
    assert "press the button again" in await slack.whisper(ANA)


async def test_what_breaks_is_acknowledged_logged_and_told(slack: FakeSlack, card: CardView) -> None:
    click = slack.pressed(card, "Approve", ANA)
    del click["trigger_id"]
    assert (await slack.send(click)).status == 200
    assert "Something went wrong" in await slack.whisper(ANA)


async def test_a_form_with_another_apps_baggage_is_acknowledged(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await card.press("Deny", ANA)
    form = await slack.form(ANA)
    for baggage in ("", "[]", '{"verdict": "approve"}', '{"verdict": "everything"}'):
        form.modal.view["private_metadata"] = baggage
        assert (await slack.submit(form.modal, "words")).status == 200
    assert await state(world, request_) == "pending"


async def test_what_is_under_way_is_finished_before_the_server_stops(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    slack.goes_wrong("views.open", Fault(slow=4.0, error="expired_trigger_id"))
    assert (await card.press("Deny", ANA)).seconds < 3
    assert not slack.state.whispers
    await world.running.app.shutdown()
    [told] = slack.state.whispers
    assert "press the button again" in told.text
    told.seen = True
