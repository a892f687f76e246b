"""manifest.yml asks Slack for exactly what the code uses."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bot.app.desk import desk_of
from handlers.commands import Role
from handlers.pace import Pace
from handlers.slack.door import PATH
from handlers.slack.installing import RETURN
from handlers.slack.scopes import SCOPES as SCOPES_ASKED_FOR
from tests.fakes.slack_methods import SCOPES
from tests.fakes.slack_state import MANIFEST
from tests.world import World

CODE = Path(__file__).parents[3] / "handlers" / "slack"
# What a method needs besides depends on the kind of conversation: all three kinds that we write to.
BY_KIND = {
    "conversations.history": {"channels:history", "groups:history", "im:history"},
    "users.conversations": {"channels:read", "groups:read"},
}

# What an event needs to be sent at all; after Slack's pages of events.
BY_EVENT: dict[str, set[str]] = {
    "app_home_opened": set(),
    "app_uninstalled": set(),
    "reaction_added": {"reactions:read"},
    "subteam_members_changed": {"usergroups:read"},
    "subteam_updated": {"usergroups:read"},
    "tokens_revoked": set(),
}


@pytest.fixture
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(MANIFEST)
    return loaded


def methods_called() -> set[str]:
    """Return every Web API method that is called, as `workspace.client.METHOD(…)` or `oauth.METHOD(…)`."""
    known = {method.replace(".", "_").lower(): method for method in SCOPES}
    called = set()
    for module in CODE.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                holder = ast.unparse(node.func.value)
                if holder.endswith("workspace.client") or holder in ("self.client", "oauth"):
                    called.add(known[node.func.attr.lower()])
    return called


def registered(kind: str) -> set[str]:
    """Return what the listeners register for."""
    sources = [module.read_text() for module in CODE.glob("*.py")]
    return {name for source in sources for name in re.findall(rf'bolt\.{kind}\("([^"]+)"\)', source)}


def test_the_scopes_are_those_that_the_called_methods_need(manifest: dict[str, Any]) -> None:
    needed = {"commands"}.union(*(SCOPES[m] | BY_KIND.get(m, set()) for m in methods_called()))
    needed = needed.union(*(BY_EVENT[event] for event in registered("event")))
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == needed == set(SCOPES_ASKED_FOR)
    assert "user" not in manifest["oauth_config"]["scopes"]


def test_every_method_that_the_fake_knows_is_called() -> None:
    assert methods_called() == set(SCOPES) - {"apps.connections.open"}  # which the SDK calls itself


async def test_the_hint_names_words_that_everybody_may_say(manifest: dict[str, Any], world: World) -> None:
    running = world.running
    words = desk_of(running.parts, Pace(running.parts.clock), running.loops.reload, None).vocabulary.words
    usages = {word.usage.partition(" [")[0] for word in words if word.role is Role.ANYONE}
    hint = manifest["features"]["slash_commands"][0]["usage_hint"]
    assert set(hint.split(" | ")) <= usages | {"help"}


def test_commands_and_events_are_those_that_are_listened_to(manifest: dict[str, Any]) -> None:
    commands = manifest["features"]["slash_commands"]
    assert {command["command"] for command in commands} == registered("command")
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == registered("event")


def test_everything_comes_through_the_one_door(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    urls = [
        *(command["url"] for command in manifest["features"]["slash_commands"]),
        settings["event_subscriptions"]["request_url"],
        settings["interactivity"]["request_url"],
    ]
    assert {url.removeprefix("https://assent.example.com") for url in urls} == {PATH}
    assert manifest["oauth_config"]["redirect_urls"] == [f"https://assent.example.com{RETURN}"]


def test_what_people_type_arrives_escaped(manifest: dict[str, Any]) -> None:
    assert all(command["should_escape"] is True for command in manifest["features"]["slash_commands"])


def test_the_descriptions_are_as_long_as_slack_takes(manifest: dict[str, Any]) -> None:
    assert len(manifest["display_information"]["name"]) <= 35
    assert 174 <= len(manifest["display_information"]["long_description"]) <= 4000
    assert len(manifest["features"]["bot_user"]["display_name"]) <= 80
