"""Calendars become shifts, whatever else stands in them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.oncall.shifts import EVENTS_MAX, NoCalendar, shifts
from tests.handlers.oncall.calendars import calendar, event, shift

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)  # a Monday
HALF_HOUR = timedelta(minutes=30)
DAY = ("DTSTART:20261005T080000Z", "DTEND:20261005T200000Z")


def names(content: bytes, at: datetime = NOON) -> set[str]:
    """Whom the calendar names at an instant."""
    found = shifts(content, at, at + HALF_HOUR)
    return {name for one in found if one.from_at <= at < one.until_at for name in one.names}


def test_who_attends_the_present_shift_is_on_call_from_its_first_instant_to_just_before_its_last() -> None:
    rota = calendar(
        shift("ana@example.com", "20261005T080000Z", "20261005T120000Z"),
        shift("bo@example.com", "20261005T120000Z", "20261005T200000Z"),
    )
    assert names(rota, NOON - timedelta(seconds=1)) == {"ana@example.com"}
    assert names(rota) == {"bo@example.com"}
    assert names(rota, NOON + timedelta(hours=8)) == set()


def test_a_shift_that_begins_within_the_span_is_known_beforehand() -> None:
    rota = calendar(shift("bo@example.com", "20261005T121500Z", "20261005T200000Z"))
    [found] = shifts(rota, NOON, NOON + HALF_HOUR)
    assert found.from_at == NOON + timedelta(minutes=15)


def test_the_summary_names_whoever_is_on_call_where_nobody_attends() -> None:
    assert names(calendar(event(*DAY, summary="Ana Castell"))) == {"Ana Castell"}
    assert names(calendar(event(*DAY, summary="ana\\, bo"))) == {"ana", "bo"}
    attended = event(*DAY, "ATTENDEE:mailto:cy@example.com", summary="ana")
    assert names(calendar(attended)) == {"cy@example.com"}


def test_shifts_recur_with_exceptions_in_the_zone_of_the_calendar() -> None:
    weekly = event(
        "DTSTART;TZID=Europe/Paris:20260105T090000",
        "DTEND;TZID=Europe/Paris:20260105T170000",
        "RRULE:FREQ=WEEKLY;BYDAY=MO",
        "EXDATE;TZID=Europe/Paris:20261012T090000",
        summary="ana",
    )
    rota = calendar(weekly)
    assert names(rota) == {"ana"}
    assert names(rota, NOON + timedelta(days=7)) == set()
    assert names(rota, NOON + timedelta(days=14)) == {"ana"}
    assert names(rota, datetime(2026, 10, 5, 7, tzinfo=UTC)) == {"ana"}  # 09:00 in summer
    assert names(rota, datetime(2026, 11, 2, 7, 59, tzinfo=UTC)) == set()  # 08:59 in winter


def test_a_whole_day_is_a_shift() -> None:
    day = event("DTSTART;VALUE=DATE:20261005", "DTEND;VALUE=DATE:20261006", summary="ana")
    assert names(calendar(day)) == {"ana"}
    assert names(calendar(day), NOON + timedelta(hours=12)) == set()


def test_who_declined_and_what_was_cancelled_does_not_count() -> None:
    declined = event(*DAY, "ATTENDEE;PARTSTAT=DECLINED:mailto:ana@example.com", summary="bo")
    cancelled = event(*DAY, "STATUS:CANCELLED", summary="cy", uid="2")
    assert names(calendar(declined, cancelled)) == set()


def test_who_called_the_meeting_is_not_on_call() -> None:
    assert names(calendar(event(*DAY, "ORGANIZER:mailto:di@example.com", summary=""))) == set()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>sign in</html>",
        b"\xff\xfe",
        calendar(event(*DAY))[:-40],
        calendar(event("DTSTART:yesterday", "DTEND:20261005T200000Z")),
    ],
)
def test_what_is_no_calendar_is_refused(content: bytes) -> None:
    with pytest.raises(NoCalendar):
        shifts(content, NOON, NOON + HALF_HOUR)


def test_what_would_cost_too_much_is_refused() -> None:
    for often in ("SECONDLY", "minutely", "HOURLY"):
        with pytest.raises(NoCalendar, match="more often than daily"):
            shifts(calendar(event(*DAY, f"RRULE:FREQ={often}")), NOON, NOON + HALF_HOUR)
    with pytest.raises(NoCalendar, match="more than"):
        shifts(calendar(*[event(*DAY)] * (EVENTS_MAX + 1)), NOON, NOON + HALF_HOUR)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SEC\r\n ONDLY",  # a line goes on in the next one, also in the middle of a word
        "FREQ=DAILY;BYHOUR=8,9,10;BYMINUTE=0,1,2;BYSECOND=0,1,2",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",  # never, which takes until the year 9999 to find out
        "FREQ=DAILY;INTERVAL=0",
    ],
)
def test_no_spelling_of_a_rule_keeps_us_counting(rule: str) -> None:
    with pytest.raises(NoCalendar, match="recur"):
        shifts(calendar(event(*DAY, f"RRULE:{rule}")), NOON, NOON + HALF_HOUR)


def test_a_calendar_that_describes_its_zones_is_read() -> None:
    turn = "BEGIN:{0}\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n"
    turn += "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH={1}\r\nEND:{0}\r\n"
    turns = turn.format("DAYLIGHT", 3) + turn.format("STANDARD", 10)
    zones = [f"BEGIN:VTIMEZONE\r\nTZID:Zone {n}\r\n{turns}END:VTIMEZONE\r\n" for n in range(5)]
    assert names(calendar(*zones, shift("ana", "20261005T080000Z", "20261005T200000Z"))) == {"ana"}


def test_rules_that_reach_back_for_ever_are_refused() -> None:
    ancient = event("DTSTART:00010101T000000Z", "DTEND:00010101T010000Z", "RRULE:FREQ=DAILY")
    with pytest.raises(NoCalendar, match="too far back"):
        shifts(calendar(ancient), NOON, NOON + HALF_HOUR)
    with pytest.raises(NoCalendar, match="too many"):
        shifts(calendar(*[event(*DAY, "RRULE:FREQ=MONTHLY;BYMONTHDAY=31")] * 21), NOON, NOON + HALF_HOUR)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: calendar(text)))
def test_any_bytes_are_shifts_or_no_calendar(content: bytes) -> None:
    with suppress(NoCalendar):
        shifts(content, NOON, NOON + HALF_HOUR)
