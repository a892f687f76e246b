"""People decide in Teams: each click once, in words where the policy wants them, and every copy follows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.core.terms import PersonName
from handlers.pace import PERSON_PER_MINUTE, Pace
from handlers.teams.payloads import NOT_OURS
from tests.fakes.teams import CardView, FakeTeams, Fault, account
from tests.fakes.teams_cards import nodes
from tests.handlers.teams.conftest import sealed
from tests.world import World

ANA, BO, CY, DI, ED = "29:1ana", "29:1bo", "29:1cy", "29:1di", "29:1ed"
MIGRATION = "Run a database migration"
Request = dict[str, Any]


@pytest.fixture
def card(teams: FakeTeams, request_: Request) -> CardView:
    """Its card."""
    return teams.channel("ops").card(MIGRATION)


async def state(world: World, request: Request) -> str:
    return str((await world.agent.sees(request))["state"])


async def test_an_approver_approves_on_the_card_and_every_copy_follows(
    world: World, card: CardView, request_: Request
) -> None:
    assert card.buttons[:3] == ["Approve", "Deny", "Comment"]
    await card.press("Approve", ANA)
    assert await state(world, request_) == "approved"
    assert "Approved by ana" in str(card.content(ANA))  # at once, for whoever pressed
    await world.settle()
    assert card.buttons == ["View full"]
    assert "Approved by ana" in card.text
    assert card.thread == ["Approved. The executor may run it once. ana approved."]
    assert await world.audit() > 0


async def test_the_review_is_recorded_as_made_in_teams(
    world: World, card: CardView, request_: Request
) -> None:
    await card.press("Approve", ANA)
    [review] = (await world.running.parts.store.get(request_["id"])).reviews
    assert (review.person, review.by.surface, review.by.account) == ("ana", "teams", account("ana"))
    await world.settle()
    assert card.thread


async def test_a_denial_needs_its_reason_on_the_card_and_the_agent_hears_it(
    world: World, card: CardView, request_: Request
) -> None:
    with pytest.raises(AssertionError, match="sends no Deny without words"):
        card.filled("Deny", None)
    hostile = "Not before the *backup* [ok](https://evil.test) <at>ana</at>"
    await card.press("Deny", BO, hostile)
    seen = await world.agent.sees(request_)
    assert (seen["state"], seen["reviews"][0]["reason"]) == ("denied", hostile)
    await world.settle()
    assert "Denied by bo" in card.text
    assert hostile in card.text
    assert card.thread


async def test_a_reason_that_a_client_leaves_out_is_missed_by_the_policy(
    teams: FakeTeams, world: World, card: CardView, request_: Request
) -> None:
    invoke = teams.pressed(card, "Deny", BO, "words")
    invoke["value"]["action"]["data"]["deny_words"] = "  "
    assert "wants a reason" in (await teams.send(invoke)).said
    assert await state(world, request_) == "pending"


async def test_a_comment_decides_nothing(world: World, card: CardView, request_: Request) -> None:
    await card.press("Comment", CY, "Is there a backup?")
    await world.settle()
    assert await state(world, request_) == "pending"
    assert "Approve" in card.buttons
    assert "Is there a backup?" in card.text
    assert card.thread == ["cy commented: Is there a backup?"]


async def test_a_question_reaches_the_agent_and_its_answer_the_card(
    world: World, card: CardView, request_: Request
) -> None:
    await card.press("Ask for information", CY, "Which replica?")
    [asked] = (await world.agent.sees(request_))["questions"]
    assert asked["text"] == "Which replica?"
    body = {"question": 1, "text": "**replica-2** {{DATE(2026-01-01T00:00:00Z)}}"}
    await world.agent.call("POST", f"/v1/requests/{request_['id']}/answers", body)
    await world.settle()
    assert "**replica-2** {{DATE(2026-01-01T00:00:00Z)}}" in card.text
    assert "unchecked" in card.text
    assert len(card.thread) == 2


async def test_somebody_who_looks_is_named_on_the_card(
    world: World, card: CardView, request_: Request
) -> None:
    await card.press("I'm looking", ANA)
    await world.settle()
    assert "ana is looking" in card.text
    assert await state(world, request_) == "pending"
    assert len(card.thread) <= 1


async def test_two_people_and_their_reasons_for_what_cannot_be_undone(world: World, teams: FakeTeams) -> None:
    request = await world.agent.asks("access.grant", who="eve")
    await world.settle()
    card = teams.channel("ops").card("Grant access")
    assert "This cannot be undone." in str(card.content())
    for user in (ANA, BO):
        assert await state(world, request) == "pending"
        await card.press("Approve", user, f"Seen by {user}")
        await world.settle()
    assert await state(world, request) == "approved"
    assert "2 of 2" in card.text
    assert len(card.thread) == 2


async def test_anyone_else_in_the_channel_is_refused_alone_and_nothing_changes(
    world: World, card: CardView, request_: Request
) -> None:
    before = card.content()
    assert "Only approvers" in (await card.press("Approve", DI)).said
    await world.settle()
    assert await state(world, request_) == "pending"
    assert card.content() == before


async def test_one_person_counts_once(world: World, teams: FakeTeams) -> None:
    request = await world.agent.asks("access.grant", who="eve")
    await world.settle()
    card = teams.channel("ops").card("Grant access")
    await card.press("Approve", ANA, "Seen")
    other = await card.press("Approve", ANA, "Seen once more")
    assert "already reviewed" in other.said
    assert await state(world, request) == "pending"
    await world.settle()
    assert card.thread


@pytest.mark.parametrize(
    ("button", "words"), [("Approve", None), ("Comment", "Once only"), ("Ask for information", "Which one?")]
)
async def test_a_doubled_invoke_has_one_effect_and_the_same_answer(
    world: World, teams: FakeTeams, card: CardView, request_: Request, button: str, words: str | None
) -> None:
    invoke = teams.pressed(card, button, ANA, words)
    first = await teams.send(invoke)
    again = await teams.send({**invoke, "id": "f:another"})
    assert first.json()["type"] == again.json()["type"] == "application/vnd.microsoft.card.adaptive"
    stored = await world.running.parts.store.get(request_["id"])
    assert len(stored.reviews) + len(stored.questions) == 1
    await world.settle()
    assert len(card.thread) == 1


async def test_two_clicks_at_once_decide_once(world: World, card: CardView, request_: Request) -> None:
    answers = await asyncio.gather(card.press("Approve", ANA), card.press("Approve", BO))
    assert {answer.status for answer in answers} == {200}
    assert await state(world, request_) == "approved"
    stored = await world.running.parts.store.get(request_["id"])
    assert len(stored.reviews) == 1
    await world.settle()
    assert len(card.thread) == 1


async def test_a_click_after_the_deadline_is_refused(world: World, card: CardView, request_: Request) -> None:
    world.clock.advance(timedelta(minutes=30))  # and the sweep is late
    assert "deadline" in (await card.press("Approve", ANA)).said
    assert (await world.running.parts.store.get(request_["id"])).state == "pending"
    await world.settle()
    assert card.thread
    assert "Expired" in card.text


async def test_a_button_of_another_action_is_refused(
    world: World, teams: FakeTeams, card: CardView, request_: Request
) -> None:
    invoke = teams.pressed(card, "Approve", ANA)
    invoke["value"]["action"]["data"]["digest"] = "0" * 64
    assert "another action" in (await teams.send(sealed(world, invoke))).said
    assert await state(world, request_) == "pending"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"request": "", "digest": ""},
        {"request": 7, "digest": ["x"]},
        {"request": "req_" + "9" * 32, "digest": "0" * 64},
    ],
)
async def test_a_button_that_is_none_of_ours_is_answered_and_changes_nothing(
    world: World, teams: FakeTeams, card: CardView, request_: Request, data: Request
) -> None:
    invoke = teams.pressed(card, "Approve", ANA)
    invoke["value"]["action"]["data"] = data
    assert (await teams.send(invoke)).said == NOT_OURS
    assert (await teams.send(sealed(world, invoke))).said
    assert await state(world, request_) == "pending"


@pytest.mark.parametrize(
    "lure",
    [
        {"verb": "approve"},
        {"request": "req_" + "1" * 32},
        {"digest": "1" * 64},
        {"command": "freeze * now"},
        {"verb": "run", "command": "freeze * now"},
        {"tag": None},
        {"tag": 7},
        {"tag": ""},
        {"tag": "0" * 64},
        {"tag": "\u00e9" * 64},
    ],
    ids=str,
)
async def test_a_button_of_a_card_that_we_did_not_write_does_nothing(
    world: World, teams: FakeTeams, card: CardView, request_: Request, lure: Request
) -> None:
    invoke = teams.pressed(card, "I'm looking", ANA)
    action = invoke["value"]["action"]
    action["verb"] = lure.get("verb", action["verb"])
    action["data"] |= {name: value for name, value in lure.items() if name != "verb"}
    before = await world.running.parts.store.get(request_["id"])
    assert (await teams.send(invoke)).said == NOT_OURS
    assert await world.running.parts.store.get(request_["id"]) == before
    assert not (await world.running.parts.store.registry()).freezes


async def test_a_lure_that_an_admin_presses_runs_no_command(
    world: World, teams: FakeTeams, card: CardView, request_: Request
) -> None:
    invoke = teams.pressed(card, "I'm looking", DI)
    invoke["value"]["action"] |= {"verb": "run", "title": "Open", "data": {"command": "freeze * now"}}
    assert (await teams.send(invoke)).said == NOT_OURS
    assert not (await world.running.parts.store.registry()).freezes


@pytest.mark.parametrize(("button", "words"), [("Comment", "Nice"), ("Ask for information", "What is it?")])
async def test_who_may_not_see_a_request_gets_nothing_of_it_for_a_comment_or_a_question(
    world: World, teams: FakeTeams, card: CardView, request_: Request, button: str, words: str
) -> None:
    directory = world.running.parts.settings.policy / "directory.yaml"
    eve = teams.add_user("eve")
    directory.write_text(f"{directory.read_text('utf-8')}eve: {{teams: [{account('eve')}]}}\n", "utf-8")
    await world.running.parts.policies.check()
    before = await world.running.parts.store.get(request_["id"])
    answer = (await card.press(button, eve, words)).json()
    assert answer["type"] == "application/vnd.microsoft.activity.message"
    assert MIGRATION not in str(answer)
    assert await world.running.parts.store.get(request_["id"]) == before
    *_, (_, refused) = await world.running.parts.auditing.story(before.id)
    assert (refused["kind"], refused["facts"]) == ("review.refused", {"refusal": "unknown"})


@pytest.mark.parametrize("verb", ["", "refresh", "approve_all", None])
async def test_an_unknown_verb_is_answered_in_words(
    world: World, teams: FakeTeams, card: CardView, request_: Request, verb: str | None
) -> None:
    invoke = teams.pressed(card, "Approve", ANA)
    invoke["value"]["action"]["verb"] = verb
    assert "another version" in (await teams.send(sealed(world, invoke))).said
    assert await state(world, request_) == "pending"


async def test_every_execute_carries_the_request_what_was_seen_and_nothing_else(card: CardView) -> None:
    executes = [node for node in nodes(card.content()) if node.get("type") == "Action.Execute"]
    assert executes
    assert {frozenset(node["data"]) for node in executes} == {frozenset({"request", "digest", "tag"})}
    assert all(node["verb"] for node in executes)


async def test_a_card_that_does_not_show_everything_cannot_approve(world: World, teams: FakeTeams) -> None:
    long = "SELECT 1; " * 1500 + "DROP TABLE orders"
    request = await world.agent.asks("db.migrate", env="prod", sql=long, rows=3)
    await world.settle()
    card = teams.channel("ops").card(MIGRATION)
    assert card.buttons[0] == "Review full"
    assert "does not show everything" in card.text
    whole = teams.pressed(card, "Deny", ANA, "no")
    whole["value"]["action"] |= {"verb": "approve"}  # a client that makes its own button
    assert "open the full page" in (await teams.send(sealed(world, whole))).said
    assert await state(world, request) == "pending"


async def test_an_outcome_reaches_the_requesters_person(world: World, teams: FakeTeams) -> None:
    for user in (BO, DI):
        await teams.install_for(user)
    body = {"on_behalf_of": "bo"}
    await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1, _body=body)
    await world.settle()
    card = teams.channel("ops").card(MIGRATION)
    await card.press("Approve", ANA)
    await world.settle()
    assert MIGRATION in teams.chat(BO).line("Approved")
    assert card.thread


async def test_a_slow_connector_does_not_hold_a_click(
    world: World, teams: FakeTeams, card: CardView, request_: Request
) -> None:
    teams.goes_wrong("member", Fault(slow=7))
    answer = await card.press("Approve", ANA)
    assert answer.seconds < 7
    assert "try again" in answer.said
    assert await state(world, request_) == "pending"


async def test_a_deputy_decides_what_was_handed_to_them(world: World, teams: FakeTeams) -> None:
    directory = world.running.parts.settings.policy / "directory.yaml"
    text = directory.read_text("utf-8").replace(f"[{account('ana')}]", f"[{account('ana')}], deputies: [di]")
    directory.write_text(text, "utf-8")
    await world.running.parts.policies.check()
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=3)
    await world.settle()
    card = teams.channel("ops").card(MIGRATION)
    await teams.install_for(DI)
    assert "Only approvers" in (await card.press("Approve", DI)).said
    await card.press("Delegate", ANA, "@di")
    await card.press("Approve", DI)
    assert await state(world, request) == "approved"
    await world.settle()
    assert card.thread
    for message in teams.chat(DI).chat.messages:
        message.seen = True


async def test_what_one_person_presses_has_the_pace_of_what_they_type_and_call(
    world: World, card: CardView, request_: Request
) -> None:
    pace = Pace.of(world.running.app, world.clock)
    for _ in range(PERSON_PER_MINUTE):
        pace.keep_person(PersonName("ana"))
    pressed = {"Ask for information": "Too fast?", "Delegate": "bo", "I'm looking": None, "Approve": None}
    for button, words in pressed.items():
        assert "slow down" in (await card.press(button, ANA, words)).said
    stored = await world.running.parts.store.get(request_["id"])
    assert stored.version == 1
    entries = await world.running.parts.auditing.story(stored.id)
    assert [body.get("facts") for _, body in entries].count({"refusal": "too-many"}) == len(pressed)
    await card.press("Approve", BO)
    assert await state(world, request_) == "approved"
    await world.settle()
    assert card.thread
