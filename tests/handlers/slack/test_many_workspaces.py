"""Several workspaces and whole organisations: each with its own people, cards, token and pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.ports import Never
from handlers.slack.installed import Installed
from handlers.slack.workspace import Installation
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import BOT_USER, Fault
from tests.fixtures.policy import BUNDLE, DIRECTORY, write_policy
from tests.handlers.slack.test_oauth import Browser, returning, settings
from tests.world import World, a_replica, a_world

TITLE = "Run a database migration"
ANA = "U0ANA"
SHOWN = '[{slack: "T0ASSENT/#ops"}, {slack: "T0SISTER/#ops"}, {web: inbox}]'
PEOPLE = DIRECTORY.replace("[T0ASSENT/U0BO]", "[T0SISTER/U0BO]")


@pytest.fixture
async def sister(slack: FakeSlack) -> FakeSlack:
    """Another workspace, in which bo is, behind the same address."""
    fake = FakeSlack(slack.state.now)
    fake.state.team, fake.state.token = "T0SISTER", "xoxb-sister-token"
    fake.add_channel("#ops")
    fake.add_user("bo")
    slack.beside(fake)
    return fake


def card_in(slack: FakeSlack) -> Any:
    return slack.channel("#ops").card(TITLE)


@pytest.fixture
async def world(slack: FakeSlack, sister: FakeSlack, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The bot, installed in both."""
    policy = write_policy(
        tmp_path / "policy", BUNDLE.replace('[{slack: "#ops"}, {web: inbox}]', SHOWN), PEOPLE
    )
    for name in ("ana", "cy", "ed"):
        slack.add_user(name)
    async with a_world(sqlite_url, tmp_path, policy, **settings(slack.api_url)) as made:
        slack.app = sister.app = f"{made.url}/slack/events"
        slack.state.now = sister.state.now = made.clock.now
        for number, one in enumerate((slack, sister)):
            one.grants(f"code-{number}")
            slack.state.grants |= one.state.grants  # codes are traded without a token: at the one address
            slack.state.grants[f"code-{number}"]["team"] = {"id": one.state.team, "name": one.state.team}
            assert (await returning(made, Browser(made), f"code-{number}"))[0] == 200
        yield made
        await made.settle()
    sister.nothing_else()


def installations(world: World) -> Installed:
    found = world.running.parts.workspaces
    assert isinstance(found, Installed)
    return found


async def ask(world: World) -> dict[str, Any]:
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=3)
    await world.settle()
    return request


async def forgotten(world: World) -> None:
    """Wait until nothing of the sister is held: Slack's event is acknowledged first."""
    async with asyncio.timeout(5):
        while "T0SISTER" in await world.running.parts.store.installations():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def seen(*fakes: FakeSlack) -> None:
    for fake in fakes:
        for conversation in fake.state.conversations.values():
            for message in conversation.messages:
                message.seen = True
        fake.state.refusals.clear()


async def test_an_address_names_its_workspace_and_people_of_both_decide(
    world: World, slack: FakeSlack, sister: FakeSlack
) -> None:
    first, second = await ask(world), None
    await card_in(slack).press("Approve", ANA)
    assert (await world.agent.sees(first))["state"] == "approved"
    await world.settle()
    for one in (slack, sister):
        assert "Approved by ana" in card_in(one).text
        assert card_in(one).thread
        card_in(one).delete()
    second = await ask(world)
    await card_in(sister).press("Approve", "U0BO")
    [review] = (await world.running.parts.store.get(second["id"])).reviews
    assert (review.person, review.by.account) == ("bo", "T0SISTER/U0BO")
    await world.settle()
    seen(slack, sister)


async def test_an_account_is_good_only_in_its_own_workspace(
    world: World, slack: FakeSlack, sister: FakeSlack
) -> None:
    request = await ask(world)
    sister.add_user("ana")  # T0SISTER/U0ANA: the same id, and nobody of ours
    await card_in(sister).press("Approve", ANA)
    assert "belongs to nobody" in await sister.whisper(ANA)
    assert (await world.agent.sees(request))["state"] == "pending"
    seen(slack, sister)


async def test_a_person_is_told_where_their_account_is(
    world: World, slack: FakeSlack, sister: FakeSlack
) -> None:
    await ask(world)
    await world.advance(minutes=5)  # group:dba is reminded
    assert sister.chat("U0BO").line("Still waiting")
    assert slack.chat(ANA).line("Still waiting")
    seen(slack, sister)


async def test_without_a_name_several_workspaces_are_too_many(world: World) -> None:
    with pytest.raises(Never, match="name one"):
        await installations(world).named(None)
    with pytest.raises(Never, match="not installed in T0OTHER"):
        await installations(world).named("T0OTHER")


async def test_a_workspace_that_was_never_installed_is_401(
    world: World, slack: FakeSlack, sister: FakeSlack
) -> None:
    await ask(world)
    for team in ("T0OTHER", "E0OTHER", "t0assent"):
        click = slack.pressed(card_in(slack), "Approve", ANA) | {"team": {"id": team}}
        assert (await slack.send(click)).status == 401
    seen(slack, sister)


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "app_uninstalled"}],
        [{"type": "tokens_revoked", "tokens": {"bot": [BOT_USER]}}, {"type": "app_uninstalled"}],
    ],
)
async def test_what_is_removed_is_forgotten_and_its_clicks_are_401(
    world: World, slack: FakeSlack, sister: FakeSlack, events: Sequence[dict[str, Any]]
) -> None:
    request = await ask(world)
    for number, event in enumerate(events):
        assert (await sister.event(event)).status == (401 if number else 200)
        await forgotten(world)
    assert (await sister.send(sister.pressed(card_in(sister), "Approve", "U0BO"))).status == 401
    assert (await world.agent.sees(request))["state"] == "pending"
    await card_in(slack).press("Approve", ANA)
    assert (await world.agent.sees(request))["state"] == "approved"
    await world.audit()
    await world.settle()
    seen(slack, sister)


async def test_a_revoked_token_of_somebody_else_forgets_nothing(
    world: World, slack: FakeSlack, sister: FakeSlack
) -> None:
    await slack.event({"type": "tokens_revoked", "tokens": {"oauth": ["U0ANA"], "bot": ["U0OTHER"]}})
    await sister.event({"type": "app_uninstalled"})
    await forgotten(world)  # which came after it
    assert set(await world.running.parts.store.installations()) == {slack.state.team}


async def test_replicas_agree_on_what_is_installed(world: World, slack: FakeSlack, sister: FakeSlack) -> None:
    async with a_replica(world) as other:
        assert (await installations(other).named("T0SISTER")).client.token == sister.state.token
        await sister.event({"type": "app_uninstalled"})
        await forgotten(world)
        with pytest.raises(Never):
            await installations(other).named("T0SISTER")


async def test_credentials_sealed_with_other_keys_are_no_installation(world: World) -> None:
    store = world.running.parts.store
    held = await store.installations()
    await store.rotate_installation("T0SISTER", held["T0SISTER"], b"not ours")
    with pytest.raises(Never):
        await installations(world).named("T0SISTER")
    assert world.running.parts.installing is not None
    assert dict(await world.running.parts.installing.places())["T0SISTER"] == "(sealed with other keys)"


# ── rotation ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def rotating(slack: FakeSlack, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The bot, installed with a token that rotates."""
    policy = write_policy(tmp_path / "policy")
    async with a_world(sqlite_url, tmp_path, policy, **settings(slack.api_url)) as made:
        slack.app = f"{made.url}/slack/events"
        slack.state.now = made.clock.now
        slack.grants("code-1", refresh="refresh-1")
        await returning(made, Browser(made))
        held = next(iter(installations(made)._known.values()), None)
        assert held is None  # nothing was read yet
        yield made


async def expires_in(world: World, life: timedelta) -> None:
    """Let the token end so long from now (the SDK counts from the wall clock)."""
    known = installations(world)
    await known.named(None)
    [(_, held, _)] = known._known.values()
    assert held.expires_at is not None
    world.clock.advance(held.expires_at - life - world.clock.now())


def rotate(slack: FakeSlack, number: int) -> None:
    """Let the next refresh give another token."""
    slack.state.token = f"xoxb-rotated-{number}"
    slack.grants(f"refresh-{number}", refresh=f"refresh-{number + 1}")


async def token(world: World) -> str | None:
    known = installations(world)
    await known.named(None)
    if known._rotation is not None:
        await known._rotation
    return (await known.named(None)).client.token


async def test_a_token_is_rotated_two_hours_before_it_ends(rotating: World, slack: FakeSlack) -> None:
    old = slack.state.token
    await expires_in(rotating, timedelta(hours=2, seconds=1))
    rotate(slack, 1)
    assert await token(rotating) == old
    rotating.clock.advance(timedelta(seconds=1))
    assert await token(rotating) == "xoxb-rotated-1"
    request = await ask(rotating)
    assert card_in(slack).message.metadata["event_payload"]["request"] == request["id"]


async def test_a_token_that_has_ended_is_rotated_before_it_is_used(rotating: World, slack: FakeSlack) -> None:
    await expires_in(rotating, timedelta(0))
    rotate(slack, 1)
    workspace = await installations(rotating).named(None)
    assert workspace.client.token == "xoxb-rotated-1"


async def test_a_rotation_that_fails_is_tried_again_and_the_old_token_used_meanwhile(
    rotating: World, slack: FakeSlack
) -> None:
    old = slack.state.token
    await expires_in(rotating, timedelta(hours=1))
    slack.goes_wrong("oauth.v2.access", Fault(status=500))
    assert await token(rotating) == old
    rotate(slack, 1)
    assert await token(rotating) == old
    rotating.clock.advance(timedelta(minutes=1))
    assert await token(rotating) == "xoxb-rotated-1"


async def test_the_replica_that_rotates_second_uses_what_the_first_got(
    rotating: World, slack: FakeSlack
) -> None:
    async with a_replica(rotating) as other:
        await installations(other).named(None)
        await expires_in(rotating, timedelta(hours=1))
        rotate(slack, 1)
        assert await token(rotating) == "xoxb-rotated-1"
        assert await token(other) == "xoxb-rotated-1"


# ── organisations ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def org(slack: FakeSlack, sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The bot, installed in a whole organisation, of which ana's workspace is one."""
    slack.state.enterprise = "E0ORG"
    policy = write_policy(tmp_path / "policy", BUNDLE.replace('"#ops"', '"T0ASSENT/#ops"'))
    for name in ("ana", "bo"):
        slack.add_user(name, enterprise_user={"enterprise_id": "E0ORG", "teams": ["T0ASSENT"]})
    async with a_world(sqlite_url, tmp_path, policy, **settings(slack.api_url)) as made:
        slack.app = f"{made.url}/slack/events"
        slack.state.now = made.clock.now
        slack.grants("code-1", whole_org=True)
        await returning(made, Browser(made))
        yield made
        await made.settle()


async def test_an_organisation_is_installed_once_for_all_its_workspaces(org: World, slack: FakeSlack) -> None:
    assert list(await org.running.parts.store.installations()) == ["E0ORG"]
    request = await ask(org)
    [looked] = [said for method, said in slack.state.calls if method == "users.conversations"]
    assert looked["team_id"] == "T0ASSENT"
    click = slack.pressed(card_in(slack), "Approve", ANA) | {"is_enterprise_install": True}
    assert (await slack.send(click)).status == 200
    assert (await org.agent.sees(request))["state"] == "approved"
    await org.settle()
    seen(slack)


async def test_people_of_another_organisation_are_strangers(org: World, slack: FakeSlack) -> None:
    request = await ask(org)
    slack.state.users[ANA]["enterprise_user"] = {"enterprise_id": "E0OTHER"}
    await card_in(slack).press("Approve", ANA)
    assert "our own Slack workspace" in await slack.whisper(ANA)
    slack.state.enterprise = "E0OTHER"
    assert (await slack.send(slack.pressed(card_in(slack), "Approve", ANA))).status == 401
    assert (await org.agent.sees(request))["state"] == "pending"


ORG = Installation(None, "E0ORG", "U0BOT", "B0BOT")
IN_GRID = Installation("T0ONE", "E0ORG", "U0BOT", "B0BOT")
ALONE = Installation("T0ONE", None, "U0BOT", "B0BOT")


@pytest.mark.parametrize(
    ("installation", "home", "member_of", "account"),
    [
        (ORG, "T0TWO", {"enterprise_id": "E0ORG", "teams": []}, "T0TWO/U1"),
        (ORG, "T0TWO", {"enterprise_id": "E0OTHER", "teams": ["T0TWO"]}, None),
        (ORG, "T0TWO", None, None),
        (ORG, None, {"enterprise_id": "E0ORG"}, None),
        (IN_GRID, "T0ONE", {"enterprise_id": "E0ORG", "teams": ["T0ONE"]}, "T0ONE/U1"),
        (IN_GRID, "T0TWO", {"enterprise_id": "E0ORG", "teams": ["T0TWO", "T0ONE"]}, "T0ONE/U1"),
        (IN_GRID, "T0TWO", {"enterprise_id": "E0ORG", "teams": ["T0TWO"]}, None),
        (IN_GRID, "T0TWO", {"enterprise_id": "E0OTHER", "teams": ["T0ONE"]}, None),
        (ALONE, "T0ONE", None, "T0ONE/U1"),
        (ALONE, "T0TWO", {"enterprise_id": None, "teams": ["T0ONE"]}, None),
        (ALONE, None, None, None),
    ],
)
def test_who_is_a_member_of_what_we_are_installed_in(
    installation: Installation, home: str | None, member_of: Any, account: str | None
) -> None:
    user = {"id": "U1", "team_id": home, "enterprise_user": member_of}
    assert installation.account(user) == account


@pytest.mark.parametrize(
    ("installation", "team", "enterprise", "ours"),
    [
        (ORG, "T0ANY", "E0ORG", True),
        (ORG, "T0ANY", None, False),
        (ORG, None, "E0OTHER", False),
        (IN_GRID, "T0ONE", "E0ORG", True),
        (IN_GRID, "T0ONE", None, True),
        (IN_GRID, "T0TWO", "E0ORG", False),
        (ALONE, "T0ONE", "E0ORG", False),
        (Installation(None, None, "U0BOT", "B0BOT"), "T0ONE", None, False),
    ],
)
def test_whose_call_it_is(
    installation: Installation, team: str | None, enterprise: str | None, ours: bool
) -> None:
    assert installation.is_ours(team, enterprise) is ours
