"""Whatever anybody does, in any order, at any time: nothing is released without its recorded quorum."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import Refusal
from bot.core.machine import Command, step
from bot.core.terms import Change
from tests.core.builders import NOON, tick
from tests.core.histories import Judge, commands, new_requests, rosters

moments = st.integers(-1, 45 * 60).map(lambda seconds: timedelta(seconds=seconds))
histories = st.lists(st.tuples(moments, commands()), max_size=14)


def run(first: Change, history: list[tuple[timedelta, Command]]) -> Judge:
    """Play a history through the machine, under the judge's eyes."""
    judge = Judge(first)
    for moment, command in history:
        now = NOON + moment
        try:
            change = step(judge.request, command, now)
        except Refusal:
            continue
        judge.see(change, command, now)
    return judge


@given(new_requests(), histories.map(lambda steps: sorted(steps, key=lambda one: one[0])))
def test_no_history_is_approved_without_its_quorum(
    first: Change, history: list[tuple[timedelta, Command]]
) -> None:
    run(first, history)


@given(new_requests(), histories)
def test_not_even_when_the_clock_jumps_back_and_forth(
    first: Change, history: list[tuple[timedelta, Command]]
) -> None:
    run(first, history)


@pytest.mark.soak
@settings(max_examples=100_000)
@given(new_requests(), histories)
def test_not_in_a_hundred_thousand_histories(first: Change, history: list[tuple[timedelta, Command]]) -> None:
    run(first, history)


@given(new_requests(), st.data())
def test_time_alone_brings_every_request_to_an_end(first: Change, data: st.DataObject) -> None:
    judge = Judge(first)
    for _ in range(12):
        if (due := judge.request.due_at) is None:
            return
        command = tick(data.draw(rosters()))
        judge.see(step(judge.request, command, due), command, due)
    pytest.fail("it never ends")
