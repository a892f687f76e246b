"""People ask the agent, and say that they look, from the card; the whole bot on real sockets."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from bot.core.errors import TooMany
from bot.core.terms import PersonName, RequestId
from handlers.pace import PERSON_PER_MINUTE, Pace
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Fault
from tests.fakes.slack_views import CardView
from tests.world import World

ANA, BO, CY, DI, ED = "U0ANA", "U0BO", "U0CY", "U0DI", "U0ED"
ASK, LOOK = "Ask for information", "I'm looking"
Request = dict[str, Any]


async def answers(world: World, request: Request, number: int, text: str) -> None:
    """Let the agent answer."""
    body = {"question": number, "text": text}
    await world.agent.call("POST", f"/v1/requests/{request['id']}/answers", body)


async def asks(slack: FakeSlack, card: CardView, user: str, words: str) -> None:
    """Ask the agent something from the card."""
    await card.press(ASK, user)
    await (await slack.form(user)).submit(words)


async def test_what_is_not_yes_or_no_stands_behind_the_dots(card: CardView) -> None:
    assert card.buttons == ["Approve", "Deny", "View full"]
    assert card.more == ["Comment", ASK, LOOK, "Delegate"]


async def test_the_agent_gets_the_question_and_its_answer_appears_on_the_card_and_in_the_thread(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await card.press(ASK, BO)
    form = await slack.form(BO)
    assert form.title == ASK
    assert "Run a database migration" in form.text
    await form.submit("Is there a *backup* <!channel>?")
    await world.settle()
    assert "bo asks (question 1)" in card.text
    assert "Not answered yet." in card.text
    [question] = (await world.agent.sees(request_))["questions"]
    assert question["text"] == "Is there a *backup* <!channel>?"
    assert question["asked_by"] is None
    await answers(world, request_, 1, "Yes: <https://evil.test|approve here>")
    await world.settle()
    assert "The agent's own words, unchecked · answer to question 1" in card.text
    assert "<https://evil.test|approve here>" in card.text
    asked, answered = card.thread
    assert asked == "bo asks: Is there a *backup* &lt;!channel&gt;?"
    assert answered == "The agent has answered question 1; its answer is on the card."
    assert card.buttons == ["Approve", "Deny", "View full"]


async def test_the_same_form_again_is_one_question(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await card.press(ASK, BO)
    form = await slack.form(BO)
    await form.submit("Why?")
    await form.submit("Why?")
    assert "already" in form.errors
    await world.settle()
    assert len((await world.agent.sees(request_))["questions"]) == len(card.thread) == 1


async def test_an_approver_who_looks_is_named_and_reminders_wait_for_them(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    await world.advance(minutes=3)
    await card.press(LOOK, ANA)
    await world.settle()
    assert "👀 ana is looking, until" in card.text
    assert card.thread == ["ana is looking at this; reminders wait for a moment."]
    await world.advance(minutes=4)
    assert len(card.thread) == 1
    await world.advance(minutes=1)
    assert "is looking" not in card.text
    assert card.thread[1].startswith("Still waiting: Run a database migration")
    for user in (ANA, BO, CY):
        assert slack.chat(user).line("Still waiting")


async def test_the_second_look_is_refused_and_so_is_that_of_who_may_not_decide(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    await card.press(LOOK, ANA)
    await card.press(LOOK, ANA)
    assert "holds reminders once" in await slack.whisper(ANA)
    await card.press(LOOK, DI)
    assert "Only approvers" in await slack.whisper(DI)
    await card.press(LOOK, ED)
    assert "Nobody may review a request they made" in await slack.whisper(ED)
    await world.settle()
    assert "ana is looking" in card.text
    assert len(card.thread) == 1


async def test_who_is_chosen_decides_in_an_approvers_place(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await card.press("Delegate", ANA)
    await (await slack.form(ANA)).submit(BO)
    await world.settle()
    [delegation] = (await world.running.parts.store.get(request_["id"])).delegations
    assert (delegation.giver, delegation.deputy) == ("ana", "bo")
    for user in (DI, ED):  # who may not, and the agent's owner
        await card.press("Delegate", ANA)
        form = await slack.form(ANA)
        await form.submit(user)
        assert form.errors
        form.modal.closed = True
    assert len((await world.running.parts.store.get(request_["id"])).delegations) == 1
    assert card.thread
    for message in slack.chat(BO).conversation.messages:
        message.seen = True


async def test_a_guest_neither_asks_nor_looks(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    slack.state.users[ANA]["is_restricted"] = True
    before = await world.audit()
    for choice in (ASK, LOOK):
        await card.press(choice, ANA)
        assert "Guests" in await slack.whisper(ANA)
    assert await world.audit() == before + 2


async def test_a_choice_that_is_not_ours_does_nothing(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    for value in (f"approve {request_['id']} {request_['digest']}", "look", "", f"look {request_['id']}"):
        forged = slack.pressed(card, LOOK, ANA)
        forged["actions"][0]["selected_option"]["value"] = value
        assert (await slack.send(forged)).status == 200
        assert await slack.whisper(ANA)
    assert (await world.agent.sees(request_))["state"] == "pending"


async def test_a_slow_look_is_acknowledged_in_time_and_done_all_the_same(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    slack.goes_wrong("users.info", Fault(slow=1.2))
    answer = await card.press(LOOK, ANA)
    assert answer.seconds < 3
    await world.settle()
    assert "ana is looking" in card.text
    assert card.thread


async def test_each_approver_of_the_next_stage_hears_that_it_is_their_turn(
    world: World, slack: FakeSlack
) -> None:
    await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE x", rows=200_000)
    await world.settle()
    card = slack.channel("#ops").card("Run a database migration")
    await card.press("Approve", ANA)
    await world.settle()
    assert "Your turn: Run a database migration" in slack.chat(DI).line("Your turn")
    assert slack.chat(CY).line("Your turn")
    assert [BO in c.members for c in slack.state.conversations.values() if c.user == BO] == []
    assert len(card.thread) == 1


async def test_the_owner_and_who_it_was_for_hear_how_it_ended(world: World, slack: FakeSlack) -> None:
    slack.expected.clear()
    body = {"on_behalf_of": "bo"}
    request = await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE x", rows=3, _body=body)
    await world.settle()
    card = slack.channel("#ops").card("Run a database migration")
    await card.press("Deny", ANA)
    await (await slack.form(ANA)).submit("Not on a Friday")
    await world.settle()
    for user in (BO, ED):
        line = slack.chat(user).line(f"({request['code']}): Denied. ana denied: Not on a Friday")
        assert line.startswith("Run a database migration")
        assert f"/requests/{request['id']}" in line
    assert card.thread


async def test_what_one_person_presses_has_the_pace_of_what_they_type_and_call(
    world: World, slack: FakeSlack, card: CardView, request_: Request
) -> None:
    await card.press(ASK, ANA)
    form = await slack.form(ANA)
    pace = Pace.of(world.running.app, world.clock)
    for _ in range(PERSON_PER_MINUTE):
        with suppress(TooMany):
            pace.keep_person(PersonName("ana"))
    await form.submit("Too fast?")
    assert "slow down" in form.errors
    for button in ("Delegate", "Comment", LOOK, "Approve"):
        await card.press(button, ANA)
        assert "slow down" in await slack.whisper(ANA)
    stored = await world.running.parts.store.get(RequestId(request_["id"]))
    assert stored.version == 1
    entries = await world.running.parts.auditing.story(stored.id)
    assert [body.get("facts") for _, body in entries].count({"refusal": "too-many"}) == 5
    await card.press("Approve", BO)
    assert (await world.agent.sees(request_))["state"] == "approved"
    await world.settle()
    assert card.thread
