"""Breaking glass: never without the role, never by the requester's side, never over a no, never too late.

And whatever becomes of the request afterwards, the review that is owed is not lost.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.card import Tone, card
from bot.core.deadline import GLASS_EVERY
from bot.core.errors import (
    AlreadyDecided,
    AlreadyReviewed,
    Frozen,
    MustReadAll,
    NoReviewsByMachines,
    NotAHolder,
    NotAnAdmin,
    NotBroken,
    NotDue,
    OtherDigest,
    OwnGlass,
    OwnRequest,
    PolicyDenies,
    ReasonMissing,
    Refusal,
    SideGone,
    SomebodyDenied,
    TooLate,
    UnknownPerson,
)
from bot.core.machine import BreakGlass, Command, ReviewGlass, step
from bot.core.machine.glass import REVIEW_WITHIN
from bot.core.notes import alert, note
from bot.core.terms import ActorKind, EntryKind, PersonName, Request, RuleId, State, Surface
from tests.core.builders import (
    AGENT,
    ASKER,
    BO,
    CY,
    DEADLINE,
    DI,
    DIGEST,
    ED,
    EVERYBODY,
    INSTANT,
    NOON,
    OTHER_DIGEST,
    OWNER,
    PAIR,
    STRANGER,
    a_plan,
    a_request,
    a_roster,
    after,
    an_actor,
    approve,
    cancel,
    deny,
    kinds,
    redeem,
    report,
    reviewed,
    revoke,
    sent,
    tick,
)
from tests.core.histories import Wish, meant, rosters, usual_requests, wishes

WHY = "The site is down and nobody of dba answers."
DUE = NOON + REVIEW_WITHIN


def breaks(person: str = STRANGER, **changes: Any) -> BreakGlass:
    """A holder, who is an approver of nothing, breaks glass."""
    command = BreakGlass(PersonName(person), WHY, DIGEST, True, a_roster(), True, (), False, an_actor(person))
    return replace(command, **changes)


def reviews(person: str = ED, **changes: Any) -> ReviewGlass:
    """An admin reviews it."""
    command = ReviewGlass(PersonName(person), True, "It was.", True, a_roster(), an_actor(person))
    return replace(command, **changes)


def a_broken(at: datetime = NOON, **changes: Any) -> Request:
    """A request that was approved by breaking glass."""
    return after(step(a_request(PAIR, **changes), breaks(), at))


def test_a_holder_approves_alone_and_the_admins_hear_of_it_at_once() -> None:
    change = step(a_request(PAIR), breaks(), NOON)
    request = after(change)
    assert (request.state, request.reviews) == (State.APPROVED, ())
    assert request.grant is not None
    assert request.glass is not None
    assert (request.glass.person, request.glass.reason, request.glass.at) == (STRANGER, WHY, NOON)
    assert request.glass.review_due_at == DUE
    assert kinds(change) == ["glass.broken", "request.approved=glass"]
    assert change.entries[0].private == {"reason": WHY}
    assert ("alert", "admins", "glass") in sent(change)
    assert ("note", f"person:{OWNER}", "glass") in sent(change)
    assert ("note", "slack:#ops", "approved") in sent(change)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"holder": False}, NotAHolder),
        ({"frozen": True}, Frozen),
        ({"denied_by": (RuleId("year-end"),)}, PolicyDenies),
        ({"digest": OTHER_DIGEST}, OtherDigest),
        ({"complete": False}, MustReadAll),
        ({"reason": "  "}, ReasonMissing),
        ({"by": an_actor(STRANGER, kind=ActorKind.AGENT)}, NoReviewsByMachines),
        ({"by": an_actor("root", Surface.CLI, ActorKind.OPERATOR)}, NoReviewsByMachines),
        ({"by": an_actor(CY)}, UnknownPerson),
        ({"roster": a_roster(people=EVERYBODY - {STRANGER})}, UnknownPerson),
        ({"roster": a_roster(barred=(STRANGER,))}, OwnRequest),
        ({"roster": replace(a_roster(), gone=frozenset({OWNER}))}, SideGone),
    ],
)
def test_what_breaks_no_glass(changes: dict[str, Any], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        step(a_request(), breaks(**changes), NOON)


@pytest.mark.parametrize("person", [OWNER, ASKER, AGENT])
def test_nobody_breaks_glass_for_their_own_side_whatever_roles_they_have(person: str) -> None:
    with pytest.raises(OwnRequest):
        step(a_request(), breaks(person), NOON)


def test_glass_is_broken_until_just_before_the_deadline_and_never_after() -> None:
    assert after(step(a_request(), breaks(), DEADLINE - INSTANT)).state is State.APPROVED
    for late in (DEADLINE, DEADLINE + INSTANT):
        with pytest.raises(TooLate):
            step(a_request(), breaks(), late)


def test_glass_is_not_broken_over_somebodys_denial_even_when_more_would_be_needed_to_end_it() -> None:
    request = reviewed(a_request(replace(PAIR, deny=2)), deny(BO))
    assert request.state is State.PENDING
    with pytest.raises(SomebodyDenied):
        step(request, breaks(), NOON)


def test_what_is_decided_cannot_be_broken_open() -> None:
    for request in (reviewed(a_request(), deny(BO)), reviewed(a_request(), approve(BO)), a_broken()):
        with pytest.raises(AlreadyDecided):
            step(request, breaks(), NOON)
    with pytest.raises(AlreadyDecided):
        step(after(step(a_request(), cancel(), NOON)), breaks(), NOON)


def test_glass_opens_what_nobody_could_approve() -> None:
    request = a_request(unsatisfiable="Nobody is in dba.")
    assert after(step(request, breaks(roster=a_roster({"dba": ()})), NOON)).state is State.APPROVED


def test_who_broke_glass_through_a_token_or_the_web_is_told_in_chat() -> None:
    for surface in (Surface.API, Surface.WEB, Surface.CLI):
        change = step(a_request(), breaks(by=an_actor(STRANGER, surface)), NOON)
        assert ("note", f"person:{STRANGER}", "your-glass") in sent(change)
    assert ("note", f"person:{STRANGER}", "your-glass") not in sent(step(a_request(), breaks(), NOON))


# ── the review ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("proper", [True, False])
def test_an_admin_reviews_it_once(proper: bool) -> None:
    change = step(a_broken(), reviews(proper=proper), NOON + INSTANT)
    glass = after(change).glass
    assert glass is not None
    assert (glass.reviewed_by, glass.proper, glass.words) == (ED, proper, "It was.")
    assert kinds(change) == [f"glass.reviewed={'proper' if proper else 'improper'}"]
    assert change.entries[0].private == {"words": "It was."}
    assert ("note", f"person:{STRANGER}", "glass-reviewed") in sent(change)
    with pytest.raises(AlreadyReviewed):
        step(after(change), reviews(DI), NOON + INSTANT)


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (reviews(admin=False), NotAnAdmin),
        (reviews(STRANGER), OwnGlass),
        (reviews(OWNER), OwnRequest),
        (reviews(ASKER), OwnRequest),
        (reviews(words=" "), ReasonMissing),
        (reviews(by=an_actor(ED, kind=ActorKind.AGENT)), NoReviewsByMachines),
        (reviews(by=an_actor(DI)), UnknownPerson),
    ],
)
def test_what_reviews_no_glass(command: ReviewGlass, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        step(a_broken(), command, NOON)


@pytest.mark.parametrize("gone", [OWNER, ASKER])
def test_who_left_the_directory_keeps_no_other_admin_from_the_review(gone: PersonName) -> None:
    roster = replace(a_roster(barred=frozenset({DI})), gone=frozenset({gone}))
    found = after(step(a_broken(), reviews(roster=roster), NOON + INSTANT)).glass
    assert found is not None
    assert found.reviewed_by == ED
    for person, refusal in ((STRANGER, OwnGlass), (DI, OwnRequest), (OWNER, OwnRequest), (ASKER, OwnRequest)):
        with pytest.raises(refusal):
            step(a_broken(), reviews(person, roster=roster), NOON + INSTANT)


def test_only_broken_glass_is_reviewed() -> None:
    with pytest.raises(NotBroken):
        step(reviewed(a_request(), approve(BO)), reviews(), NOON)


def test_an_unreviewed_break_is_alarmed_when_it_is_due_and_each_day_after() -> None:
    request = after(step(a_broken(), redeem(), NOON))
    request = after(step(request, report(), NOON))
    assert request.due_at == DUE
    with pytest.raises(NotDue):
        step(request, tick(), DUE - INSTANT)
    for day in range(3):
        now = DUE + day * GLASS_EVERY
        change = step(request, tick(), now)
        assert ("alert", "admins", f"glass-overdue:{day + 1}") in sent(change)
        assert kinds(change) == ["glass.overdue"]
        request = after(change)
        assert request.due_at == now + GLASS_EVERY


def test_a_sweep_that_is_days_late_alarms_once() -> None:
    request = after(step(after(step(a_broken(), redeem(), NOON)), report(), NOON))
    request = after(step(request, tick(), DUE + 5 * GLASS_EVERY + INSTANT))
    assert request.glass is not None
    assert request.glass.reminders == 6
    assert request.due_at == DUE + 6 * GLASS_EVERY


def test_once_reviewed_nothing_is_due_but_what_the_state_has_due() -> None:
    assert after(step(a_broken(), reviews(), NOON)).due_at == NOON + timedelta(minutes=5)
    done = after(step(after(step(a_broken(), redeem(), NOON)), report(), NOON))
    assert after(step(done, reviews(), NOON)).due_at is None


LIVES: dict[str, tuple[tuple[Command, timedelta], ...]] = {
    "approved": (),
    "released": ((redeem(), timedelta()),),
    "succeeded": ((redeem(), timedelta()), (report(), timedelta())),
    "failed": ((redeem(), timedelta()), (report(status=State.FAILED), timedelta())),
    "lapsed": ((tick(), timedelta(minutes=5)),),
    "revoked": ((revoke(), timedelta()),),
    "unreported": ((redeem(), timedelta()), (tick(), timedelta(minutes=15))),
}


@pytest.mark.parametrize("state", LIVES)
def test_no_later_state_loses_the_review(state: str) -> None:
    request = a_broken()
    for command, later in LIVES[state]:
        request = after(step(request, command, NOON + later))
    assert request.state.value == state
    assert request.due_at is not None
    for _ in range(3):  # what the state has due, if anything, and then the review
        change = step(request, tick(), request.due_at or NOON)
        request = after(change)
        if "glass.overdue" in kinds(change):
            return
    pytest.fail("nobody was told that the review is overdue")


def test_a_glass_break_without_an_executor_is_due_as_well() -> None:
    request = after(step(a_request(plan=a_plan(executor=None)), breaks(), NOON))
    assert (request.grant, request.due_at) == (None, DUE)


# ── in any history ───────────────────────────────────────────────────────────────────────────────

holders = st.sampled_from((STRANGER, CY, DI, OWNER, ASKER, AGENT))
breaking = st.builds(
    lambda person, roster, **changes: breaks(person, roster=roster, **changes),
    holders,
    rosters,
    holder=st.sampled_from((True, True, False)),
    frozen=st.sampled_from((False, False, False, True)),
    denied_by=st.sampled_from(((), (), (), (RuleId("no"),))),
    complete=st.sampled_from((True, True, False)),
)
reviewing = st.builds(
    lambda person, roster, **changes: reviews(person, roster=roster, **changes),
    st.sampled_from((ED, STRANGER, OWNER, BO)),
    rosters,
    proper=st.booleans(),
    admin=st.sampled_from((True, True, False)),
)
jumps = st.sampled_from((0, 1, 60, 300, 600, 900, 3600, 86_400, 200_000)).map(
    lambda number: timedelta(seconds=number)
)
histories = st.lists(
    st.tuples(jumps, st.one_of(wishes, wishes, breaking, reviewing)), min_size=4, max_size=20
)


@settings(max_examples=300)
@given(usual_requests, histories)
def test_no_history_breaks_glass_as_it_must_not_or_loses_its_review(
    first: Any, history: list[tuple[timedelta, Wish | Command]]
) -> None:
    request, now = after(first), NOON
    for pause, wish in history:
        now += pause
        command = meant(wish, request)
        try:
            change = step(request, command, now)
        except Refusal:
            continue
        before, request = request, after(change)
        if isinstance(command, BreakGlass):
            side = {OWNER, ASKER, AGENT} | command.roster.barred
            assert command.holder
            assert command.person not in side
            assert not command.frozen
            assert not command.denied_by
            assert command.complete
            assert (before.state, now < before.expires_at) == (State.PENDING, True)
            assert not [one for one in before.reviews if one.verdict.value == "deny"]
            assert EntryKind.GLASS_BROKEN in {entry.kind for entry in change.entries}
        elif isinstance(command, ReviewGlass):
            assert before.glass is not None
            assert command.admin
            assert command.person != before.glass.person
            assert command.person not in {OWNER, ASKER, AGENT} | command.roster.barred
        else:
            assert (request.glass is None) == (before.glass is None)
        owed = request.glass is not None and request.glass.reviewed_at is None
        if owed and request.glass is not None:
            ends = request.glass.review_due_at + request.glass.reminders * GLASS_EVERY
            assert request.due_at is not None
            assert request.due_at <= ends


# ── what people read ─────────────────────────────────────────────────────────────────────────────


def read(request: Request) -> tuple[Tone, str, str | None]:
    """Return the tone, the status and the sentence about glass of the request's card."""
    shown = card(request, NOON, "/page")
    return shown.tone, shown.status, shown.glass


def test_the_card_says_by_whom_why_and_whether_it_was_reviewed() -> None:
    tone, status, glass = read(a_broken())
    assert tone is Tone.DANGER
    assert status.startswith(f"Approved by breaking glass ({STRANGER}, not reviewed yet)")
    assert glass == (
        f"Glass was broken by {STRANGER} at 12:00:00 UTC: “{WHY}”. "
        "An admin must review that by 2026-10-06 12:00 UTC."
    )


def test_an_overdue_review_and_what_was_found_stand_on_the_card_in_every_later_state() -> None:
    request = after(step(after(step(a_broken(), redeem(), NOON)), report(), NOON))
    late = after(step(request, tick(), DUE))
    tone, _, glass = read(late)
    assert tone is Tone.DANGER
    assert glass is not None
    assert glass.endswith("An admin must review that by 2026-10-06 12:00 UTC, which is overdue.")
    good, status, glass = read(after(step(late, reviews(), DUE)))
    assert good is Tone.GOOD
    assert "not reviewed" not in status
    assert f"{ED} found that proper: “It was.”" in str(glass)
    bad, _, glass = read(after(step(late, reviews(proper=False), DUE)))
    assert bad is Tone.BAD
    assert f"{ED} found that NOT proper: “It was.”" in str(glass)


def test_hidden_characters_of_a_reason_are_shown() -> None:
    request = after(step(a_request(), breaks(reason="now\u202e please"), NOON))
    assert "now⟨U+202E⟩ please" in str(read(request)[2])


def test_each_event_around_glass_has_its_line() -> None:
    request = a_broken()
    assert note("approved", request, NOON) == (
        f"Approved by breaking glass. The executor may run it once. {STRANGER}: {WHY}"
    )
    assert WHY in str(note("glass", request, NOON))
    assert "If that was not you" in str(note("your-glass", request, NOON))
    assert note("glass-reviewed", request, NOON) is None
    found = after(step(request, reviews(proper=False), NOON))
    said = note("glass-reviewed", found, NOON)
    assert said == f"{ED} reviewed the broken glass and found it NOT proper: It was."
    assert "without its quorum" in alert("glass", request)
    assert f"{STRANGER}: {WHY}" in alert("glass", request)
    assert "nobody has reviewed that (alert 2)" in alert("glass-overdue:2", request)
