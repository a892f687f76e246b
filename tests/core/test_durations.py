"""ISO 8601 durations."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.durations import LONGEST, duration, iso_duration
from bot.core.errors import Malformed


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT10M", timedelta(minutes=10)),
        ("P1DT12H", timedelta(days=1, hours=12)),
        ("P2W", timedelta(weeks=2)),
        ("PT0S", timedelta(0)),
        ("PT90M", timedelta(minutes=90)),
        ("PT1.5S", timedelta(seconds=1.5)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
    ],
)
def test_a_duration_is_read(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    "text",
    [
        "", "P", "PT", "P1DT", "10M", "PT10", "P1Y", "P1M", "-PT1M", "PT-1M", "pt1m", "PT1M ", "PT1M\n",
        "P1W1D", "PT1M1H", "PT1.S", "PT1.1234567S", "PT1.5M", "PT\u0661M", "PT1S\0", "PT99999999999S",
        "P3651D", "P9999999999W", "P99999999W", "P99999999DT999999999H999999999M999999999S",
    ],
)  # fmt: skip
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        duration(text)


@given(st.timedeltas(timedelta(0), LONGEST))
def test_what_is_written_is_read_back(length: timedelta) -> None:
    assert duration(iso_duration(length)) == length


@given(st.text())
def test_any_text_is_a_duration_or_malformed(text: str) -> None:
    try:
        duration(text)
    except Malformed:
        return


def test_a_negative_duration_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="negative"):
        iso_duration(timedelta(seconds=-1))
