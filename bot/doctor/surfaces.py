"""The surfaces that people use: which are on, and do they work?"""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.doctor.finding import Finding, good
from bot.doctor.slack import check_slack
from bot.doctor.teams import check_teams
from bot.settings import Settings


async def check_surfaces(settings: Settings) -> AsyncIterator[Finding]:
    """Try each surface that is on, and name those that are off."""
    yield good("The web inbox is on; people sign in with `python -m bot people link PERSON`.")
    async for finding in check_slack(settings):
        yield finding
    async for finding in check_teams(settings):
        yield finding
