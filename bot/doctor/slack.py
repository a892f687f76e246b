"""Slack: does it take our token, has it the scopes, is the bot in the policy's channels, can it call us?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from email.utils import parsedate_to_datetime

import aiohttp

from bot.app import NotMigrated, parts
from bot.clock import DatabaseClock, wall
from bot.conditions import compile_condition
from bot.core.errors import Refusal
from bot.core.policy import PolicyBroken
from bot.doctor.finding import Finding, bad, good, off, warn
from bot.keys import is_made
from bot.ports import Later, Never, Policies, Unsure
from bot.settings import Settings
from handlers.slack import TheOne, Workspace, Workspaces
from handlers.slack.rooms import Rooms, target
from handlers.slack.scopes import SCOPES
from handlers.slack.troubles import repeatable
from storage.folder import PolicyFolder

SKEW_MAX = timedelta(seconds=60)  # Slack's signatures are refused when they are five minutes off
ANSWERS_WITHIN = 5  # seconds


async def check_slack(settings: Settings) -> AsyncIterator[Finding]:
    """Try the token of each workspace, the channels, and the way in."""
    if settings.slack_bot_token is not None:
        token, clock = settings.slack_bot_token.get_secret_value(), DatabaseClock()
        workspace = Workspace(token, settings.slack_api_url, clock)
        async for finding in _workspaces(settings, TheOne(workspace), [workspace]):
            yield finding
    elif settings.slack_client_id is not None:
        async for finding in _installed(settings):
            yield finding
    else:
        yield off("Slack is off.", "docs/slack.md turns it on in ten minutes.")
        return
    yield await _way_in(settings)


async def _installed(settings: Settings) -> AsyncIterator[Finding]:
    if not is_made(settings.keys):
        yield off("Slack is installed in no workspace yet.", "Run: python -m bot slack install")
        return
    async with AsyncExitStack() as stack:
        try:
            opened = await stack.enter_async_context(parts(settings))
        except (NotMigrated, PolicyBroken, Refusal, ValueError, OSError):
            return  # another check has said so
        held = await opened.store.installations()
        if opened.workspaces is None or not held:
            yield off("Slack is installed in no workspace yet.", "Run: python -m bot slack install")
            return
        readable = []
        for key in held:
            try:
                readable.append(await opened.workspaces.named(key))
            except Never:
                yield bad(f"{key}: its credentials do not open with these keys.", "Install the app again.")
        async for finding in _workspaces(settings, opened.workspaces, readable):
            yield finding


async def _workspaces(
    settings: Settings, workspaces: Workspaces, every: list[Workspace]
) -> AsyncIterator[Finding]:
    taken = False
    for workspace in every:
        async for finding in _token(workspace):
            taken = taken or finding.level == "good"
            yield finding
    if not taken:
        return
    try:
        policies = PolicyFolder(settings.policy, compile_condition, DatabaseClock(), None)
        policies.current()
    except PolicyBroken:
        return  # another check has said so
    async for finding in _channels(workspaces, policies):
        yield finding


async def _token(workspace: Workspace) -> AsyncIterator[Finding]:
    where = f"{workspace.key}: " if workspace.key else ""
    try:
        with repeatable():
            answer = await workspace.client.auth_test()
    except (Later, Never) as problem:
        todo = "Install the app again." if workspace.key else "Check ASSENT_SLACK_BOT_TOKEN; see Install App."
        yield bad(f"{where}Slack does not take the token: {problem}", todo)
        return
    yield good(f"{where}Slack knows us as {answer['user']} in {answer['team']}.")
    granted = {scope.strip() for scope in str(answer.headers.get("x-oauth-scopes", "")).split(",")}
    missing = sorted(set(SCOPES) - granted)
    if missing:
        todo = "Add them under OAuth & Permissions (manifest.yml lists all) and reinstall the app."
        yield bad(f"{where}Slack scopes are missing: {', '.join(missing)}.", todo)
    else:
        yield good(f"{where}Slack granted every scope of manifest.yml.")
    yield _clock(str(answer.headers.get("date", "")))


def _clock(date: str) -> Finding:
    try:
        skew = wall() - parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return warn("Slack's answer bears no date.", "Something between us and Slack changes answers.")
    if abs(skew) > SKEW_MAX:
        seconds = skew.total_seconds()
        todo = "Run NTP: Slack's calls are refused when their signature is five minutes off."
        return bad(f"This host's clock is {seconds:+.0f} s off Slack's.", todo)
    return good("This host's clock agrees with Slack's.")


async def _channels(workspaces: Workspaces, policies: Policies) -> AsyncIterator[Finding]:
    rooms = Rooms()
    rules = policies.current().bundle.rules
    shown = [one for rule in rules for one in rule.show]
    places = [*shown, *policies.current().bundle.defaults.alert]
    targets = {f"slack:{one.target}" for one in places if one.surface == "slack"}
    for address in sorted(targets):
        try:
            team, name = target(address)
            await rooms.channel(await workspaces.named(team), team, name)
        except (Later, Never, Unsure) as problem:
            yield warn(f"{address.removeprefix('slack:')}: {problem}", "Cards for it become dead letters.")
        else:
            yield good(f"{address.removeprefix('slack:')} can be written to.")


async def _way_in(settings: Settings) -> Finding:
    """Try the way by which Slack's clicks reach us."""
    if settings.slack_app_token is not None:
        workspace = Workspace("", settings.slack_api_url, DatabaseClock())
        try:
            with repeatable():
                token = settings.slack_app_token.get_secret_value()
                await workspace.client.apps_connections_open(app_token=token)
        except (Later, Never) as problem:
            todo = "Check ASSENT_SLACK_APP_TOKEN: it needs connections:write; and socket_mode_enabled."
            return bad(f"Socket Mode does not open: {problem}", todo)
        return good("Socket Mode opens.")
    if not settings.public_url.startswith("https://"):
        return warn("Slack calls https addresses only.", "Set ASSENT_PUBLIC_URL, or use Socket Mode.")
    url = f"{settings.public_url}/livez"
    try:
        timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as answer:
            if answer.status == 200:
                return good(f"{settings.public_url} answers.")
            why = str(answer.status)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        why = type(error).__name__
    return warn(f"{url} does not answer ({why}).", "Fine before `serve` runs, and where it is only outside.")
