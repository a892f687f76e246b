"""`/assent …`, and what Slack tells us without being asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_blocks import texts
from tests.fakes.slack_views import CardView
from tests.world import World

ANA, DI = "U0ANA", "U0DI"


async def test_help_says_what_there_is_and_anything_else_points_to_it(world: World, slack: FakeSlack) -> None:
    for text in ("", "help", "  HELP ", "approve everything", "inbox now", "<!channel>"):
        answer = (await slack.type(ANA, text, "#ops")).json()
        assert answer["response_type"] == "ephemeral"
        for word in ("inbox", "sign-in", "help"):
            assert f"/assent {word}" in answer["text"]
        assert answer["text"].startswith("I do not know that command.") == (len(text) > 7)
        assert "<!" not in answer["text"]


async def test_the_inbox_shows_what_waits_for_its_reader(
    world: World, slack: FakeSlack, card: CardView
) -> None:
    mine = (await slack.type(ANA, "inbox", "#ops")).json()
    assert mine["response_type"] == "ephemeral"
    assert "Run a database migration" in "\n".join(texts(mine["blocks"]))
    assert mine["blocks"][1]["accessory"]["url"].startswith("http://assent.test/requests/req_")
    assert (await slack.type(DI, "inbox", "#ops")).json()["text"] == "Nothing waits for you."


async def test_a_long_inbox_says_that_there_is_more(world: World, slack: FakeSlack) -> None:
    for number in range(16):
        await world.agent.asks("db.migrate", env="prod", sql=f"SELECT {number}")
    answer = (await slack.type(ANA, "inbox", "#ops")).json()
    assert "There are more" in "\n".join(texts(answer["blocks"]))
    await world.settle()
    assert len(slack.channel("#ops").cards()) == 16


async def test_sign_in_hands_out_a_link_that_works_once(world: World, slack: FakeSlack) -> None:
    answer = (await slack.type(ANA, "sign-in", "#ops")).json()
    assert answer["response_type"] == "ephemeral"
    token = answer["text"].rpartition("/enter#")[2]
    entering = world.running.parts.entering
    assert (await entering.enter(token))[1].person == "ana"
    with pytest.raises(Exception, match="nothing here"):
        await entering.enter(token)


async def test_only_people_of_ours_get_an_inbox_or_a_link(world: World, slack: FakeSlack) -> None:
    before = await world.audit()
    for differs in ({"is_bot": True}, {"is_restricted": True}, {"deleted": True}, {"team_id": "T0X"}):
        user = slack.add_user("ana")
        slack.state.users[user].update(differs)
        for text in ("inbox", "sign-in"):
            answer = (await slack.type(user, text, "#ops")).json()
            assert "/enter" not in answer["text"]
            assert "blocks" not in answer
        world.clock.advance(timedelta(minutes=1))
    assert await world.audit() == before


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
