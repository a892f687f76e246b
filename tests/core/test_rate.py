"""The token bucket: a minute's allowance at once, then one by one."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.core.rate import MINUTE, Bucket, take

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_whole_minutes_allowance_may_be_used_at_once_and_no_more() -> None:
    bucket = None
    for _ in range(3):
        bucket, wait = take(bucket, 3, NOON)
        assert not wait
    bucket, wait = take(bucket, 3, NOON)
    assert wait == timedelta(seconds=20)


def test_the_next_one_is_there_exactly_when_it_was_said_to_be() -> None:
    empty = Bucket(0, NOON)
    bucket, wait = take(empty, 3, NOON)
    assert take(bucket, 3, NOON + wait - timedelta(milliseconds=1))[1] > timedelta()
    assert take(bucket, 3, NOON + wait)[1] == timedelta()


def test_being_refused_costs_nothing() -> None:
    bucket = Bucket(0, NOON)
    for second in range(20):
        bucket, _ = take(bucket, 3, NOON + timedelta(seconds=second))
    assert take(bucket, 3, NOON + timedelta(seconds=20))[1] == timedelta()


def test_a_quiet_hour_saves_up_no_more_than_a_minute() -> None:
    bucket, _ = take(Bucket(0, NOON), 3, NOON + timedelta(hours=1))
    assert bucket.tokens == 2


def test_a_clock_set_back_gives_nothing() -> None:
    _, wait = take(Bucket(0, NOON), 60, NOON - timedelta(hours=1))
    assert wait == timedelta(seconds=1)


def test_an_allowance_of_nothing_lets_nothing_through() -> None:
    assert take(None, 0, NOON)[1] == MINUTE


@given(st.integers(1, 500), st.lists(st.integers(0, 90_000), max_size=60))
def test_no_minute_lets_more_than_twice_the_allowance_through(per_minute: int, gaps: list[int]) -> None:
    bucket, now, passed = None, NOON, list[datetime]()
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        bucket, wait = take(bucket, per_minute, now)
        passed += [now] if not wait else []
    for start in passed:
        assert sum(start <= at < start + MINUTE for at in passed) <= 2 * per_minute
