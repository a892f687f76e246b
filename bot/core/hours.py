"""When somebody wants no reminders: the same hours each day, in their own zone, whatever its clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.core.terms import Quiet


def quiet_until(quiet: Quiet, now: datetime) -> datetime | None:
    """Return when the quiet hours that hold at `now` end, in UTC; None outside them."""
    zone, from_, until = ZoneInfo(quiet.tz), time.fromisoformat(quiet.from_), time.fromisoformat(quiet.until)
    today = now.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        # Over midnight they end on the next day. An hour that the clocks skip or repeat is taken once.
        end_day = day if from_ < until else day + timedelta(days=1)
        begins = datetime.combine(day, from_, zone).astimezone(UTC)
        ends = datetime.combine(end_day, until, zone).astimezone(UTC)
        if begins <= now < ends:
            return ends
    return None
