"""Slack's pace: a message a second and channel, and what each method takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ports import Full, Later, Place, Turn
from handlers.slack import SlackNotifier, TheOne, Workspace
from handlers.slack.pace import CHANNEL, TIER_3, WORKSPACE, Allowance, Limit, Pace
from handlers.slack.troubles import Slower
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import Fault
from tests.fixtures.clock import NOON, FakeClock
from tests.handlers.slack.cards import ID, RENDERER, a_card, knowing

SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def pace(clock: FakeClock) -> Pace:
    return Pace(clock)


def post(pace: Pace, channel: str = "C1") -> timedelta:
    """Post, and return how long one has to wait instead; zero when it went through."""
    try:
        with pace.posting(channel):
            return timedelta()
    except Full as full:
        return full.after


def update(pace: Pace) -> timedelta:
    try:
        with pace.calling("chat.update"):
            return timedelta()
    except Turn as turn:
        return turn.after


def test_after_a_short_burst_a_channel_takes_one_message_a_second(pace: Pace, clock: FakeClock) -> None:
    assert [post(pace) for _ in range(CHANNEL.burst)] == [timedelta()] * CHANNEL.burst
    for _ in range(5):
        assert post(pace) == SECOND
        clock.advance(SECOND - MOMENT)
        assert post(pace) == MOMENT
        clock.advance(MOMENT)
        assert post(pace) == timedelta()


def test_a_full_channel_does_not_hold_the_others(pace: Pace) -> None:
    while not post(pace, "C1"):
        pass
    assert post(pace, "C2") == timedelta()


def test_a_workspace_takes_some_hundred_messages_a_minute(pace: Pace, clock: FakeClock) -> None:
    sent = sum(not post(pace, f"C{number}") for number in range(2 * WORKSPACE.burst))
    assert sent == WORKSPACE.burst
    clock.advance(timedelta(minutes=1))
    assert not post(pace, "C0")
    assert timedelta(minutes=1) / WORKSPACE.every == 300


def test_who_has_to_wait_for_a_method_gets_a_turn_each(pace: Pace, clock: FakeClock) -> None:
    assert not any(update(pace) for _ in range(TIER_3.burst))
    waits = [update(pace) for _ in range(20)]
    assert waits == [TIER_3.every * number for number in range(1, 21)]
    for _ in waits:
        clock.advance(TIER_3.every)
        assert update(pace) == timedelta()
        assert update(pace) > timedelta()


def test_slacks_own_word_counts_more_than_ours(pace: Pace, clock: FakeClock) -> None:
    with pytest.raises(Full) as full, pace.posting("C1"):
        raise Slower(30 * SECOND)
    assert full.value.after == 30 * SECOND
    assert post(pace, "C1") == 30 * SECOND
    assert post(pace, "C2") == timedelta()
    with pytest.raises(Turn), pace.calling("chat.update"):
        raise Slower(30 * SECOND)
    assert update(pace) == 30 * SECOND
    clock.advance(30 * SECOND)
    assert post(pace, "C1") == timedelta()
    assert post(pace, "C1") == SECOND


def test_channels_long_silent_are_forgotten(
    pace: Pace, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.slack.pace.ROOMS_MAX", 3)
    for number in range(3):
        post(pace, f"C{number}")
    clock.advance(SECOND * CHANNEL.burst)
    post(pace, "C9")
    assert list(pace._rooms) == ["C9"]


@given(st.lists(st.floats(0, 3), max_size=80))
def test_in_no_span_do_more_get_through_than_the_limit_says(gaps: list[float]) -> None:
    limit, now, sent = Limit(SECOND, 4), NOON, []
    held = Allowance(NOON, NOON)
    for gap in gaps:
        now += timedelta(seconds=gap)
        if not held.wait(limit, now):
            held = held.taken(limit, now)
            sent.append(now)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            span = (sent[last] - sent[first]) / limit.every
            assert last - first + 1 <= limit.burst + span + 1e-6


async def test_slack_is_not_called_beyond_its_pace(
    workspace: Workspace, slack: FakeSlack, clock: FakeClock
) -> None:
    notifier = SlackNotifier(TheOne(workspace), knowing(), clock, RENDERER)
    ops = await notifier.find("slack:#ops", None)
    posted = [await notifier.post(a_card(), ops) for _ in range(CHANNEL.burst)]
    calls = len(slack.state.calls)
    for word in (notifier.post(a_card(), ops), notifier.tell("x", ops), notifier.reply("x", posted[0])):
        with pytest.raises(Full):
            await word
    assert len(slack.state.calls) == calls
    await notifier.update(a_card(version=2), posted[0])
    slack.channel("#ops").cards()


async def test_a_refusal_for_pace_is_no_attempt_and_holds_only_its_channel(
    workspace: Workspace, slack: FakeSlack, clock: FakeClock
) -> None:
    slack.add_channel("#leads")
    notifier = SlackNotifier(TheOne(workspace), knowing(), clock, RENDERER)
    ops, leads = [await notifier.find(f"slack:#{name}", None) for name in ("ops", "leads")]
    slack.goes_wrong("chat.postMessage", Fault(retry_after=17))
    with pytest.raises(Full):
        await notifier.post(a_card(), ops)
    with pytest.raises(Full) as full:
        await notifier.tell("x", ops)
    assert full.value.after == timedelta(seconds=17)
    await notifier.post(a_card(), leads)
    slack.channel("#leads").cards()
    slack.goes_wrong("conversations.history", Fault(retry_after=17))
    with pytest.raises(Turn):
        await notifier.seek(ID, ops)
    assert issubclass(Turn, Later)
    assert isinstance(ops, Place)
