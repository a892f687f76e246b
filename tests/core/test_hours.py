"""Quiet hours: the same hours each day, in somebody's own zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.hours import quiet_until
from bot.core.terms import PersonName, Quiet

ANA = PersonName("ana")
NIGHT = Quiet(ANA, "22:00", "07:00", "Europe/Paris")
LUNCH = Quiet(ANA, "12:00", "13:30", "Europe/Paris")


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("quiet", "now", "ends"),
    [
        (NIGHT, "2026-01-15T20:59:59", None),  # 21:59:59 in Paris
        (NIGHT, "2026-01-15T21:00:00", "2026-01-16T06:00:00"),
        (NIGHT, "2026-01-16T05:59:59", "2026-01-16T06:00:00"),
        (NIGHT, "2026-01-16T06:00:00", None),
        (LUNCH, "2026-07-01T09:59:59", None),
        (LUNCH, "2026-07-01T10:00:00", "2026-07-01T11:30:00"),
        (LUNCH, "2026-07-01T11:30:00", None),
        (NIGHT, "2026-03-28T23:00:00", "2026-03-29T05:00:00"),  # the night has one hour less
        (NIGHT, "2026-10-24T21:00:00", "2026-10-25T06:00:00"),  # and this one an hour more
        (Quiet(ANA, "22:00", "07:00", "Pacific/Auckland"), "2026-06-01T10:00:00", "2026-06-01T19:00:00"),
    ],
)
def test_quiet_hours_hold_until_just_before_their_end(quiet: Quiet, now: str, ends: str | None) -> None:
    assert quiet_until(quiet, at(now)) == (None if ends is None else at(ends))


hours = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
zones = st.sampled_from(("UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"))
instants = st.integers(0, 730 * 24 * 60).map(
    lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m)
)


@given(hours, hours, zones, instants)
def test_quiet_hours_end_within_a_day_and_are_over_then(
    from_: str, until: str, zone: str, now: datetime
) -> None:
    quiet = Quiet(ANA, from_, until, zone)
    ends_at = quiet_until(quiet, now)
    if ends_at is not None:
        assert now < ends_at <= now + timedelta(hours=25)
