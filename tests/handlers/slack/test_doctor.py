"""`python -m bot doctor` tries Slack: token, scopes, clock, channels, and the way in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app.desk import desk_of
from bot.core.terms import Actor, ActorKind, Proof, Surface
from bot.doctor import examine_running
from bot.doctor.finding import Finding
from bot.doctor.slack import check_slack
from handlers.pace import Pace
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import APP_TOKEN, Fault
from tests.fixtures.policy import write_policy
from tests.handlers.slack.test_oauth import Browser, returning
from tests.handlers.slack.test_oauth import settings as oauth
from tests.world import World, a_world, settings_at

Examine = Callable[..., Any]


@pytest.fixture
def examine(slack: FakeSlack, tmp_path: Path, sqlite_url: str) -> Examine:
    """Let the doctor look at Slack alone."""
    policy = write_policy(tmp_path / "policy")

    async def look(**changes: Any) -> list[Finding]:
        own = {
            "slack_bot_token": slack.state.token,
            "slack_app_token": APP_TOKEN,
            "slack_api_url": slack.api_url,
        }
        kept = {name: value for name, value in (own | changes).items() if value is not None}
        url = kept.pop("public_url", "")
        settings = settings_at(sqlite_url, tmp_path, policy, **kept)
        return [one async for one in check_slack(settings.model_copy(update={"public_url": url}))]

    return look


def levels(found: list[Finding]) -> list[str]:
    return [one.level.value for one in found]


async def test_all_is_well(examine: Examine) -> None:
    found = await examine()
    assert [one.what for one in found] == [
        "Slack knows us as assent in Assent.",
        "Slack granted every scope of manifest.yml.",
        "This host's clock agrees with Slack's.",
        "#ops can be written to.",
        "Socket Mode opens.",
    ]
    assert set(levels(found)) == {"good"}


async def test_slack_is_off(examine: Examine) -> None:
    assert levels(await examine(slack_bot_token=None, slack_app_token=None)) == ["off"]


async def test_a_wrong_token_is_said_with_what_to_do(examine: Examine, slack: FakeSlack) -> None:
    found = await examine(slack_bot_token="xoxb-wrong")
    assert levels(found) == ["bad", "good"]
    assert "does not know the bot token" in found[0].what
    assert "ASSENT_SLACK_BOT_TOKEN" in found[0].todo
    slack.state.refusals.clear()


async def test_a_missing_scope_is_named(examine: Examine, slack: FakeSlack) -> None:
    slack.state.scopes.discard("groups:history")
    found = await examine()
    assert [one.what for one in found if one.level.value == "bad"] == [
        "Slack scopes are missing: groups:history."
    ]


async def test_a_channel_without_the_bot_is_named(examine: Examine, slack: FakeSlack) -> None:
    slack.channel("#ops").conversation.members.clear()
    [warned] = [one for one in await examine() if one.level.value == "warn"]
    assert "invite it there with /invite" in warned.what


async def test_a_clock_that_is_minutes_off_is_told(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.clock import wall

    monkeypatch.setattr("bot.doctor.slack.wall", lambda: wall() + timedelta(minutes=4))
    [told] = [one for one in await examine() if one.level.value == "bad"]
    assert re.fullmatch(r"This host's clock is \+24[0-3] s off Slack's\.", told.what)


async def test_a_socket_that_does_not_open_is_told(examine: Examine, slack: FakeSlack) -> None:
    slack.goes_wrong("apps.connections.open", Fault(error="invalid_auth"))
    assert "Socket Mode does not open" in (await examine())[-1].what


@pytest.mark.parametrize(
    ("public_url", "says"),
    [("", "https addresses only"), ("https://127.0.0.1:9", "does not answer")],
)
async def test_an_address_that_slack_cannot_call_is_told(
    examine: Examine, public_url: str, says: str
) -> None:
    found = await examine(slack_app_token=None, slack_signing_secret="x", public_url=public_url)
    assert found[-1].level.value == "warn"
    assert says in found[-1].what


async def test_every_installed_workspace_is_tried(slack: FakeSlack, sqlite_url: str, tmp_path: Path) -> None:
    policy = write_policy(tmp_path / "policy")
    own = oauth(slack.api_url)
    options = settings_at(sqlite_url, tmp_path, policy, **own)
    assert levels([one async for one in check_slack(options)])[0] == "off"
    async with a_world(sqlite_url, tmp_path, policy, **own) as world:
        assert levels([one async for one in check_slack(options)])[0] == "off"
        slack.grants("code-1")
        await returning(world, Browser(world))
        found = [one.what async for one in check_slack(options)]
        assert found[:3] == [
            "T0ASSENT: Slack knows us as assent in Assent.",
            "T0ASSENT: Slack granted every scope of manifest.yml.",
            "This host's clock agrees with Slack's.",
        ]
        assert found[3] == "#ops can be written to."
        sealed = (await world.running.parts.store.installations())["T0ASSENT"]
        await world.running.parts.store.rotate_installation("T0ASSENT", sealed, b"other keys")
        found = [one.what async for one in check_slack(options)]
        assert "do not open with these keys" in found[0]


async def test_the_doctor_comes_into_the_chat_while_the_server_runs(world: World, slack: FakeSlack) -> None:
    running = world.running
    settings = running.parts.settings
    desk = desk_of(
        running.parts, Pace(running.parts.clock), running.loops.reload, lambda: examine_running(settings)
    )
    ed = Actor(ActorKind.PERSON, "ed", Surface.SLACK, "T0ASSENT/U0ED", Proof.SIGNATURE)
    said = [line.text for line in (await desk.run(ed, "doctor")).lines]
    for part in (
        "Slack granted every scope",
        "#ops can be written to",
        "The audit log holds",
        "is not https",
    ):
        assert any(part in line for line in said), (part, said)
    assert not any("cannot be listened on" in line for line in said)  # it is we who listen there
    assert await world.audit()
