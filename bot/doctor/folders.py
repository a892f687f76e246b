"""The key folder: is it ours alone, and do its keys load?"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

from bot.clock import DatabaseClock
from bot.doctor.finding import Finding, bad, good, off
from bot.keys import Keys, KeysRefused, is_made, log_name
from bot.keys.folder import require_private
from bot.settings import Settings


async def check_keys(settings: Settings) -> AsyncIterator[Finding]:
    """Load the keys, without making any."""
    folder, name = settings.keys, log_name(settings.address())
    try:
        if not is_made(folder):
            yield _to_be_made(folder, name)
            return
        keys = Keys.open(folder, settings.address(), DatabaseClock())
    except (KeysRefused, OSError) as problem:
        yield bad(f"The keys do not load: {problem}", "Nothing can be signed before they do.")
        return
    yield good(f"The keys in {folder} load, and only this account can read them.")
    if keys.origin() != name:
        yield _named_otherwise(keys.origin(), settings.address())


def _to_be_made(folder: Path, name: str) -> Finding:
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if not os.access(there, os.W_OK):
        return bad(f"{folder} cannot be made.", f"Let this account write in {there}, or set ASSENT_KEYS.")
    if folder.exists():
        require_private(folder)
    return good(f"Keys will be made in {folder} at the first start. The audit log is then {name} for ever.")


def _named_otherwise(origin: str, address: str) -> Finding:
    return off(
        f"The audit log is {origin}, as the address was when the keys were made; now it is {address}.",
        "Nothing to mend: it keeps that name, and whoever holds its key (`audit key`) goes on verifying. "
        "Agents, executors and chat apps call the new address once they are told of it.",
    )
