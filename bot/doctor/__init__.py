"""Tries everything that the settings promise, and says what is wrong and what to do.

Each check stands alone: one that fails does not hide the next. Nothing here changes anything, except that
a SQLite file is made where there is none yet.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.doctor.database import check_database
from bot.doctor.finding import Finding, Level, bad
from bot.doctor.folders import check_keys
from bot.doctor.heartbeat import check_heartbeat
from bot.doctor.network import check_port, check_public
from bot.doctor.policies import check_policy
from bot.doctor.running import check_running
from bot.doctor.surfaces import check_surfaces
from bot.settings import Settings, SettingsWrong, read

__all__ = ["Finding", "Level", "examine", "examine_running"]


async def examine() -> AsyncIterator[Finding]:
    """Yield one finding after the other, as they are made."""
    try:
        settings = read()
    except SettingsWrong as wrong:
        yield bad(str(wrong), "Nothing else can be tried before the settings are read.")
        return
    async for finding in examine_running(settings):
        yield finding
    async for finding in check_port(settings):
        yield finding


async def examine_running(settings: Settings) -> AsyncIterator[Finding]:
    """Yield what can be tried while the server runs with these settings: all but whether its port is free."""
    checks = (
        check_policy,
        check_database,
        check_keys,
        check_running,
        check_surfaces,
        check_public,
        check_heartbeat,
    )
    for check in checks:
        async for finding in check(settings):
            yield finding
