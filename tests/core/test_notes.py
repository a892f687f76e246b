"""Each event is one line; what is no longer true is not said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.machine import Command, opened, step
from bot.core.notes import alert, note
from bot.core.terms import Change, Delegation, OutboxKind, Request, Surface
from tests.core.builders import (
    AGENT,
    BO,
    CY,
    DBA,
    DEADLINE,
    DI,
    GRANT_ENDS,
    LEADS,
    NOON,
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
    cancel,
    comment,
    deny,
    redeem,
    report,
    reviewed,
    revoke,
    tick,
)

WHAT = "Run a database migration (9f2a61c0)"


def told(change: Change, now: datetime = NOON) -> list[str | None]:
    """What the channel reads of a change."""
    notes = [send for send in change.sends if send.kind is OutboxKind.NOTE and send.address == "slack:#ops"]
    return [note(send.event, after(change), now) for send in notes]


@pytest.mark.parametrize(
    ("request_", "command", "now", "said"),
    [
        (a_request(PAIR), approve(BO), NOON, "bo approved."),
        (a_request(replace(PAIR, deny=2)), deny(BO, reason="Too late"), NOON, "bo denied: Too late"),
        (a_request(), comment(BO, "Why now?"), NOON, "bo commented: Why now?"),
        (a_request(), approve(BO), NOON, "Approved. The executor may run it once. bo approved."),
        (a_request(plan=a_plan(executor=None)), approve(BO), NOON, "Approved. bo approved."),
        (a_request(), deny(BO, reason="No"), NOON, "Denied. bo denied: No"),
        (a_request(DBA, LEADS), approve(BO), NOON, "Stage dba is met (1 of 1); now waiting for leads."),
        (a_request(), cancel(), NOON, "Cancelled before it was decided."),
        (a_request(), tick(), DEADLINE, "Expired: nobody decided in time."),
        (an_approved(), tick(), NOON + GRANT_ENDS, "Lapsed: approved, but not run in time."),
        (an_approved(), revoke(), NOON, "Revoked by an admin before it ran."),
        (an_approved(), redeem(), NOON, "Running: the executor redeemed the grant."),
        (a_released(), report(), NOON, "Succeeded, says the executor."),
        (a_released(), tick(), NOON + REPORT_DUE, "Overdue: the executor has not said what became of it."),
    ],
)
def test_every_event_is_told_in_the_channel(
    request_: Request, command: Command, now: datetime, said: str
) -> None:
    assert told(step(request_, command, now=now), now) == [said]


def test_the_decisive_verdict_is_told_even_by_somebody_who_changed_their_mind() -> None:
    request = reviewed(a_request(replace(PAIR, deny=2)), approve(BO), deny(CY))
    change = step(request, deny(BO, reason="I misread it"), now=NOON)
    assert told(change) == ["Denied. bo denied: I misread it"]


def test_two_reviews_in_one_breath_are_told_as_two() -> None:
    change = step(a_request(replace(PAIR, quorum=3)), approve(BO), now=NOON)
    later = reviewed(after(change), approve(CY))
    assert note(change.sends[1].event, later, NOON) == "bo approved."


def test_a_stage_that_was_met_is_not_said_to_be_awaited_when_it_is_over() -> None:
    change = step(a_request(DBA, LEADS), approve(BO), now=NOON)
    later = reviewed(after(change), deny(DI))
    assert note("stage:0", later, NOON) == "Stage dba is met (1 of 1)."


def test_a_delegation_and_its_end_are_told_as_long_as_they_are_so() -> None:
    asked = a_request(PAIR, delegations=(Delegation(BO, CY, PAIR.name, NOON),))
    free = replace(asked, delegations=())
    assert note(f"delegated:{BO}", asked, NOON) == "bo asks cy to decide in their place."
    assert str(note(f"deputy:{BO}", asked, NOON)).startswith(f"bo asks you to decide in their place: {WHAT}")
    taken = note(f"reclaimed:{BO}", free, NOON)
    assert taken == f"bo asks nobody any more to decide in their place: {WHAT}."
    late = [note(f"{kind}:{BO}", free, NOON) for kind in ("delegated", "deputy")]
    assert [*late, note(f"reclaimed:{BO}", asked, NOON)] == [None, None, None]


@pytest.mark.parametrize(
    ("left", "words"),
    [(0.5, "less than a minute left"), (1, "1 min left"), (119, "119 min left"), (120, "2 h left")],
)
def test_a_reminder_says_how_long_is_left(left: float, words: str) -> None:
    now = DEADLINE - timedelta(minutes=left)
    assert note("reminder", a_request(), now) == f"Still waiting: {WHAT}, {words}."


@pytest.mark.parametrize("event", ["reminder", "unsatisfiable", "nobody-reachable", "level-empty"])
def test_what_was_only_true_while_it_waited_is_not_said_afterwards(event: str) -> None:
    assert note(event, a_request(), NOON) is not None
    assert note(event, an_approved(), NOON) is None


def test_the_admins_read_why_nobody_can_approve() -> None:
    change = opened(a_request(), a_roster({}), an_actor(AGENT), NOON)
    request = after(change)
    said = f"{WHAT[:-1]}, {request.id}) cannot be approved as people stand: {request.unsatisfiable}"
    assert alert("unsatisfiable", request) == note("unsatisfiable", request, NOON) == said


def test_every_alarm_and_note_that_the_machine_sends_has_its_words() -> None:
    levels = (an_escalation(1, add=("group:none",)), an_escalation(2, add=("group:leads",)))
    waiting = after(opened(a_request(plan=a_plan(escalations=levels)), a_roster(), an_actor(AGENT), NOON))
    changes = [
        opened(a_request(), a_roster({}), an_actor(AGENT), NOON),
        step(waiting, tick(), now=DEADLINE - timedelta(minutes=1)),
        step(waiting, tick(a_roster({})), now=DEADLINE - timedelta(minutes=1)),
        step(a_released(), tick(), now=NOON + REPORT_DUE),
    ]
    for change in changes:
        for send in change.sends:
            if send.kind is OutboxKind.NOTE:
                assert note(send.event, after(change), NOON)
            if send.kind is OutboxKind.ALERT:
                assert send.event not in alert(send.event, after(change))


@pytest.mark.parametrize(
    ("surface", "words"), [(Surface.API, "through the API"), (Surface.WEB, "through the web")]
)
def test_a_person_is_told_in_chat_what_was_done_with_their_token_or_web_session(
    surface: Surface, words: str
) -> None:
    change = step(a_request(), approve(BO, by=an_actor(BO, surface)), NOON)
    [told] = [send for send in change.sends if send.event.startswith("yours")]
    assert told.address == f"person:{BO}"
    assert words in (note(told.event, after(change), NOON) or "")


def test_nobody_is_told_in_chat_what_they_did_in_chat() -> None:
    change = step(a_request(), approve(BO, by=an_actor(BO, Surface.SLACK)), NOON)
    assert [send for send in change.sends if send.event.startswith("yours")] == []
