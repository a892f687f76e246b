"""Only a full member of our workspace whom the directory knows is anybody (SECURITY 4 to 6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.core.errors import NoReviewsByMachines, NotReady, UnknownPerson
from bot.core.terms import Actor, ActorKind, Proof, Surface
from handlers.slack import TheOne, Usergroups, Workspace
from handlers.slack.identity import Clicker, Identity
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Fault
from tests.fixtures.clock import FakeClock
from tests.handlers.slack.cards import knowing

ANA = Clicker("U0ANA", "T0ASSENT")


@pytest.fixture
def identity(workspace: Workspace, clock: FakeClock) -> Identity:
    return Identity(workspace, knowing(ana="T0ASSENT/U0ANA"), clock)


async def test_a_member_in_the_directory_is_that_person(identity: Identity, slack: FakeSlack) -> None:
    slack.add_user("ana")
    assert await identity.actor(ANA) == Actor(
        ActorKind.PERSON, "ana", Surface.SLACK, "T0ASSENT/U0ANA", Proof.SIGNATURE
    )


async def test_names_and_addresses_count_for_nothing(identity: Identity, slack: FakeSlack) -> None:
    slack.add_user(
        "ana", "U0EVE", real_name="Ana", profile={"email": "ana@example.com", "display_name": "ana"}
    )
    with pytest.raises(UnknownPerson, match="T0ASSENT/U0EVE belongs to nobody"):
        await identity.actor(Clicker("U0EVE", "T0ASSENT"))


@pytest.mark.parametrize(
    "differs",
    [
        {"is_bot": True},
        {"is_workflow_bot": True},
        {"is_connector_bot": True},
    ],
    ids=str,
)
async def test_machines_are_refused(identity: Identity, slack: FakeSlack, differs: dict[str, Any]) -> None:
    slack.add_user("ana", **differs)
    with pytest.raises(NoReviewsByMachines):
        await identity.actor(ANA)


async def test_slackbot_is_a_machine_that_denies_it(
    workspace: Workspace, slack: FakeSlack, clock: FakeClock
) -> None:
    slack.add_user("slackbot", "USLACKBOT")
    identity = Identity(workspace, knowing(slackbot="T0ASSENT/USLACKBOT"), clock)
    with pytest.raises(NoReviewsByMachines):
        await identity.actor(Clicker("USLACKBOT", "T0ASSENT"))


@pytest.mark.parametrize(
    "differs",
    [
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"deleted": True},
        {"team_id": "T0OTHER"},
        {"team_id": None},
        {"id": "U0EVE"},
        {"is_restricted": None},
        {"is_restricted": "false"},
        {"deleted": 0},
    ],
    ids=str,
)
async def test_guests_strangers_and_the_deleted_are_refused(
    identity: Identity, slack: FakeSlack, differs: dict[str, Any]
) -> None:
    slack.add_user("ana")
    slack.state.users["U0ANA"].update(differs)
    with pytest.raises(UnknownPerson):
        await identity.actor(ANA)


@pytest.mark.parametrize(
    "missing", ["deleted", "is_bot", "is_restricted", "is_ultra_restricted", "team_id", "id"]
)
async def test_what_slack_leaves_out_is_not_taken_for_no(
    identity: Identity, slack: FakeSlack, missing: str
) -> None:
    slack.add_user("ana")
    del slack.state.users["U0ANA"][missing]
    with pytest.raises(UnknownPerson):
        await identity.actor(ANA)


@pytest.mark.parametrize("team", ["T0OTHER", "", "E0ASSENT"])
async def test_a_click_from_another_workspace_is_refused_before_slack_is_asked(
    identity: Identity, slack: FakeSlack, team: str
) -> None:
    slack.add_user("ana")
    with pytest.raises(UnknownPerson, match="our own Slack workspace"):
        await identity.actor(Clicker("U0ANA", team))
    assert "users.info" not in [method for method, _ in slack.state.calls]


async def test_in_an_organisation_the_click_names_the_workspace_that_slack_does(
    identity: Identity, slack: FakeSlack
) -> None:
    slack.state.enterprise = "E0ORG"
    slack.add_user("ana", enterprise_user={"enterprise_id": "E0ORG", "teams": ["T0ASSENT", "T0OTHER"]})
    with pytest.raises(UnknownPerson, match="our own Slack workspace"):
        await identity.actor(Clicker("U0ANA", "T0OTHER"))
    assert (await identity.actor(ANA)).name == "ana"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(retry_after=1),
        Fault(error="token_revoked"),
        Fault(error="user_not_found"),
        Fault(slow=2.0),
    ],
    ids=str,
)
async def test_while_slack_does_not_answer_nobody_is_anybody(
    identity: Identity, slack: FakeSlack, fault: Fault
) -> None:
    slack.add_user("ana")
    slack.goes_wrong("users.info", fault)
    with pytest.raises(NotReady):
        await identity.actor(ANA)
    assert (await identity.actor(ANA)).name == "ana"


@pytest.mark.parametrize(("seconds", "fresh"), [(59, False), (60, True)])
async def test_slacks_word_is_good_for_a_minute(
    identity: Identity, slack: FakeSlack, clock: FakeClock, seconds: int, fresh: bool
) -> None:
    slack.add_user("ana")
    await identity.actor(ANA)
    slack.state.users["U0ANA"]["deleted"] = True
    clock.advance(timedelta(seconds=seconds))
    if fresh:
        with pytest.raises(UnknownPerson):
            await identity.actor(ANA)
    else:
        assert (await identity.actor(ANA)).name == "ana"


async def test_a_user_group_is_its_accounts(workspace: Workspace, slack: FakeSlack, clock: FakeClock) -> None:
    slack.state.usergroups["S0DBA"] = ["U0ANA", "U0BO"]
    usergroups = Usergroups(TheOne(workspace), clock)
    assert await usergroups.members("S0DBA") == frozenset({"T0ASSENT/U0ANA", "T0ASSENT/U0BO"})


async def test_a_user_group_is_remembered_for_two_minutes_or_until_slack_says_it_changed(
    workspace: Workspace, slack: FakeSlack, clock: FakeClock
) -> None:
    slack.state.usergroups["S0DBA"] = ["U0ANA"]
    usergroups = Usergroups(TheOne(workspace), clock)
    await usergroups.members("S0DBA")
    slack.state.usergroups["S0DBA"] = ["U0BO"]
    clock.advance(timedelta(seconds=119))
    assert await usergroups.members("S0DBA") == frozenset({"T0ASSENT/U0ANA"})
    usergroups.forget("S0DBA")
    assert await usergroups.members("S0DBA") == frozenset({"T0ASSENT/U0BO"})
    slack.state.usergroups["S0DBA"] = []
    clock.advance(timedelta(seconds=120))
    assert await usergroups.members("S0DBA") == frozenset()


@pytest.mark.parametrize(
    "fault",
    [Fault(status=500), Fault(retry_after=1), Fault(error="no_such_subteam")],
    ids=str,
)
async def test_a_user_group_that_slack_does_not_tell_is_none(
    workspace: Workspace, slack: FakeSlack, clock: FakeClock, fault: Fault
) -> None:
    slack.state.usergroups["S0DBA"] = ["U0ANA"]
    usergroups = Usergroups(TheOne(workspace), clock)
    await usergroups.members("S0DBA")
    clock.advance(timedelta(minutes=3))
    slack.goes_wrong("usergroups.users.list", fault)
    assert await usergroups.members("S0DBA") is None
