"""Whatever anybody does, in any order, at any time: nothing is released without its recorded quorum."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import Refusal
from bot.core.machine import step
from bot.core.terms import Change
from tests.core.builders import NOON, tick
from tests.core.histories import (
    Judge,
    Meant,
    apt,
    doubtful,
    meant,
    new_requests,
    reactions,
    rosters,
    usual_requests,
    wishes,
)

pauses = st.sampled_from((0, 1, 30, 60, 120, 300, 599, 600, 900)).map(
    lambda number: timedelta(seconds=number)
)
jumps = st.integers(-300, 1800).map(lambda number: timedelta(seconds=number))
anything = usual_requests | new_requests
leaps = st.lists(st.tuples(jumps | pauses, wishes), min_size=4, max_size=20)
History = list[tuple[timedelta, Meant]]


def run(first: Change, history: History) -> Judge:
    """Play a history through the machine, under the judge's eyes."""
    judge = Judge(first)
    now = NOON
    for pause, wish in history:
        now += pause
        command = meant(wish, judge.request)
        try:
            change = step(judge.request, command, now)
        except Refusal:
            continue
        judge.see(change, command, now)
    return judge


@settings(max_examples=150)
@given(anything, st.lists(st.tuples(pauses, wishes), min_size=4, max_size=20))
def test_no_history_is_approved_without_its_quorum(first: Change, history: History) -> None:
    run(first, history)


@settings(max_examples=150)
@given(usual_requests | new_requests, st.lists(st.tuples(jumps | pauses, wishes), min_size=4, max_size=20))
def test_not_even_when_the_clock_jumps_back_and_forth(first: Change, history: History) -> None:
    run(first, history)


# Most of the histories above end by their deadline or over a stage that nobody can meet; these get further.
hurries = st.sampled_from((0, 1, 30)).map(lambda number: timedelta(seconds=number))
deciding = st.tuples(hurries, st.one_of(apt, apt, apt, apt, doubtful, reactions))


@settings(max_examples=100)
@given(usual_requests, st.lists(deciding, min_size=8, max_size=14))
def test_nor_where_everybody_hurries_to_decide(first: Change, history: History) -> None:
    run(first, history)


@pytest.mark.soak
@settings(max_examples=100_000)
@given(usual_requests | new_requests, st.lists(st.tuples(jumps | pauses, wishes), min_size=4, max_size=20))
def test_not_in_a_hundred_thousand_histories(first: Change, history: History) -> None:
    run(first, history)


@given(new_requests, st.data())
def test_time_alone_brings_every_request_to_an_end(first: Change, data: st.DataObject) -> None:
    judge = Judge(first)
    for _ in range(12):
        if (due := judge.request.due_at) is None:
            return
        command = tick(data.draw(rosters))
        judge.see(step(judge.request, command, due), command, due)
    pytest.fail("it never ends")
