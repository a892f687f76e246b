"""The time zones that people may name, and those that forms offer."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from bot.core.errors import Malformed

USUAL = "UTC"
NOWHERE = frozenset({"Factory", "localtime"})  # the database holds them, and they are no place's time


async def offered() -> tuple[str, ...]:
    """Return the names of places, and UTC before them all."""
    return await asyncio.to_thread(_offered)


async def zone(text: str) -> ZoneInfo:
    """Return the zone of that name, whatever its capitals; raises `Malformed`, pointing at `/zone`."""
    known = await asyncio.to_thread(_known)
    asked = text.strip()
    name = known.get(asked.lower())
    if name is None:
        close = get_close_matches(asked.lower(), known, n=1)
        meant = f"; did you mean {known[close[0]]}?" if close else "; choose one such as Europe/Paris."
        said = f"There is no time zone {asked}{meant}" if asked else "Say in which time zone: Europe/Paris."
        raise Malformed(said, pointers=(("/zone", said),))
    return ZoneInfo(name)


@cache
def _known() -> dict[str, str]:
    """Return every name by itself in small letters: hundreds of files are looked at, so once, in a thread."""
    return {name.lower(): name for name in available_timezones() - NOWHERE}


@cache
def _offered() -> tuple[str, ...]:
    places = (name for name in _known().values() if "/" in name and not name.startswith("Etc/"))
    return USUAL, *sorted(places)
