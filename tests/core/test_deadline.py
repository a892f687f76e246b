"""When the clock must look next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.deadline import RETRIES, escalation_due, next_due, retry_after, stage_due
from bot.core.terms import State
from tests.core.builders import (
    BO,
    DBA,
    DEADLINE,
    GRANT_ENDS,
    LEADS,
    NOON,
    REPORT_DUE,
    a_plan,
    a_released,
    a_request,
    an_approved,
    an_escalation,
    approve,
    reviewed,
)


@pytest.mark.parametrize(
    ("stage_minutes", "escalation_minutes", "due_minutes"),
    [(None, None, 30), (5, None, 5), (None, 7, 7), (5, 7, 5), (7, 5, 5), (31, 40, 30), (30, 30, 30)],
)
def test_a_pending_request_is_due_at_the_first_thing_that_time_can_do(
    stage_minutes: int | None, escalation_minutes: int | None, due_minutes: int
) -> None:
    stage = replace(DBA, within=timedelta(minutes=stage_minutes) if stage_minutes else None)
    levels = (an_escalation(escalation_minutes),) if escalation_minutes else ()
    request = a_request(plan=a_plan(stage, escalations=levels))
    assert next_due(request) == NOON + timedelta(minutes=due_minutes)


def test_what_has_fired_is_due_no_more() -> None:
    plan = a_plan(replace(DBA, within=timedelta(minutes=5)), escalations=(an_escalation(3), an_escalation(8)))
    request = a_request(plan=plan)
    assert stage_due(replace(request, stage_escalated=True)) is None
    assert escalation_due(replace(request, escalated=1)) == NOON + timedelta(minutes=8)
    assert escalation_due(replace(request, escalated=2)) is None
    assert next_due(replace(request, stage_escalated=True, escalated=2)) == DEADLINE


def test_a_stage_counts_from_its_opening_and_an_escalation_from_the_asking() -> None:
    plan = a_plan(DBA, replace(LEADS, within=timedelta(minutes=5)), escalations=(an_escalation(20),))
    later = NOON + timedelta(minutes=9)
    request = reviewed(a_request(plan=plan), approve(BO), at=later)
    assert (stage_due(request), escalation_due(request)) == (
        later + timedelta(minutes=5),
        NOON + timedelta(minutes=20),
    )


def test_grants_and_outcomes_have_deadlines_of_their_own() -> None:
    assert next_due(an_approved()) == NOON + GRANT_ENDS
    assert next_due(a_released()) == NOON + REPORT_DUE
    assert next_due(an_approved(plan=a_plan(executor=None))) is None


@pytest.mark.parametrize("state", sorted(set(State) - {State.PENDING, State.APPROVED, State.RELEASED}))
def test_time_cannot_change_what_has_ended(state: State) -> None:
    assert next_due(replace(a_released(), state=state)) is None


def test_retries_follow_the_table_and_then_repeat_its_last_pause() -> None:
    assert [retry_after(failures, 0) for failures in range(9)] == [*RETRIES, RETRIES[-1], RETRIES[-1]]
    assert RETRIES[-1] == timedelta(minutes=10)


@pytest.mark.parametrize("failures", [1, 3, 50])
def test_jitter_spreads_a_pause_by_up_to_a_fifth(failures: int) -> None:
    least, most = retry_after(failures, 0), retry_after(failures, 1 - 2**-30)
    assert least < most <= least * 1.2
