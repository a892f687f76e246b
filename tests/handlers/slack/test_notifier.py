"""Cards go out once, stay up to date, and every trouble of Slack's is `Later`, `Never` or `Unsure`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.terms import PersonName, RequestId, State
from bot.ports import Later, Never, Place, Posted, Shut, Unsure
from handlers.slack import SlackNotifier, TheOne, Workspace
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Fault, Message
from tests.fixtures.clock import FakeClock
from tests.handlers.slack.cards import ID, RENDERER, a_card, knowing

ANA = PersonName("ana")
OPS = "C0OPSXXXXX"


@pytest.fixture
def notifier(workspace: Workspace, clock: FakeClock) -> SlackNotifier:
    return SlackNotifier(
        TheOne(workspace), knowing(ana="T0ASSENT/U0ANA", eve="T0OTHER/U0EVE"), clock, RENDERER
    )


@pytest.fixture
async def ops(notifier: SlackNotifier) -> Place:
    return await notifier.find("slack:#ops", None)


async def test_a_channel_is_found_by_its_name_and_by_its_id(notifier: SlackNotifier) -> None:
    assert await notifier.find("slack:#ops", None) == Place("slack", OPS)
    assert await notifier.find("slack:ops", None) == Place("slack", OPS)
    assert await notifier.find(f"slack:{OPS}", None) == Place("slack", OPS)


async def test_a_channel_is_looked_up_once(notifier: SlackNotifier, slack: FakeSlack) -> None:
    for _ in range(3):
        await notifier.find("slack:#ops", None)
    assert [method for method, _ in slack.state.calls] == ["users.conversations"]


async def test_a_name_that_is_another_channels_by_now_is_looked_up_again(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place
) -> None:
    old = slack.state.conversations[ops.id]
    old.archived, old.name = True, "ops-2025"
    new = slack.add_channel("#new")
    slack.state.conversations[new].name = "ops"
    with pytest.raises(Never, match="archived"):
        await notifier.post(a_card(), ops)
    assert (await notifier.find("slack:#ops", None)).id == new
    slack.state.refusals.clear()


async def test_a_channel_is_found_on_any_page(notifier: SlackNotifier, slack: FakeSlack) -> None:
    for number in range(450):
        slack.add_channel(f"#c{number:04d}")
    last = slack.add_channel("#zzz", private=True)
    assert (await notifier.find("slack:#zzz", None)).id == last


async def test_a_channel_without_the_bot_is_never_found(notifier: SlackNotifier, slack: FakeSlack) -> None:
    slack.add_channel("#closed", bot=False)
    with pytest.raises(Never, match="invite it there"):
        await notifier.find("slack:#closed", None)


async def test_a_person_is_found_in_their_direct_messages(notifier: SlackNotifier, slack: FakeSlack) -> None:
    slack.add_user("ana")
    place = await notifier.find("person:ana", ANA)
    await notifier.post(a_card(), place)
    assert slack.chat("U0ANA").card("Run a database migration").buttons[0] == "Approve"


@pytest.mark.parametrize("name", ["eve", "nobody"])
async def test_a_person_of_another_workspace_is_never_found(notifier: SlackNotifier, name: str) -> None:
    with pytest.raises(Never, match="no account of this Slack workspace"):
        await notifier.find(f"person:{name}", PersonName(name))


async def test_a_card_is_posted_with_its_request_in_the_metadata_and_nothing_else(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place
) -> None:
    posted = await notifier.post(a_card(summary="A-WORD"), ops)
    message = slack.channel("#ops").card("Run a database migration").message
    assert message.metadata == {"event_type": "assent_request", "event_payload": {"request": ID}}
    assert (posted.place, posted.message, posted.version) == (OPS, message.ts, 1)
    assert (posted.request_id, posted.address) == (ID, f"slack:{OPS}")
    _, call = slack.state.calls[-1]
    assert (call["unfurl_links"], call["unfurl_media"], call["parse"]) == (False, False, "none")


async def test_an_update_carries_text_and_blocks(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place
) -> None:
    posted = await notifier.post(a_card(), ops)
    again = await notifier.update(a_card(version=2, state=State.CANCELLED), posted)
    card = slack.channel("#ops").card("Run a database migration")
    assert card.buttons == ["View full"]
    assert "Cancelled" in card.message.text
    assert again == replace(posted, version=2)


async def test_a_deleted_card_is_never_updated(notifier: SlackNotifier, slack: FakeSlack, ops: Place) -> None:
    posted = await notifier.post(a_card(), ops)
    slack.channel("#ops").card("Run a database migration").delete()
    with pytest.raises(Never, match="not there any more"):
        await notifier.update(a_card(), posted)
    slack.state.refusals.clear()


async def test_after_a_crash_the_card_is_found_again(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place
) -> None:
    posted = await notifier.post(a_card(), ops)
    for _ in range(450):
        slack.state.conversations[OPS].messages.append(
            Message(OPS, slack.state.ts(), "chatter", [], None, None, seen=True)
        )
    found = await notifier.seek(ID, ops)
    assert found is not None
    assert found.message == posted.message
    slack.channel("#ops").card("Run a database migration")


async def test_what_was_never_posted_is_not_found(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place
) -> None:
    await notifier.post(a_card(), ops)
    assert await notifier.seek(RequestId("req_" + "1" * 32), ops) is None
    slack.channel("#ops").card("Run a database migration")


async def test_another_apps_message_with_our_metadata_is_not_our_card(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place
) -> None:
    metadata = {"event_type": "assent_request", "event_payload": {"request": ID}}
    forged = Message(OPS, slack.state.ts(), "forged", [], metadata, None, bot="B0EVIL", seen=True)
    slack.state.conversations[OPS].messages.append(forged)
    assert await notifier.seek(ID, ops) is None


async def test_a_channel_too_busy_to_look_through_leaves_it_unsure(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place
) -> None:
    messages = slack.state.conversations[OPS].messages
    for _ in range(2001):
        messages.append(Message(OPS, slack.state.ts(), "chatter", [], None, None, seen=True))
    with pytest.raises(Unsure):
        await notifier.seek(ID, ops)


async def test_lines_go_below_the_card_and_are_literal(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place
) -> None:
    posted = await notifier.post(a_card(), ops)
    await notifier.reply("bo denied: <!channel> *no*", posted)
    card = slack.channel("#ops").card("Run a database migration")
    assert card.thread == ["bo denied: &lt;!channel&gt; *no*"]
    line = slack.state.conversations[OPS].messages[-1]
    assert line.blocks[0]["text"] == {
        "type": "plain_text",
        "emoji": False,
        "text": "bo denied: <!channel> *no*",
    }


async def test_the_longest_line_fits(notifier: SlackNotifier, slack: FakeSlack, ops: Place) -> None:
    await notifier.tell("&" * 9000, ops)
    slack.channel("#ops").line("&amp;")


async def verb(name: str, notifier: SlackNotifier, place: Place, posted: Posted) -> None:
    match name:
        case "post":
            await notifier.post(a_card(), place)
        case "update":
            await notifier.update(a_card(), posted)
        case "seek":
            await notifier.seek(ID, place)
        case "reply":
            await notifier.reply("a line", posted)
        case "tell":
            await notifier.tell("a line", place)
        case "find":
            await notifier.find("slack:#other", None)


METHODS = {
    "post": "chat.postMessage",
    "update": "chat.update",
    "seek": "conversations.history",
    "reply": "chat.postMessage",
    "tell": "chat.postMessage",
    "find": "users.conversations",
}
ONCE = ("post", "reply", "tell")


async def trouble(name: str, fault: Fault, notifier: SlackNotifier, slack: FakeSlack) -> Exception:
    """Let one call go wrong, and return what comes of it."""
    place = Place("slack", OPS)
    posted = await notifier.post(a_card(), place)
    slack.goes_wrong(METHODS[name], fault, fault)  # aiohttp itself repeats a GET once, never a POST
    with pytest.raises((Later, Never, Unsure)) as raised:
        await verb(name, notifier, place, posted)
    slack.state.faults.clear()
    for message in slack.state.conversations[OPS].messages:
        message.seen = True
    slack.state.refusals.clear()
    return raised.value


@pytest.mark.parametrize("name", METHODS)
async def test_slack_asks_for_patience(name: str, notifier: SlackNotifier, slack: FakeSlack) -> None:
    error = await trouble(name, Fault(retry_after=17), notifier, slack)
    assert isinstance(error, Later)
    assert error.after == timedelta(seconds=17)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=503, body="upstream", content_type="text/plain"),
        Fault(status=500, body="{not json", content_type="application/json"),
        Fault(status=200, body="captive portal", content_type="text/plain"),
        Fault(status=200),
        Fault(error="internal_error"),
        Fault(error="fatal_error"),
        Fault(drop=True),
    ],
    ids=str,
)
async def test_no_clear_answer_is_later_or_unsure(
    name: str, fault: Fault, notifier: SlackNotifier, slack: FakeSlack
) -> None:
    error = await trouble(name, fault, notifier, slack)
    assert isinstance(error, Unsure if name in ONCE else Later)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "code",
    ["missing_scope", "is_archived", "not_in_channel",
     "channel_not_found", "invalid_blocks", "edit_window_closed", "is_inactive", "cant_update_message",
     "something_new"],
)  # fmt: skip
async def test_a_clear_no_is_never(name: str, code: str, notifier: SlackNotifier, slack: FakeSlack) -> None:
    error = await trouble(name, Fault(error=code), notifier, slack)
    assert isinstance(error, Never)
    assert str(error).startswith("Slack: ")


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "code", ["token_revoked", "token_expired", "account_inactive", "invalid_auth", "not_authed"]
)
async def test_without_a_token_that_slack_takes_the_whole_surface_is_shut(
    name: str, code: str, notifier: SlackNotifier, slack: FakeSlack
) -> None:
    error = await trouble(name, Fault(error=code), notifier, slack)
    assert isinstance(error, Shut)


@pytest.mark.parametrize("name", METHODS)
async def test_slack_out_of_reach_is_later(name: str, clock: FakeClock) -> None:
    workspace = Workspace("xoxb-fake", "http://127.0.0.1:9/api", clock)
    away = SlackNotifier(TheOne(workspace), knowing(), clock, RENDERER)
    with pytest.raises(Later):
        await verb(name, away, Place("slack", OPS), Posted(ID, "slack:#ops", OPS, "1.1", 1))


async def test_a_dropped_connection_leaves_one_card_and_it_is_found(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place
) -> None:
    slack.goes_wrong("chat.postMessage", Fault(drop=True))
    with pytest.raises(Unsure):
        await notifier.post(a_card(), ops)
    found = await notifier.seek(ID, ops)
    assert found is not None
    await notifier.update(a_card(version=2), found)
    assert "version 2" in slack.channel("#ops").card("Run a database migration").text


async def test_one_message_a_second_and_channel_is_slacks_pace(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place, clock: FakeClock
) -> None:
    slack.state.one_a_second = True
    await notifier.tell("first", ops)
    with pytest.raises(Later) as raised:
        await notifier.tell("second", ops)
    assert raised.value.after == timedelta(seconds=1)
    clock.advance(raised.value.after)
    await notifier.tell("second", ops)
    slack.channel("#ops").line("first")
    slack.channel("#ops").line("second")
    slack.state.refusals.clear()


@pytest.mark.parametrize("header", ["0", "-5", "soon", "1e9", "9" * 30, "٣"])
async def test_a_strange_retry_after_is_bounded(
    header: str, notifier: SlackNotifier, slack: FakeSlack
) -> None:
    fault = Fault(retry_after=header)  # type: ignore[arg-type]  # what a broken proxy might say
    error = await trouble("post", fault, notifier, slack)
    assert isinstance(error, Later)
    assert timedelta(seconds=1) <= error.after <= timedelta(hours=1)


async def test_the_scopes_of_the_manifest_are_those_the_methods_need(
    notifier: SlackNotifier, slack: FakeSlack, ops: Place
) -> None:
    slack.state.scopes.discard("chat:write")
    with pytest.raises(Never, match="lacks a scope"):
        await notifier.post(a_card(), ops)
    slack.state.refusals.clear()
