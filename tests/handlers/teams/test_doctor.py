"""`python -m bot doctor` tries Teams: keys, token, where the app is, the channels, and the way in."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.doctor.finding import Finding
from bot.doctor.teams import check_teams
from bot.settings import Settings
from tests.fakes.teams import FakeTeams, Fault
from tests.world import World, settings_at

OPS = "19:platform-ops@thread.tacv2"
ADDRESS = "https://assent.example.com"


def as_configured(world: World, **changes: str) -> Settings:
    """Return the world's settings as an operator would have them."""
    return world.running.parts.settings.model_copy(update={"public_url": ADDRESS, **changes})


async def examine(settings: Settings) -> list[Finding]:
    return [one async for one in check_teams(settings)]


async def test_all_is_well(world: World) -> None:
    found = await examine(as_configured(world))
    assert [one.what for one in found] == [
        "The Bot Service's 1 signing keys can be fetched.",
        f"The bot's messaging endpoint is {ADDRESS}/teams/messages.",
        "Entra gives the app its token.",
        "The app is in 1 teams and chats; `python -m bot teams list` shows them.",
        "ops can be written to.",
        "ops is named, not given by its channel id.",
    ]
    assert {one.level.value for one in found[:-1]} == {"good"}


async def test_a_channel_by_name_is_warned_of_and_one_by_its_id_is_not(world: World) -> None:
    named = (await examine(as_configured(world)))[-1]
    assert (named.level.value, "19:" in named.todo) == ("warn", True)
    bundle = world.running.parts.settings.policy / "bundle.yaml"
    text = bundle.read_text("utf-8")
    bundle.write_text(text.replace("teams: ops", f'teams: "{OPS}"'), "utf-8")
    last = (await examine(as_configured(world)))[-1]
    assert (last.level.value, last.what) == ("good", f"{OPS} can be written to.")


async def test_teams_is_off(tmp_path: Path, sqlite_url: str) -> None:
    [found] = await examine(settings_at(sqlite_url, tmp_path, tmp_path / "policy"))
    assert (found.level.value, found.what) == ("off", "Teams is off.")


async def test_an_address_that_teams_cannot_call_is_bad(world: World) -> None:
    found = await examine(as_configured(world, public_url="http://assent.test"))
    assert [one.level.value for one in found][1] == "bad"


@pytest.mark.parametrize("fault", [Fault(status=401, body='{"error": "invalid_client"}'), Fault(status=500)])
async def test_a_token_that_entra_does_not_give_is_bad(world: World, teams: FakeTeams, fault: Fault) -> None:
    teams.goes_wrong("token", fault)
    found = await examine(as_configured(world))
    assert found[-1].level.value == "bad"
    assert "Entra" in found[-1].what


async def test_keys_that_cannot_be_fetched_are_bad(world: World, teams: FakeTeams) -> None:
    teams.connector.endorsements = ("skype",)
    first = (await examine(as_configured(world)))[0]
    assert (first.level.value, "no key in it" in first.what) == ("bad", True)


async def test_a_channel_that_is_not_there_is_warned_of(world: World, teams: FakeTeams) -> None:
    teams.state.conversations["19:platform-ops@thread.tacv2"].name = "renamed"
    last = (await examine(as_configured(world)))[-1]
    assert last.level.value == "warn"
    assert "no team that has the app has a channel ops" in last.what


async def test_an_app_that_is_nowhere_yet_is_warned_of(world: World, teams: FakeTeams) -> None:
    await teams.removed("19:platform@thread.tacv2")
    assert "in no team and no chat yet" in (await examine(as_configured(world)))[-1].what
