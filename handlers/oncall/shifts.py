"""An iCalendar (RFC 5545) becomes shifts: from when until when, and what it calls whoever has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

EVENTS_MAX = 1000  # of one calendar; a rota has a few
TOO_OFTEN = re.compile(rb"FREQ=(SECONDLY|MINUTELY|HOURLY)", re.IGNORECASE)  # no shift recurs so, and it costs


class NoCalendar(Exception):
    """This is not an iCalendar that can be read as shifts; the text says why."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on call from `from_at` until just before `until_at`, as the calendar calls them."""

    from_at: datetime
    until_at: datetime
    names: frozenset[str]


def shifts(content: bytes, from_at: datetime, until_at: datetime) -> tuple[Shift, ...]:
    """Return the shifts of a calendar that touch a span of time; raises `NoCalendar`, whatever the bytes."""
    if TOO_OFTEN.search(content):
        raise NoCalendar("it holds events that recur more often than daily")
    if content.count(b"BEGIN:VEVENT") > EVENTS_MAX:
        raise NoCalendar(f"it holds more than {EVENTS_MAX} events")
    import recurring_ical_events  # they take a third of a second, and many installs have no calendar
    from icalendar import Calendar

    try:
        calendar = Calendar.from_ical(content)
        found = recurring_ical_events.of(calendar).between(from_at, until_at)
        return tuple(shift for event in found if (shift := _shift(event)))
    except Exception as error:  # the parsers of bytes from outside raise whatever comes to their mind
        raise NoCalendar(f"it cannot be read: {type(error).__name__}") from error


def _shift(event: Any) -> Shift | None:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    names = frozenset(_names(event))
    return Shift(_instant(event["DTSTART"].dt), _instant(event["DTEND"].dt), names) if names else None


def _names(event: Any) -> Iterator[str]:
    """Yield the addresses of those who attend, or who the summary names where nobody does."""
    attendees = event.get("ATTENDEE", [])
    invited = attendees if isinstance(attendees, list) else [attendees]
    for one in invited:
        if str(one.params.get("PARTSTAT", "")).upper() != "DECLINED":
            yield re.sub(r"^mailto:", "", str(one), flags=re.IGNORECASE)
    if not invited:
        yield from (name.strip() for name in str(event.get("SUMMARY", "")).split(",") if name.strip())


def _instant(at: date | datetime) -> datetime:
    """Return the instant in UTC; of a whole day its first, in UTC, as of a time without a zone."""
    read = at if isinstance(at, datetime) else datetime.combine(at, time())
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
