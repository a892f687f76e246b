"""When people say they are back: `Friday`, `tomorrow`, `2026-12-01`, `2026-12-01T14:00`, `3d`, `5h`."""

from __future__ import annotations

import re
from calendar import day_name
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.core.errors import Malformed

LENGTH = re.compile(r"([1-9][0-9]{0,3})([hd])")
DAYS = tuple(name.lower() for name in day_name)
HINT = "Say when: Friday, tomorrow, 2026-12-01, 2026-12-01T14:00, 3d or 5h."


def moment(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant that is meant, in UTC; a day means its beginning in `zone`. Raises `Malformed`."""
    said = text.strip().lower()
    if found := LENGTH.fullmatch(said):
        count = int(found[1])
        return now + (timedelta(hours=count) if found[2] == "h" else timedelta(days=count))
    today = now.astimezone(zone).date()
    try:
        if said == "tomorrow":
            return _begins(datetime.combine(today + timedelta(days=1), time(), zone))
        named = [number for number, name in enumerate(DAYS) if len(said) >= 3 and name.startswith(said)]
        if named:
            ahead = (named[0] - today.weekday() - 1) % 7 + 1  # Friday said on a Friday is the next one
            return _begins(datetime.combine(today + timedelta(days=ahead), time(), zone))
        at = datetime.fromisoformat(said.upper())
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(HINT, pointers=(("/until", HINT),)) from None


def _begins(at: datetime) -> datetime:
    return at.astimezone(UTC)
