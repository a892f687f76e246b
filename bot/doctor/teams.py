"""Teams: have we keys and a token, is the app in the policy's channels, can Teams call us?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

import aiohttp

from bot.app import NotMigrated, Parts, parts
from bot.app.parts import TEMPLATES
from bot.app.teams import teams_of
from bot.core.errors import Refusal
from bot.core.policy import PolicyBroken
from bot.doctor.finding import Finding, bad, good, off, warn
from bot.keys import is_made
from bot.ports import Later, Never, Unsure
from bot.settings import Settings
from handlers.render import Renderer

if TYPE_CHECKING:
    from handlers.teams import Teams

BY_ID = "Write its id (19:…): another team and channel of the same name could take its cards."
DOCS = "docs/teams.md leads from nothing to the first card."


async def check_teams(settings: Settings) -> AsyncIterator[Finding]:
    """Try our token, the keys, the channels that the policy names, and the way in."""
    if settings.teams_app_id is None:
        yield off("Teams is off.", DOCS)
        return
    yield await _keys(settings.teams_openid_metadata_url)
    yield _way_in(settings.public_url)
    if not is_made(settings.keys):
        yield off("Teams has not told us of any team yet: `serve` has never run.", DOCS)
        return
    try:
        async with parts(settings) as opened:
            teams = teams_of(opened, Renderer(TEMPLATES))
            if teams is None:
                return
            async for finding in _installed(opened, teams):
                yield finding
            await teams.connector.close()
    except (NotMigrated, PolicyBroken, Refusal, ValueError, OSError):
        return  # another check has said so


async def _keys(url: str) -> Finding:
    from handlers.teams.keyring import fetched

    found: Mapping[str, object] = {}
    try:
        found = await fetched(url)
        why = "no key in it is good for Teams"
    except (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError) as error:
        why = type(error).__name__
    if found:
        return good(f"The Bot Service's {len(found)} signing keys can be fetched.")
    return bad(f"{url} gives no signing keys ({why}).", "Without them every call of Teams is refused.")


def _way_in(public_url: str) -> Finding:
    if public_url.startswith("https://"):
        return good(f"The bot's messaging endpoint is {public_url}/teams/messages.")
    return bad("Teams calls https addresses only.", "Set ASSENT_PUBLIC_URL to the one that Teams reaches.")


async def _installed(opened: Parts, teams: Teams) -> AsyncIterator[Finding]:
    try:
        await teams.entra.token()
    except Later as problem:
        yield bad(str(problem), "Check ASSENT_TEAMS_APP_ID, _APP_SECRET and _TENANT_ID in Entra.")
        return
    yield good("Entra gives the app its token.")
    known = await opened.store.conversations()
    if not known:
        yield warn("The app is in no team and no chat yet.", "Upload `teams package`, add it to a team.")
        return
    yield good(f"The app is in {len(known)} teams and chats; `python -m bot teams list` shows them.")
    rules, notifier = opened.policies.current().bundle.rules, teams.notifier()
    for target in sorted({one.target for rule in rules for one in rule.show if one.surface == "teams"}):
        try:
            await notifier.find(f"teams:{target}", None)
        except (Later, Never, Unsure) as problem:
            yield warn(f"{target}: {problem}", "Cards for it become dead letters.")
        else:
            yield good(f"{target} can be written to.")
            if not target.startswith("19:"):
                yield warn(f"{target} is named, not given by its channel id.", BY_ID)
