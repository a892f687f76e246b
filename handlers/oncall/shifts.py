"""An iCalendar (RFC 5545) becomes shifts: from when until when, and what it calls whoever has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

EVENTS_MAX = 1000  # of one calendar; a rota has a few
# A rule is counted out from its first day, in a thread that nothing can stop: what no rota needs is refused
# before. Monthly and yearly ones may never match, and are then sought until the year 9999.
PLAIN_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY"}
PARTS = {
    "DAILY": PLAIN_PARTS,
    "WEEKLY": PLAIN_PARTS,
    "MONTHLY": PLAIN_PARTS | {"BYMONTH", "BYMONTHDAY", "BYSETPOS"},
    "YEARLY": PLAIN_PARTS | {"BYMONTH", "BYMONTHDAY", "BYSETPOS"},
}
DAYS_MAX = 200_000  # counted out for all rules together
DAYS_OF_RARE = 10_000  # what a monthly or yearly rule counts for, beside its days
DAYS_OF_ZONE = 1000  # what a rule of a time zone counts for: they are yearly, and some begin in 1601
ZONES = ("STANDARD", "DAYLIGHT")


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
    if content.count(b"BEGIN:VEVENT") > EVENTS_MAX:
        raise NoCalendar(f"it holds more than {EVENTS_MAX} events")
    import recurring_ical_events  # they take a third of a second, and many installs have no calendar
    from icalendar import Calendar

    try:
        calendar = Calendar.from_ical(content)
        _require_cheap(calendar, until_at)
        found = recurring_ical_events.of(calendar).between(from_at, until_at)
        return tuple(shift for event in found if (shift := _shift(event)))
    except NoCalendar:
        raise
    except Exception as error:  # the parsers of bytes from outside raise whatever comes to their mind
        raise NoCalendar(f"it cannot be read: {type(error).__name__}") from error


def _require_cheap(calendar: Any, until_at: datetime) -> None:
    """Raise `NoCalendar` for rules that would keep us counting; they are looked at as they were parsed."""
    days = 0
    for event in calendar.walk(select=lambda part: part.name in ("VEVENT", *ZONES)):
        held = event.get("RRULE", [])
        for rule in held if isinstance(held, list) else [held]:
            parts = {str(name).upper(): values for name, values in rule.items()}
            often = "".join(str(one).upper() for one in parts.get("FREQ", ()))
            if often not in PARTS or parts.keys() & {"BYHOUR", "BYMINUTE", "BYSECOND"}:
                raise NoCalendar("it holds events that recur more often than daily")
            if parts.keys() - PARTS[often] or any(int(one) < 1 for one in parts.get("INTERVAL", ())):
                raise NoCalendar("it holds events that recur by a rule that no rota needs")
            days += _days(event, often, until_at)
    if days > DAYS_MAX:
        raise NoCalendar("its rules reach too far back, or are too many")


def _days(event: Any, often: str, until_at: datetime) -> int:
    if event.name in ZONES and often == "YEARLY":
        return DAYS_OF_ZONE
    days = max((until_at - _instant(event["DTSTART"].dt)).days, 0)
    return days + DAYS_OF_RARE if often in ("MONTHLY", "YEARLY") else days


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
