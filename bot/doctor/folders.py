"""The key folder: is it ours alone, and do its keys load?"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from bot.clock import DatabaseClock
from bot.doctor.finding import Finding, bad, good
from bot.keys import Keys, KeysRefused
from bot.settings import Settings


async def check_keys(settings: Settings) -> AsyncIterator[Finding]:
    """Load the keys, without making any."""
    folder = settings.keys
    if not folder.exists():
        parent = next(one for one in folder.absolute().parents if one.exists())
        yield (
            good(f"Keys will be made in {folder} at the first start.")
            if os.access(parent, os.W_OK)
            else bad(f"{folder} cannot be made.", f"Let this account write in {parent}, or set ASSENT_KEYS.")
        )
        return
    try:
        Keys.open(folder, "http://doctor", DatabaseClock())
    except (KeysRefused, OSError) as problem:
        yield bad(f"The keys do not load: {problem}", "Nothing can be signed before they do.")
        return
    yield good(f"The keys in {folder} load, and only this account can read them.")
