"""Deputies, quiet hours and linked accounts, through Slack."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bot.core.terms import Actor, ActorKind, PersonName, Proof, Surface
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_blocks import texts
from tests.fakes.slack_views import CardView
from tests.fixtures.policy import DIRECTORY, write_policy
from tests.fixtures.tables import rows
from tests.handlers.slack.conftest import BUNDLE
from tests.world import World

ANA, BO, CY, DI, ED, NEW = "U0ANA", "U0BO", "U0CY", "U0DI", "U0ED", "U0NEW"
DEPUTIES = DIRECTORY.replace("ana: {", "ana: {deputies: [di], ")


def by(name: str) -> Actor:
    return Actor(ActorKind.PERSON, name, Surface.SLACK, f"T0ASSENT/U0{name.upper()}", Proof.SIGNATURE)


@pytest.fixture
async def deputies(world: World) -> None:
    """Where di may stand in for ana."""
    write_policy(Path(world.running.parts.settings.policy), BUNDLE, DEPUTIES)
    await world.running.parts.policies.check()


def words(answer: dict[str, Any]) -> str:
    return "\n".join([answer["text"], *texts(answer.get("blocks", []))])


def told(slack: FakeSlack, user: str) -> list[str]:
    """Everything that somebody's direct messages say that nobody has looked at."""
    chats = [one for one in slack.state.conversations.values() if one.user == user]
    new = [one for chat in chats for one in chat.messages if not one.seen]
    for one in new:
        one.seen = True
    return [one.text for one in new]


async def test_who_is_away_is_not_reminded_and_their_deputy_is_and_decides(
    world: World, slack: FakeSlack, deputies: None, card: CardView, request_: dict[str, Any]
) -> None:
    said = (await slack.type(ANA, f"away until 2d to <@{DI}>", "#ops")).json()
    assert "di stands in for you" in words(said)
    await world.advance(minutes=5)
    assert told(slack, ANA) == []
    assert any("Still waiting" in line for line in told(slack, DI))
    assert any("Still waiting" in line for line in told(slack, BO))
    assert any("Still waiting" in line for line in told(slack, CY))
    await card.press("Approve", DI)
    await world.settle()
    assert "Approved by di for ana" in card.text
    assert any("di, for ana, approved" in line for line in card.thread)
    assert told(slack, ED)
    said = (await slack.type(ANA, "back", "#ops")).json()
    assert "Welcome back" in words(said)


async def test_in_quiet_hours_reminders_wait_and_what_would_be_too_late_does_not(
    world: World, slack: FakeSlack, request_: dict[str, Any], card: CardView
) -> None:
    # It is noon in UTC; the request ends at half past.
    for who, until in (("ana", "12:20"), ("bo", "12:30")):
        hours = ("11:00", until, "UTC")
        await world.running.parts.absences.quiet(PersonName(who), *hours, by(who))
    await world.advance(minutes=5)
    assert told(slack, ANA) == []
    assert any("Still waiting" in line for line in told(slack, BO))  # it would be over by then
    assert told(slack, CY)
    await world.advance(minutes=15)
    assert any("Still waiting" in line for line in told(slack, ANA))
    for user in (BO, CY, DI):
        told(slack, user)
    assert card.thread


async def test_in_quiet_hours_outcomes_wait_and_what_may_be_a_theft_does_not(
    world: World, slack: FakeSlack, request_: dict[str, Any], card: CardView
) -> None:
    for who in ("ana", "ed"):
        await world.running.parts.absences.quiet(PersonName(who), "11:00", "13:00", "UTC", by(who))
    await (await world.person("ana")).approves(request_)  # with a token, through the API
    await world.settle()
    assert any("If that was not you" in line for line in told(slack, ANA))
    assert told(slack, ED) == []
    await world.advance(minutes=59, seconds=59)
    assert not any("Approved" in line for line in told(slack, ED))
    await world.advance(seconds=1)
    assert any("Approved" in line for line in told(slack, ED))
    assert card.thread


async def test_a_deputy_is_asked_in_their_own_messages_with_a_card(
    world: World, slack: FakeSlack, deputies: None, card: CardView, request_: dict[str, Any]
) -> None:
    said = (await slack.type(ANA, f"delegate {request_['digest'][:8]} <@{DI}>", "#ops")).json()
    assert "in your place" in words(said)
    await world.settle()
    assert any("ana asks di to decide" in line for line in card.thread)
    own = slack.chat(DI).card("Run a database migration")
    assert any("ana asks you to decide in their place" in line for line in own.thread)
    await own.press("Approve", DI)
    await world.settle()
    assert "Approved by di for ana" in card.text
    assert "Approved by di for ana" in own.text
    assert (await world.agent.sees(request_))["state"] == "approved"
    for user in (DI, ED):
        told(slack, user)
    assert card.thread


async def refused_words(world: World) -> list[dict[str, Any]]:
    """Return the entries of commands that were refused."""
    query = "SELECT body FROM entries WHERE kind = 'admin.command' ORDER BY sequence"
    found = await rows(world.running.parts.settings.database_url, query)
    bodies = [json.loads(bytes(row["body"])) for row in found]
    return [body for body in bodies if "refusal" in body["facts"]]


async def test_an_account_is_linked_from_both_sides_and_decides_then(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    slack.add_user("new")
    await card.press("Approve", NEW)
    assert "belongs to nobody" in await slack.whisper(NEW)
    answer = (await slack.type(NEW, "link", "#ops")).json()
    [token] = set(re.findall(r"http://assent\.test/link#([\w-]{43})", str(answer)))
    linking = world.running.parts.linking
    await linking.opened(token, "browser")
    session = Actor(ActorKind.PERSON, "ana", Surface.WEB, "session", Proof.SESSION)
    code = await linking.confirm(token, "browser", PersonName("ana"), session)
    await world.settle()
    assert any("If that was not you" in line for line in told(slack, ANA))
    assert any("ana says on the web" in line for line in told(slack, ED))
    before = len(await refused_words(world))
    wrong = (await slack.type(NEW, "link AAAAAAAA", "#ops")).json()
    [tried] = (await refused_words(world))[before:]
    assert (tried["facts"], "words" in tried["private"]) == ({"command": "link", "refusal": "unknown"}, False)
    assert "not the code" in words(wrong)
    done = (await slack.type(NEW, f"link {code.lower()}", "#ops")).json()
    assert "ana's now" in words(done)
    await card.press("Approve", NEW)
    await world.settle()
    [review] = (await world.running.parts.store.get(request_["id"])).reviews
    assert (review.person, review.by.account) == ("ana", "T0ASSENT/U0NEW")
    told(slack, ED)
    assert card.thread


async def test_a_guest_links_nothing(world: World, slack: FakeSlack) -> None:
    slack.add_user("new", is_restricted=True)
    answer = (await slack.type(NEW, "link", "#ops")).json()
    assert "link#" not in str(answer)
    assert await world.running.parts.store.pairing_of("slack", "T0ASSENT/U0NEW", world.clock.now()) is None


async def test_two_accounts_of_one_person_are_one_review(world: World, slack: FakeSlack) -> None:
    slack.add_user("new")
    linking, account = world.running.parts.linking, "T0ASSENT/U0NEW"
    new = Actor(ActorKind.PERSON, "", Surface.SLACK, account, Proof.SIGNATURE)
    token = await linking.begin("slack", account, "new", new)
    await linking.opened(token, "b")
    code = await linking.confirm(token, "b", PersonName("ana"), by("ana"))
    await linking.finish("slack", account, code, new)
    request = await world.agent.asks("access.grant", who="eve")
    await world.settle()
    card = slack.channel("#ops").card("Grant access")
    await card.press("Approve", ANA)
    await (await slack.form(ANA)).submit("ok")
    await card.press("Approve", NEW)
    form = await slack.form(NEW)
    await form.submit("ok")
    assert "already reviewed" in str(form.errors)
    assert (await world.agent.sees(request))["state"] == "pending"
    await world.settle()
    assert told(slack, ANA)
    assert told(slack, ED)
    assert card.thread
