"""Slack: does its token work, has it the scopes, is it in the policy's channels? And what is off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from ruamel.yaml import YAML

from bot.app.parts import TEMPLATES
from bot.clock import DatabaseClock
from bot.conditions import compile_condition
from bot.core.policy import PolicyBroken
from bot.doctor.finding import Finding, bad, good, off, warn
from bot.ports import Later, Never, Unsure
from bot.settings import Settings
from handlers.render import Renderer
from handlers.slack import SlackNotifier, TheOne, Workspace, Workspaces
from handlers.slack.troubles import repeatable
from storage.folder import PolicyFolder

MANIFEST = Path(__file__).parent.parent.parent / "manifest.yml"


async def check_surfaces(settings: Settings) -> AsyncIterator[Finding]:
    """Try each surface that is on, and name those that are off."""
    yield good("The web inbox is on; people sign in with `python -m bot people link PERSON`.")
    if settings.slack_bot_token is None:
        yield off("Slack is off.", "docs/slack.md turns it on in ten minutes.")
        return
    clock = DatabaseClock()
    workspace = Workspace(settings.slack_bot_token.get_secret_value(), settings.slack_api_url, clock)
    try:
        with repeatable():
            answer = await workspace.client.auth_test()
    except (Later, Never) as problem:
        yield bad(
            f"Slack does not take the token: {problem}", "Check ASSENT_SLACK_BOT_TOKEN; see Install App."
        )
        return
    yield good(f"Slack knows us as {answer['user']} in {answer['team']}.")
    yield _scopes(str(answer.headers.get("x-oauth-scopes", "")))
    async for finding in _channels(settings, TheOne(workspace)):
        yield finding


def _scopes(granted: str) -> Finding:
    wanted = YAML(typ="safe").load(MANIFEST)["oauth_config"]["scopes"]["bot"]
    missing = sorted(set(wanted) - {scope.strip() for scope in granted.split(",")})
    if missing:
        todo = "Add them under OAuth & Permissions (manifest.yml lists all) and reinstall the app."
        return bad(f"Slack scopes are missing: {', '.join(missing)}.", todo)
    return good("Slack granted every scope of manifest.yml.")


async def _channels(settings: Settings, workspaces: Workspaces) -> AsyncIterator[Finding]:
    clock = DatabaseClock()
    try:
        policies = PolicyFolder(settings.policy, compile_condition, clock, None)
    except PolicyBroken:
        return  # another check has said so
    notifier = SlackNotifier(workspaces, policies, clock, Renderer(TEMPLATES))
    rules = policies.current().bundle.rules
    targets = {f"slack:{one.target}" for rule in rules for one in rule.show if one.surface == "slack"}
    for address in sorted(targets):
        try:
            await notifier.find(address, None)
        except (Later, Never, Unsure) as problem:
            yield warn(str(problem), "Cards for it become dead letters.")
        else:
            yield good(f"{address.removeprefix('slack:')} can be written to.")
