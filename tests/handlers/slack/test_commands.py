"""`/assent …`, and what Slack tells us without being asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from assent.proof import check, parse_key
from bot.core.terms import AgentName, PersonName
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_blocks import texts
from tests.fakes.slack_state import Fault
from tests.fakes.slack_views import CardView, buttons_of
from tests.world import OPERATOR, World

ANA, DI, ED = "U0ANA", "U0DI", "U0ED"


def words(answer: dict[str, Any]) -> str:
    """Return everything an answer says."""
    return "\n".join([answer["text"], *texts(answer.get("blocks", []))])


async def test_help_says_what_there_is_and_anything_else_points_to_it(world: World, slack: FakeSlack) -> None:
    for text in ("", "help", "  HELP "):
        answer = (await slack.type(ANA, text, "#ops")).json()
        assert answer["response_type"] == "ephemeral"
        for word in ("inbox", "sign-in", "list [STATE]"):
            assert f"/assent {word}" in words(answer)
        assert "freeze" not in words(answer)
    for text in ("approve everything", "<!channel>"):
        answer = (await slack.type(ANA, text, "#ops")).json()
        assert answer["text"].startswith("I do not know")
        assert "<!" not in words(answer)
    wrong = (await slack.type(ANA, "inbox now", "#ops")).json()
    assert wrong["text"] == "Say it like this: /assent inbox"


async def test_the_inbox_shows_what_waits_for_its_reader(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    mine = (await slack.type(ANA, "inbox", "#ops")).json()
    assert mine["response_type"] == "ephemeral"
    assert "Run a database migration" in words(mine)
    assert (await slack.type(DI, "inbox", "#ops")).json()["text"] == "Nothing waits for you."


async def test_an_entry_of_the_inbox_opens_into_the_card_and_can_be_decided_there(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    mine = (await slack.type(ANA, "inbox", "#ops")).json()
    assert (await slack.act(ANA, mine["blocks"], "Open", "#ops")).status == 200
    pane = await slack.pane(ANA)
    assert "ALTER TABLE x" in pane.text
    await pane.press("Approve")
    assert (await world.agent.sees(request_))["state"] == "approved"
    await world.settle()
    assert "Approved by ana" in card.text
    assert card.thread
    assert slack.chat(ED).line("Approved")


async def test_a_request_that_is_asked_for_opens_in_a_window_and_is_renewed_by_what_is_done_there(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    answer = await slack.type(ANA, f"show {request_['digest'][:8]}", "#ops")
    assert answer.text == ""
    pane = await slack.pane(ANA)
    assert "ALTER TABLE x" in pane.text
    await pane.press("Approve")
    await world.settle()
    assert "Approved by ana" in card.text
    assert card.thread
    assert slack.chat(ED).line("Approved")


async def test_where_slack_opens_no_window_the_request_comes_as_a_message(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    slack.goes_wrong("views.open", Fault(error="expired_trigger_id"))
    answer = (await slack.type(ANA, f"show {request_['digest'][:8]}", "#ops")).json()
    assert "ALTER TABLE x" in words(answer)


async def test_a_long_inbox_says_that_there_is_more(world: World, slack: FakeSlack) -> None:
    for number in range(16):
        await world.agent.asks("db.migrate", env="prod", sql=f"SELECT {number}")
    answer = (await slack.type(ANA, "inbox", "#ops")).json()
    assert "There are more" in words(answer)
    await world.settle()
    assert slack.channel("#ops").cards()


async def test_sign_in_hands_out_a_link_that_works_once(world: World, slack: FakeSlack) -> None:
    answer = (await slack.type(ANA, "sign-in", "#ops")).json()
    assert answer["response_type"] == "ephemeral"
    links = [
        leaf["url"]
        for block in answer["blocks"]
        for section in block["elements"]
        for leaf in section.get("elements", ())
        if leaf["type"] == "link"
    ]
    token = links[0].rpartition("/enter#")[2]
    entering = world.running.parts.entering
    assert (await entering.enter(token))[1].person == "ana"
    with pytest.raises(Exception, match="nothing here"):
        await entering.enter(token)


async def test_only_people_of_ours_get_an_inbox_or_a_link(world: World, slack: FakeSlack) -> None:
    before = await world.audit()
    for differs in ({"is_bot": True}, {"is_restricted": True}, {"deleted": True}, {"team_id": "T0X"}):
        user = slack.add_user("ana")
        slack.state.users[user].update(differs)
        for text in ("inbox", "sign-in", "help"):
            answer = (await slack.type(user, text, "#ops")).json()
            assert "/enter" not in str(answer)
            assert "blocks" not in answer
        world.clock.advance(timedelta(minutes=1))
    assert await world.audit() == before + 8  # an inbox and a link were refused each


async def test_a_guest_who_types_an_admins_word_is_refused_and_on_record(
    world: World, slack: FakeSlack
) -> None:
    slack.state.users[ED]["is_restricted"] = True
    answer = (await slack.type(ED, "freeze * mine now", "#ops")).json()
    assert "Guests" in answer["text"]
    assert not (await world.running.parts.store.registry()).freezes
    sealed = await world.running.parts.store.entries(0, 1000)
    last = orjson.loads(sealed[-1].body)
    assert (last["kind"], last["facts"]["refusal"]) == ("admin.command", "unknown-person")


async def test_a_press_is_run_for_whoever_presses_and_asked_about_anew(
    world: World, slack: FakeSlack
) -> None:
    shown = (await slack.type(ED, "agents list", "#ops")).json()
    await slack.act(ANA, shown["blocks"], "Pause", "#ops")
    assert await slack.whisper(ANA) == "Only an admin may do that."
    assert not (await world.running.parts.store.registry()).agents[AgentName("deployer")].paused_at
    await slack.act(ED, shown["blocks"], "Pause", "#ops")
    assert "deployer is paused" in await slack.whisper(ED)
    assert (await world.running.parts.store.registry()).agents[AgentName("deployer")].paused_at


async def test_a_dangerous_press_asks_first(world: World, slack: FakeSlack) -> None:
    shown = (await slack.type(ED, "agents list", "#ops")).json()
    [pause] = [held for block in shown["blocks"] for held in buttons_of(block)]
    assert pause["confirm"]["style"] == pause["style"] == "danger"


async def test_a_mention_is_the_person_whose_account_it_is(world: World, slack: FakeSlack) -> None:
    for mention in ("<@U0DI|di>", "<@U0DI>", "@di", "di"):
        answer = (await slack.type(ED, f"who {mention}", "#ops")).json()
        assert "group leads" not in words(answer)
        assert "leads" in words(answer), mention
    slack.add_user("zoe")
    answer = (await slack.type(ED, "who <@U0ZOE|ana>", "#ops")).json()
    assert answer["text"] == "T0ASSENT/U0ZOE is not in the directory."


async def test_what_is_typed_is_shown_back_literally(world: World, slack: FakeSlack) -> None:
    typed = (
        "freeze db.* &lt;!channel&gt; &amp;lt; *bold* <https://evil.example|click> <#C0OPSXXXXX|ops> <!here>"
    )
    await slack.type(ED, typed, "#ops")
    [freeze] = (await world.running.parts.store.registry()).freezes
    assert freeze.reason == "<!channel> &lt; *bold* click ops here"
    shown = (await slack.type(ED, "freezes", "#ops")).json()
    assert '"mrkdwn"' not in orjson.dumps(shown).decode()
    assert "<!channel> &lt; *bold*" in words(shown)
    refused = (await slack.type(ED, "agents pause &lt;!channel&gt;", "#ops")).json()
    assert refused["text"] == "There is no agent &lt;!channel&gt;."


async def test_a_proof_arrives_as_a_file_for_its_asker_alone_and_verifies(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    code = request_["digest"][:8]
    answer = (await slack.type(ED, f"audit prove {code}", "#ops")).json()
    assert "in your direct messages" in words(answer)
    file = slack.file(ED, f"{request_['id']}.proof.json")
    key = parse_key(world.running.parts.keys.verifier_keys()[0])
    assert check(file.content or b"", [key]).entries
    assert file.channel == slack.chat(ED).conversation.id
    assert not slack.channel("#ops").conversation.messages[1:]


async def test_an_export_is_every_entry_as_it_was_hashed(world: World, slack: FakeSlack) -> None:
    entries = await world.running.parts.store.entries(0, 1000)
    await slack.type(ED, "audit export", "#ops")
    assert slack.file(ED, "audit.jsonl").content == b"".join(entry.body + b"\n" for entry in entries)
    day = f"{world.clock.now():%Y-%m-%d}"
    answer = (await slack.type(ED, f"audit export 2020-01-01 {day}", "#ops")).json()
    assert answer["text"] == "No entry in that range."
    refused = (await slack.type(ED, "audit export yesterday", "#ops")).json()
    assert "2026-01-31" in refused["text"]


async def test_statistics_come_with_a_picture_that_says_in_words_what_it_shows(
    world: World, slack: FakeSlack, card: CardView, request_: dict[str, Any]
) -> None:
    world.clock.advance(timedelta(minutes=4))
    await card.press("Approve", ANA)
    answer = (await slack.type(ED, "stats 7", "#ops")).json()
    for part in ("1 approved", "4 min in the median", "deployer", "ana"):
        assert part in words(answer)
    picture = slack.file(ED, "stats.png")
    assert (picture.content or b"").startswith(b"\x89PNG")
    assert "1 went ahead" in picture.alt
    await world.settle()
    assert card.thread
    assert slack.chat(ED).line("Approved")


async def test_a_file_that_slack_does_not_take_is_said_and_the_answer_still_comes(
    world: World, slack: FakeSlack
) -> None:
    slack.state.scopes.discard("files:write")
    answer = (await slack.type(ED, "audit export", "#ops")).json()
    assert "could not be sent: Slack: the app lacks a scope" in words(answer)
    slack.state.refusals.clear()


async def test_a_slow_word_is_acknowledged_in_time_and_answered_later(
    world: World, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack.goes_wrong("files.getUploadURLExternal", Fault(slow=2.5))
    answer = await slack.type(ED, "audit export", "#ops")
    assert answer.json()["text"] == "Still at it; the answer follows."
    assert "entries, one a line" in "\n".join(texts((await slack.whispered(ED)).blocks))
    slack.file(ED, "audit.jsonl")


async def test_a_dead_letter_is_listed_with_why_and_sent_again_by_its_button(
    world: World, slack: FakeSlack
) -> None:
    channel = slack.channel("#ops").conversation
    channel.archived = True
    await world.agent.asks("db.migrate", env="prod", sql="SELECT 1")
    await world.settle()
    slack.state.refusals.clear()
    assert slack.chat(ED).line("could not be shown")
    listed = (await slack.type(ED, "deliveries list", "#ops")).json()
    assert "the bot is in no channel named #ops" in words(listed)
    directory = world.running.parts.settings.policy / "directory.yaml"
    directory.write_text(directory.read_text().replace("di: {", "di: {auditor: true, "))
    await world.running.parts.policies.check()
    seen = (await slack.type("U0DI", "deliveries list", "#ops")).json()
    assert "the bot is in no channel named #ops" in words(seen)
    assert "Send again" not in words(seen)  # who only looks sees no button that would refuse them
    channel.archived = False
    await slack.act(ED, listed["blocks"], "Send again", "#ops")
    assert "is queued again" in await slack.whisper(ED)
    await world.settle()
    assert slack.channel("#ops").card("Run a database migration")
    assert "No dead letters" in (await slack.type(ED, "deliveries list", "#ops")).json()["text"]


async def test_an_answer_too_long_for_one_message_comes_in_several(world: World, slack: FakeSlack) -> None:
    answer = (await slack.type(ED, "help", "#ops")).json()
    rest = words(answer)
    admin = world.running.parts.admin
    for number in range(60):
        await admin.add_agent(f"agent-{number:02d}", PersonName("ed"), [], False, OPERATOR)
    first = (await slack.type(ED, "agents list", "#ops")).json()
    shown = words(first) + "\n".join(texts((await slack.whispered(ED)).blocks))
    assert all(f"agent-{number:02d}" in shown for number in range(60))
    assert "/assent doctor" not in rest  # no doctor was handed in here


async def test_a_changed_user_group_is_read_again(world: World, slack: FakeSlack) -> None:
    usergroups = world.running.parts.usergroups
    assert usergroups is not None
    events: list[dict[str, Any]] = [
        {"type": "subteam_members_changed", "subteam_id": "S0DBA", "team_id": "T0ASSENT"},
        {"type": "subteam_updated", "subteam": {"id": "S0DBA"}},
    ]
    for event in events:
        slack.state.usergroups["S0DBA"] = [ANA]
        usergroups.forget("S0DBA")
        await usergroups.members("S0DBA")
        slack.state.usergroups["S0DBA"] = [DI]
        assert (await slack.event(event)).status == 200
        assert await usergroups.members("S0DBA") == frozenset({"T0ASSENT/U0DI"})
