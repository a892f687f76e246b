"""Time alone: reminders, escalation, stages that run late, expiry, lapse, overdue outcomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.errors import NotAnApprover, NotDue
from bot.core.machine import opened, step
from bot.core.terms import CallbackKind, Escalation, Request, Roster, State
from tests.core.builders import (
    AGENT,
    BO,
    CY,
    DBA,
    DEADLINE,
    DI,
    ED,
    GRANT_ENDS,
    INSTANT,
    LEADS,
    NOON,
    OWNER,
    PAIR,
    REPORT_DUE,
    a_plan,
    a_released,
    a_request,
    a_roster,
    after,
    an_actor,
    an_approved,
    an_escalation,
    approve,
    deny,
    kinds,
    reviewed,
    sent,
    tick,
)

ADD_LEADS = an_escalation(10, add=("group:leads",))
REMIND_DBA = an_escalation(5, remind=("group:dba",))
NOBODY_THERE = an_escalation(10, add=("group:nobody",))
FALLBACK = Escalation(DEADLINE - NOON, add=("group:leads",))
NO_DBA = a_roster({"leads": [DI, ED]})


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def escalating(*escalations: Escalation, stages: tuple[object, ...] = (DBA,)) -> Request:
    """A request that has just been opened, with these escalations."""
    plan = a_plan(*stages, escalations=escalations)  # type: ignore[arg-type]
    return after(opened(a_request(plan=plan), a_roster(), an_actor(AGENT), NOON))


# ── ends ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("request_", "deadline", "state", "callback", "entry"),
    [
        (a_request(), DEADLINE, State.EXPIRED, CallbackKind.EXPIRED, "request.expired"),
        (an_approved(), NOON + GRANT_ENDS, State.LAPSED, CallbackKind.LAPSED, "grant.lapsed"),
        (a_released(), NOON + REPORT_DUE, State.UNREPORTED, None, "outcome.overdue"),
    ],
)
def test_a_deadline_passes_at_its_instant_and_not_before(
    request_: Request, deadline: datetime, state: State, callback: CallbackKind | None, entry: str
) -> None:
    assert request_.due_at == deadline
    with pytest.raises(NotDue):
        step(request_, tick(), now=deadline - INSTANT)
    for now in (deadline, deadline + INSTANT, deadline + timedelta(days=9)):
        change = step(request_, tick(), now=now)
        assert (after(change).state, after(change).due_at) == (state, None)
        assert (change.callback, kinds(change)) == (callback, [entry])
        assert ("note", "slack:#ops", state.value) in sent(change)


def test_expiry_is_a_decision_and_lapse_is_not_another() -> None:
    assert after(step(a_request(), tick(), now=DEADLINE)).decided_at == DEADLINE
    assert after(step(an_approved(), tick(), now=NOON + GRANT_ENDS)).decided_at == NOON


def test_expiry_needs_nobody() -> None:
    assert after(step(a_request(), tick(a_roster({}, people=())), now=DEADLINE)).state is State.EXPIRED


def test_an_overdue_outcome_alarms_the_admins_and_the_owner() -> None:
    change = step(a_released(), tick(), now=NOON + REPORT_DUE)
    assert sent(change) >= {("alert", "admins", "unreported"), ("note", f"person:{OWNER}", "unreported")}


def test_time_changes_nothing_that_has_ended() -> None:
    for ended in (
        reviewed(a_request(), deny(BO)),
        after(step(a_request(), tick(), now=DEADLINE)),
        reviewed(a_request(plan=a_plan(executor=None)), approve(BO)),
    ):
        with pytest.raises(NotDue):
            step(ended, tick(), now=DEADLINE + timedelta(days=9))


# ── reminders and escalation ─────────────────────────────────────────────────────────────────────


def test_an_escalation_fires_at_its_instant_and_not_before() -> None:
    request = escalating(REMIND_DBA, ADD_LEADS)
    assert request.due_at == at(5)
    with pytest.raises(NotDue):
        step(request, tick(), now=at(5) - INSTANT)
    change = step(request, tick(), now=at(5))
    assert (after(change).escalated, after(change).due_at) == (1, at(10))
    assert kinds(change) == ["request.escalated"]


def test_a_reminder_goes_to_the_channel_and_to_those_it_names_who_have_not_reviewed() -> None:
    request = reviewed(escalating(REMIND_DBA, stages=(PAIR,)), approve(BO))
    change = step(request, tick(), now=at(5))
    assert {send for send in sent(change) if send[0] == "note"} == {
        ("note", "slack:#ops", "reminder"),
        ("note", f"person:{CY}", "reminder"),
    }
    assert after(change).added == ()


def test_added_people_get_a_card_and_may_review_beside_the_first() -> None:
    request = escalating(ADD_LEADS)
    with pytest.raises(NotAnApprover):
        step(request, approve(DI), now=at(9))
    change = step(request, tick(), now=at(10))
    request = after(change)
    assert request.told == (DI, ED)
    assert sent(change) >= {("show", f"person:{DI}", ""), ("show", f"person:{ED}", "")}
    assert ("note", f"person:{DI}", "reminder") not in sent(change)  # the card is reminder enough
    for person in (BO, DI):
        assert reviewed(request, approve(person), at=at(11)).state is State.APPROVED


def test_escalation_never_skips_a_stage_and_never_lowers_a_quorum() -> None:
    request = escalating(ADD_LEADS, stages=(PAIR, replace(LEADS, quorum=1)))
    later = after(step(request, tick(), now=at(10)))
    assert (later.stage_index, later.plan) == (0, request.plan)
    assert reviewed(later, approve(DI), at=at(11)).stage_index == 0
    assert reviewed(later, approve(DI), approve(BO), at=at(11)).stage_index == 1


def test_a_late_sweep_fires_everything_that_is_due_once() -> None:
    change = step(escalating(REMIND_DBA, ADD_LEADS), tick(), now=at(12))
    assert after(change).escalated == 2
    assert kinds(change) == ["request.escalated", "request.escalated"]
    assert after(change).due_at == DEADLINE
    with pytest.raises(NotDue):
        step(after(change), tick(), now=at(12))


def test_a_stage_past_its_time_escalates_at_once() -> None:
    request = escalating(ADD_LEADS, stages=(replace(DBA, within=timedelta(minutes=4)),))
    assert request.due_at == at(4)
    with pytest.raises(NotDue):
        step(request, tick(), now=at(4) - INSTANT)
    change = step(request, tick(), now=at(4))
    assert kinds(change) == ["request.escalated=stage-late", "request.escalated"]
    assert (after(change).escalated, after(change).added) == (1, ("group:leads",))
    assert after(change).due_at == DEADLINE


def test_a_late_stage_without_escalations_still_reminds_everyone_it_waits_for() -> None:
    request = escalating(stages=(replace(PAIR, within=timedelta(minutes=4)),))
    change = step(request, tick(), now=at(4))
    assert kinds(change) == ["request.escalated=stage-late"]
    assert sent(change) >= {("note", f"person:{BO}", "reminder"), ("note", f"person:{CY}", "reminder")}
    assert after(change).due_at == DEADLINE


def test_each_stage_can_run_late_by_itself() -> None:
    short = timedelta(minutes=4)
    request = escalating(stages=(replace(DBA, within=short), replace(LEADS, within=short)))
    request = after(step(request, tick(), now=at(4)))
    request = reviewed(request, approve(BO), at=at(5))
    assert request.due_at == at(9)
    assert kinds(step(request, tick(), now=at(9))) == ["request.escalated=stage-late"]


def test_every_ring_is_a_change_of_its_own() -> None:
    request = escalating(REMIND_DBA, ADD_LEADS)
    for minutes, version in ((5, 2), (10, 3), (30, 4)):
        change = step(request, tick(), now=at(minutes))
        request = after(change)
        assert (change.expected, request.version) == (version - 1, version)


@pytest.mark.parametrize("stage_at", [4, 5, 6])
def test_a_late_sweep_ends_where_a_prompt_one_would(stage_at: int) -> None:
    stage = replace(DBA, within=timedelta(minutes=stage_at))
    last = an_escalation(20, add=(f"person:{ED}",))
    request = escalating(an_escalation(5, add=(f"person:{DI}",)), last, stages=(stage,))
    prompt = request
    while prompt.due_at is not None and prompt.due_at <= at(7):
        prompt = after(step(prompt, tick(), now=prompt.due_at))
    late = after(step(request, tick(), now=at(7)))
    assert replace(late, version=0) == replace(prompt, version=0)
    assert late.escalated == (2 if stage_at == 6 else 1)


def test_a_level_where_nobody_can_be_reached_is_passed_at_once_and_told() -> None:
    change = step(escalating(NOBODY_THERE, an_escalation(20, add=("group:leads",))), tick(), now=at(10))
    assert after(change).escalated == 2
    assert kinds(change) == ["request.escalated=nobody-reachable", "request.escalated"]
    assert after(change).told == (DI, ED)
    assert sent(change) >= {("alert", "admins", "level-empty"), ("note", f"person:{OWNER}", "level-empty")}


def test_a_level_of_people_who_have_reviewed_reaches_nobody() -> None:
    request = reviewed(
        escalating(an_escalation(5, remind=(f"person:{BO}",)), ADD_LEADS, stages=(PAIR,)), approve(BO)
    )
    assert after(step(request, tick(), now=at(5))).escalated == 2


def test_people_who_join_later_under_a_name_that_was_empty_are_approvers() -> None:
    request = after(step(escalating(NOBODY_THERE), tick(), now=at(10)))
    roster = a_roster({"dba": [BO], "nobody": [ED]})
    assert reviewed(request, approve(ED, roster=roster), at=at(11)).state is State.APPROVED


def test_when_nobody_is_left_to_ask_the_admins_and_the_owner_hear_of_it() -> None:
    request = escalating(REMIND_DBA, an_escalation(6, remind=("group:dba",)))
    first = step(request, tick(a_roster({})), now=at(5))
    assert after(first).unsatisfiable
    assert sent(first) >= {("alert", "admins", "unsatisfiable"), ("note", f"person:{OWNER}", "unsatisfiable")}
    stage = replace(DBA, within=timedelta(minutes=9))
    again = replace(after(first), plan=a_plan(stage), due_at=at(9))
    assert ("alert", "admins", "nobody-reachable") in sent(step(again, tick(a_roster({})), now=at(9)))


# ── when no quorum can be met ────────────────────────────────────────────────────────────────────


def opening(roster: Roster, *escalations: Escalation) -> tuple[Request, set[tuple[str, str, str]], list[str]]:
    change = opened(a_request(plan=a_plan(escalations=escalations)), roster, an_actor(AGENT), NOON)
    return after(change), sent(change), kinds(change)


def test_an_unsatisfiable_request_opens_as_such_and_goes_to_the_admins() -> None:
    request, sends, _ = opening(a_roster({"dba": []}))
    assert request.state is State.PENDING
    assert request.unsatisfiable == "Stage dba needs 1 person, and only 0 may review."
    assert ("alert", "admins", "unsatisfiable") in sends
    assert request.due_at == DEADLINE


def test_it_escalates_at_once_until_people_can_be_found() -> None:
    request, sends, told = opening(
        NO_DBA, an_escalation(5, remind=(f"person:{ED}",)), ADD_LEADS, NOBODY_THERE
    )
    assert (request.unsatisfiable, request.escalated, request.told) == (None, 2, (DI, ED))
    assert told[2:] == ["request.escalated", "request.escalated"]
    assert ("show", f"person:{DI}", "") in sends
    assert ("alert", "admins", "unsatisfiable") not in sends


def test_whoever_is_reminded_at_the_opening_is_really_reminded() -> None:
    _, sends, _ = opening(NO_DBA, an_escalation(5, remind=(f"person:{ED}",)))
    assert ("note", f"person:{ED}", "reminder") in sends


def test_a_fallback_serves_only_when_no_quorum_can_be_met_without_it() -> None:
    request, _, _ = opening(NO_DBA, FALLBACK)
    assert (request.added, request.unsatisfiable) == (("group:leads",), None)
    late = escalating(FALLBACK, stages=(replace(DBA, within=timedelta(minutes=4)),))
    assert after(step(late, tick(), now=at(4))).added == ()
    empty = escalating(NOBODY_THERE, FALLBACK)
    assert after(step(empty, tick(), now=at(10))).added == ("group:nobody",)


def test_a_stage_that_opens_unsatisfiable_escalates_at_once() -> None:
    request = escalating(an_escalation(20, add=(f"person:{ED}",)), stages=(DBA, LEADS))
    change = step(request, approve(BO, roster=a_roster({"dba": [BO], "leads": []})), now=at(1))
    assert (after(change).stage_index, after(change).escalated, after(change).unsatisfiable) == (1, 1, None)
    assert ("show", f"person:{ED}", "") in sent(change)


def test_a_denial_that_leaves_too_few_people_escalates_at_once() -> None:
    request = escalating(an_escalation(20, add=(f"person:{ED}",)), stages=(replace(PAIR, deny=2),))
    change = step(request, deny(BO, roster=a_roster({"dba": [BO, CY]})), now=at(1))
    assert (after(change).unsatisfiable, after(change).told) == (None, (ED,))


def test_it_is_satisfiable_again_when_people_are_back() -> None:
    request, _, _ = opening(a_roster({"dba": []}))
    request = replace(request, plan=a_plan(PAIR))
    assert reviewed(request, approve(BO)).unsatisfiable is None


def test_nobody_is_approved_because_nobody_was_there() -> None:
    request, _, _ = opening(a_roster({"dba": []}))
    assert after(step(request, tick(a_roster({})), now=DEADLINE)).state is State.EXPIRED
