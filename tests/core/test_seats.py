"""Deputies: who speaks takes a seat, a seat counts once, and separation holds for everybody on a chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import (
    AlreadyAsked,
    AlreadyDecided,
    AlreadyReviewed,
    EnoughLent,
    NotADeputy,
    NotAnApprover,
    OwnRequest,
    Refusal,
    TooLate,
    Unknown,
    UnknownPerson,
)
from bot.core.machine import Delegate, Reclaim, opened, step
from bot.core.machine.delegating import LENT_MAX
from bot.core.people import (
    approvers,
    barred,
    called,
    counted,
    lenders,
    open_delegations,
    seats,
    spent,
    stand_ins,
)
from bot.core.terms import Delegation, PersonName, Request, Roster, Stage, State, Verdict
from tests.core.builders import (
    AGENT,
    ASKER,
    BO,
    CY,
    DI,
    ED,
    EVERYBODY,
    NOON,
    OWNER,
    PAIR,
    STRANGER,
    a_request,
    a_roster,
    a_verdict,
    after,
    an_actor,
    an_escalation,
    approve,
    deny,
    kinds,
    reviewed,
    sent,
    tick,
)

PEOPLE = sorted(EVERYBODY)


def a_crowd(
    away: Mapping[str, str | None] | None = None,
    deputies: Mapping[str, set[str]] | None = None,
    **changes: object,
) -> Roster:
    """The usual roster, and who is away with which deputy; the directory names each deputy unless told."""
    away = away or {}
    named = deputies if deputies is not None else {giver: {one} for giver, one in away.items() if one}
    return replace(
        a_roster(**changes),  # type: ignore[arg-type]
        away={PersonName(k): None if v is None else PersonName(v) for k, v in away.items()},
        deputies={PersonName(k): frozenset(PersonName(one) for one in v) for k, v in named.items()},
    )


def delegate(giver: str, deputy: str, roster: Roster) -> Delegate:
    """Somebody asks somebody else to decide here."""
    return Delegate(PersonName(giver), PersonName(deputy), roster, an_actor(giver))


def reclaim(giver: str, roster: Roster) -> Reclaim:
    """Somebody takes back what they asked."""
    return Reclaim(PersonName(giver), roster, an_actor(giver))


# ── who sits where ───────────────────────────────────────────────────────────────────────────────


def test_who_is_away_lends_their_seat_and_keeps_it() -> None:
    assert seats(a_request(PAIR), a_crowd({BO: ED})) == {BO: BO, CY: CY, ED: BO}


def test_a_deputy_whom_the_directory_does_not_name_takes_no_seat() -> None:
    roster = a_crowd({BO: ED}, deputies={BO: {DI}})
    assert seats(a_request(PAIR), roster) == {BO: BO, CY: CY}
    with pytest.raises(NotAnApprover):
        step(a_request(PAIR), approve(ED, roster=roster), NOON)


def test_an_approver_who_stands_in_takes_their_own_seat_first() -> None:
    roster = a_crowd({BO: CY})
    assert seats(a_request(PAIR), roster) == {BO: BO, CY: CY}
    request = reviewed(a_request(PAIR), approve(CY, roster=roster))
    assert request.reviews[0].giver is None
    assert request.state is State.PENDING
    with pytest.raises(AlreadyReviewed):
        step(request, approve(CY, roster=roster), NOON)


def test_after_the_deputy_the_giver_has_no_voice_and_the_other_way_round() -> None:
    roster = a_crowd({BO: ED})
    spoken = reviewed(a_request(PAIR), approve(ED, roster=roster))
    assert spoken.reviews[0].giver == BO
    assert spoken.state is State.PENDING
    with pytest.raises(AlreadyReviewed, match="deputy"):
        step(spoken, approve(BO, roster=roster), NOON)
    spoke = reviewed(a_request(PAIR), approve(BO, roster=roster))
    with pytest.raises(AlreadyReviewed, match="bo has already"):
        step(spoke, approve(ED, roster=roster), NOON)


def test_a_deputy_and_another_approver_meet_a_quorum_of_two() -> None:
    roster = a_crowd({BO: ED})
    request = reviewed(a_request(PAIR), approve(ED, roster=roster), approve(CY, roster=roster))
    assert request.state is State.APPROVED
    assert [(one.person, one.giver) for one in request.reviews] == [(ED, BO), (CY, None)]


def test_one_deputy_of_two_is_one_voice() -> None:
    roster = a_crowd({BO: ED, CY: ED})
    request = reviewed(a_request(PAIR), approve(ED, roster=roster))
    assert request.state is State.PENDING
    with pytest.raises(AlreadyReviewed):
        step(request, approve(ED, roster=roster), NOON)
    assert seats(request, roster) == {CY: CY}


def test_a_deputy_takes_back_their_approval_even_when_the_giver_has_returned() -> None:
    request = reviewed(a_request(replace(PAIR, deny=1)), approve(ED, roster=a_crowd({BO: ED})))
    request = reviewed(request, deny(ED, roster=a_roster(), reason="a mistake"))
    assert request.state is State.DENIED
    assert [one.giver for one in request.reviews] == [BO, BO]


def test_a_voice_used_in_one_stage_is_used_up_for_the_giver_in_the_next() -> None:
    roster = a_crowd({BO: ED}, groups={"dba": [BO], "leads": [BO, ED, DI]})
    request = reviewed(
        a_request(Stage("dba", ("group:dba",), 1), Stage("leads", ("group:leads",), 1)),
        approve(ED, roster=roster),
    )
    assert request.stage_index == 1
    assert seats(request, roster) == {DI: DI}


# ── separation and chains ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("giver", [OWNER, ASKER, AGENT])
def test_whoever_is_barred_lends_nothing(giver: PersonName) -> None:
    roster = a_crowd({giver: ED})
    assert ED not in seats(a_request(PAIR), roster)
    with pytest.raises(NotAnApprover):
        step(a_request(PAIR), approve(ED, roster=roster), NOON)


@pytest.mark.parametrize("deputy", [OWNER, ASKER, AGENT])
def test_whoever_is_barred_stands_in_for_nobody(deputy: PersonName) -> None:
    roster = a_crowd({BO: deputy})
    assert set(seats(a_request(PAIR), roster)) == {BO, CY}
    with pytest.raises(OwnRequest):
        step(a_request(PAIR), approve(deputy, roster=roster), NOON)


def test_a_chain_is_followed_as_far_as_separation_and_the_directory_let_it() -> None:
    whole = a_crowd({BO: ED, ED: DI})
    assert seats(a_request(PAIR), whole) == {BO: BO, CY: CY, ED: BO, DI: BO}
    barred_between = a_crowd({BO: ED, ED: DI}, barred=[ED])
    assert DI not in seats(a_request(PAIR), barred_between)
    unnamed = a_crowd({BO: ED, ED: DI}, deputies={BO: {ED, DI}})
    assert seats(a_request(PAIR), unnamed) == {BO: BO, CY: CY, ED: BO}
    gone = a_crowd({BO: ED, ED: DI}, people=EVERYBODY - {ED})
    assert set(seats(a_request(PAIR), gone)) == {BO, CY}


@pytest.mark.parametrize(
    "away",
    [{BO: ED, ED: BO}, {BO: ED, ED: DI, DI: ED}, {BO: BO}, {BO: ED, ED: DI, DI: STRANGER, STRANGER: BO}],
)
def test_a_chain_that_loops_ends_with_nobody(away: dict[str, str | None]) -> None:
    roster = a_crowd(away)
    assert stand_ins(BO, a_request(PAIR), roster) == ()
    assert set(seats(a_request(PAIR), roster)) == {BO, CY}


def test_only_one_of_a_chain_speaks() -> None:
    roster = a_crowd({BO: ED, ED: DI})
    request = reviewed(a_request(PAIR), approve(DI, roster=roster))
    for other in (BO, ED):
        with pytest.raises(AlreadyReviewed):
            step(request, approve(other, roster=roster), NOON)
    assert lenders(ED, request, roster) == {BO}


# ── here and now ─────────────────────────────────────────────────────────────────────────────────


def test_somebody_is_asked_to_decide_here_and_in_this_stage_alone() -> None:
    roster = a_crowd(deputies={BO: {ED}})
    change = step(a_request(PAIR, replace(PAIR, name="again")), delegate(BO, ED, roster), NOON)
    request = after(change)
    assert kinds(change) == ["review.delegated"]
    assert change.entries[0].private == {"giver": BO, "deputy": ED}
    assert {("note", f"person:{ED}", f"deputy:{BO}"), ("show", f"person:{ED}", "")} <= sent(change)
    assert seats(request, roster) == {BO: BO, CY: CY, ED: BO}
    assert seats(replace(request, stage_index=1), roster) == {BO: BO, CY: CY}
    assert called(request, roster) == {CY, ED}


def test_a_second_deputy_takes_the_place_of_the_first() -> None:
    roster = a_crowd(deputies={BO: {ED, DI}})
    request = after(step(a_request(PAIR), delegate(BO, ED, roster), NOON))
    request = after(step(request, delegate(BO, DI, roster), NOON))
    assert [one.deputy for one in request.delegations] == [DI]
    assert seats(request, roster) == {BO: BO, CY: CY, DI: BO}


def test_the_same_deputy_is_asked_once_while_that_stands() -> None:
    roster = a_crowd(deputies={BO: {ED, DI}})
    request = after(step(a_request(PAIR), delegate(BO, ED, roster), NOON))
    with pytest.raises(AlreadyAsked, match="asked ed already"):
        step(request, delegate(BO, ED, roster), NOON)
    request = after(step(request, delegate(BO, DI, roster), NOON))
    assert kinds(step(request, delegate(BO, ED, roster), NOON)) == ["review.delegated"]


def test_a_seat_is_lent_and_taken_back_ten_times_and_lent_no_more() -> None:
    roster = a_crowd(deputies={BO: {ED}, CY: {ED}})
    request = a_request(PAIR)
    for _ in range(LENT_MAX):
        request = after(step(request, delegate(BO, ED, roster), NOON))
        request = after(step(request, Reclaim(BO, roster, an_actor(BO)), NOON))
    with pytest.raises(EnoughLent):
        step(request, delegate(BO, ED, roster), NOON)
    assert kinds(step(request, delegate(CY, ED, roster), NOON)) == ["review.delegated"]
    assert kinds(step(request, approve(BO, roster=roster), NOON))[0] == "review.given=approve"


def test_what_is_asked_here_goes_before_an_absence() -> None:
    roster = a_crowd({BO: ED}, deputies={BO: {ED, DI}})
    request = after(step(a_request(PAIR), delegate(BO, DI, roster), NOON))
    assert seats(request, roster) == {BO: BO, CY: CY, DI: BO}


def test_who_was_asked_here_takes_that_seat_before_one_of_an_absence() -> None:
    roster = a_crowd({BO: ED}, deputies={BO: {ED}, CY: {ED}})
    request = after(step(a_request(PAIR), delegate(CY, ED, roster), NOON))
    assert seats(request, roster)[ED] == CY
    assert seats(a_request(PAIR), roster)[ED] == BO


def test_another_approver_may_be_asked_and_is_one_voice() -> None:
    roster = a_crowd()
    request = after(step(a_request(PAIR), delegate(BO, CY, roster), NOON))
    assert seats(request, roster) == {BO: BO, CY: CY}
    assert called(request, roster) == {CY}


@pytest.mark.parametrize(
    ("deputy", "changes", "no"),
    [
        ("ghost", {}, NotADeputy),
        (BO, {}, NotADeputy),
        (OWNER, {}, NotADeputy),
        (STRANGER, {}, NotADeputy),
        (ED, {"away": {ED: None}}, NotADeputy),
        (ED, {"away": {ED: BO}}, NotADeputy),
    ],
)
def test_who_cannot_decide_in_somebodys_place_is_not_asked(
    deputy: str, changes: dict[str, Mapping[str, str | None]], no: type[Refusal]
) -> None:
    roster = a_crowd(changes.get("away"), deputies={BO: {ED, OWNER}, ED: {BO}})
    with pytest.raises(no):
        step(a_request(PAIR), delegate(BO, deputy, roster), NOON)


def test_who_has_spoken_asks_nobody_and_is_not_asked() -> None:
    roster = a_crowd(deputies={BO: {ED}, CY: {BO}})
    request = reviewed(a_request(PAIR), approve(BO, roster=roster))
    with pytest.raises(AlreadyReviewed):
        step(request, delegate(BO, ED, roster), NOON)
    with pytest.raises(NotADeputy):
        step(request, delegate(CY, BO, roster), NOON)


def test_who_is_no_approver_or_of_the_requesters_side_asks_nobody() -> None:
    roster = a_crowd(deputies={STRANGER: {ED}, OWNER: {ED}})
    with pytest.raises(NotAnApprover):
        step(a_request(PAIR), delegate(STRANGER, ED, roster), NOON)
    with pytest.raises(OwnRequest):
        step(a_request(PAIR), delegate(OWNER, ED, roster), NOON)


# ── taken back ───────────────────────────────────────────────────────────────────────────────────


def test_what_was_asked_is_taken_back_and_the_deputy_has_no_voice_any_more() -> None:
    roster = a_crowd(deputies={BO: {ED, DI}})
    asked = after(step(a_request(PAIR), delegate(BO, ED, roster), NOON))
    assert [(one.giver, one.deputy) for one in open_delegations(asked)] == [(BO, ED)]
    change = step(asked, reclaim(BO, roster), NOON)
    request = after(change)
    assert kinds(change) == ["review.reclaimed"]
    assert (change.entries[0].private, change.expected) == ({"giver": BO, "deputy": ED}, asked.version)
    assert {("note", f"person:{ED}", f"reclaimed:{BO}"), ("show", f"person:{ED}", "")} <= sent(change)
    assert seats(request, roster) == {BO: BO, CY: CY}
    assert open_delegations(request) == ()
    with pytest.raises(NotAnApprover):
        step(request, approve(ED, roster=roster), NOON)
    again = after(step(request, delegate(BO, ED, roster), NOON))
    assert seats(again, roster)[ED] == BO


def test_only_its_giver_takes_a_delegation_back_and_only_theirs_goes() -> None:
    roster = a_crowd(deputies={BO: {ED}, CY: {ED}})
    request = after(step(a_request(PAIR), delegate(BO, ED, roster), NOON))
    for other in (CY, ED, OWNER):
        with pytest.raises(Unknown):
            step(request, reclaim(other, roster), NOON)
    with pytest.raises(UnknownPerson):
        step(request, replace(reclaim(BO, roster), by=an_actor(CY)), NOON)
    request = after(step(request, delegate(CY, ED, roster), NOON))
    request = after(step(request, reclaim(BO, roster), NOON))
    assert [(one.giver, one.deputy) for one in request.delegations] == [(CY, ED)]
    assert seats(request, roster)[ED] == CY


@pytest.mark.parametrize("speaker", [BO, ED])
def test_once_either_has_spoken_a_delegation_is_over_and_nothing_is_taken_back(speaker: PersonName) -> None:
    roster = a_crowd(deputies={BO: {ED}})
    request = after(step(a_request(PAIR), delegate(BO, ED, roster), NOON))
    request = reviewed(request, approve(speaker, roster=roster))
    assert open_delegations(request) == ()
    with pytest.raises(AlreadyReviewed):
        step(request, reclaim(BO, roster), NOON)


def test_a_delegation_is_over_with_its_stage_and_with_its_request() -> None:
    roster = a_crowd(deputies={BO: {ED}})
    request = after(step(a_request(PAIR, replace(PAIR, name="again")), delegate(BO, ED, roster), NOON))
    following = replace(request, stage_index=1)
    assert open_delegations(following) == ()
    with pytest.raises(Unknown):
        step(following, reclaim(BO, roster), NOON)
    with pytest.raises(TooLate):
        step(request, reclaim(BO, roster), request.expires_at)
    with pytest.raises(Unknown):
        step(a_request(), reclaim(BO, roster), NOON)
    ended = replace(request, state=State.CANCELLED)
    assert open_delegations(ended) == ()
    with pytest.raises(AlreadyDecided):
        step(ended, reclaim(BO, roster), NOON)


def test_who_is_no_approver_any_more_still_takes_back_what_they_asked() -> None:
    roster = a_crowd(deputies={BO: {ED}})
    request = after(step(a_request(PAIR), delegate(BO, ED, roster), NOON))
    without = a_crowd(deputies={BO: {ED}}, groups={"dba": {CY}})
    assert after(step(request, reclaim(BO, without), NOON)).delegations == ()


# ── who is told ──────────────────────────────────────────────────────────────────────────────────


def test_who_is_away_is_told_nothing_and_their_deputy_is() -> None:
    assert called(a_request(PAIR), a_crowd({BO: ED})) == {CY, ED}
    assert called(a_request(PAIR), a_crowd({BO: ED, ED: DI})) == {CY, DI}
    assert called(a_request(PAIR), a_crowd({BO: None})) == {CY}
    assert called(a_request(PAIR), a_crowd({BO: CY})) == {CY}
    assert called(a_request(PAIR), a_crowd({BO: ED, ED: BO})) == {CY}
    assert set(seats(a_request(PAIR), a_crowd({BO: None}))) == {BO, CY}


def test_a_reminder_goes_to_the_deputy_and_a_level_of_people_who_are_away_is_passed() -> None:
    plan = replace(
        a_request(PAIR).plan,
        escalations=(
            an_escalation(5, add=("person:sam",)),
            an_escalation(10, remind=("group:dba",)),
        ),
    )
    request = a_request(plan=plan, due_at=NOON + timedelta(minutes=5))
    roster = a_crowd({BO: ED, STRANGER: None})
    change = step(request, tick(roster), NOON + timedelta(minutes=5))
    told = {address for kind, address, event in sent(change) if kind == "note" and event == "reminder"}
    assert after(change).escalated == 2
    assert told == {"slack:#ops", "person:cy", "person:ed"}


def test_at_the_opening_only_deputies_whom_no_channel_tells_hear_that_it_is_their_turn() -> None:
    def turns(request: Request, roster: Roster) -> set[str]:
        change = opened(request, roster, an_actor(AGENT), NOON)
        return {address for _, address, event in sent(change) if event == "turn:0"}

    shown, roster = a_request(PAIR), a_crowd({BO: ED})
    assert turns(shown, roster) == {"person:ed"}
    assert turns(shown, a_crowd()) == set()
    assert turns(replace(shown, plan=replace(shown.plan, show=())), roster) == {"person:cy", "person:ed"}


def test_a_deputy_holds_the_card_that_an_escalation_brings() -> None:
    plan = replace(a_request(PAIR).plan, escalations=(an_escalation(5, add=("person:di",)),))
    request = a_request(plan=plan, due_at=NOON + timedelta(minutes=5))
    change = step(request, tick(a_crowd({DI: STRANGER})), NOON + timedelta(minutes=5))
    assert after(change).told == (STRANGER,)


# ── any directory, any absences, any delegations ─────────────────────────────────────────────────

names = st.sampled_from(PEOPLE)
crowds = st.builds(
    lambda groups, people, out, away, deputies: replace(
        a_roster({"dba": groups}, people, out), away=away, deputies=deputies
    ),
    st.frozensets(names),
    st.just(EVERYBODY) | st.frozensets(names),
    st.just(frozenset()) | st.frozensets(names, max_size=2),
    st.dictionaries(names, st.none() | names),
    st.dictionaries(names, st.frozensets(names, max_size=4)),
)
lent = st.lists(
    st.builds(Delegation, names, names, st.sampled_from(("dba", "other")), st.just(NOON)), max_size=4
)
stages = st.integers(1, 3).flatmap(
    lambda q: st.integers(1, 3).map(lambda d: Stage("dba", ("group:dba",), q, d))
)
turns = st.lists(st.tuples(names, st.sampled_from(list(Verdict)), crowds, st.booleans(), names), max_size=14)


@settings(max_examples=150)
@given(stages, crowds, lent.map(tuple))
def test_no_directory_absence_or_delegation_seats_anybody_whom_separation_bars(
    stage: Stage, roster: Roster, delegations: tuple[Delegation, ...]
) -> None:
    request = a_request(stage, delegations=delegations)
    owners = approvers(request, roster) - barred(request, roster)
    found = seats(request, roster)
    assert set(found.values()) <= owners
    assert len(set(found.values())) <= len(owners)
    assert owners <= found.keys() <= roster.people - barred(request, roster)
    for person, giver in found.items():
        if person in owners:
            assert person == giver
        else:  # every link was asked for, and is named in the directory
            assert _reachable(giver, person, roster, delegations, barred(request, roster))


def _reachable(
    giver: PersonName,
    person: PersonName,
    roster: Roster,
    delegations: tuple[Delegation, ...],
    out: frozenset[PersonName],
) -> bool:
    """Say by brute force whether a chain of at most everybody leads from one to the other."""
    here = {one.giver: one.deputy for one in delegations if one.stage == "dba"}
    at = giver
    for _ in EVERYBODY:
        following = here.get(at, roster.away.get(at))
        if following is None or following not in roster.deputies.get(at, frozenset()) - out:
            return False
        if following == person:
            return True
        at = following
    return False


@settings(max_examples=150)
@given(stages, turns)
def test_a_quorum_is_always_met_by_distinct_people_in_distinct_seats(
    stage: Stage, history: list[tuple[PersonName, Verdict, Roster, bool, PersonName]]
) -> None:
    request = a_request(stage)
    for person, verdict, roster, delegates, deputy in history:
        command = (
            delegate(person, deputy, roster)
            if delegates
            else a_verdict(person, verdict, roster=roster, reason="because")
        )
        before = request
        try:
            request = after(step(request, command, NOON))
        except Refusal:
            continue
        _hold_review(before, request, roster)
    said = counted(request)
    assert len(said) == len({one.giver or one.person for one in said.values()})
    assert len(spent(request)) <= 2 * len(said)
    if request.state is State.APPROVED:
        approvals = [one for one in said.values() if one.verdict is Verdict.APPROVE]
        assert len({one.person for one in approvals}) >= stage.quorum
        assert len({one.giver or one.person for one in approvals}) >= stage.quorum
        voices = [name for one in said.values() for name in {one.person, one.giver or one.person}]
        assert len(voices) == len(set(voices))


def _hold_review(before: Request, now_is: Request, roster: Roster) -> None:
    """Who spoke was nobody whom separation bars, nor spoke for one."""
    new = now_is.reviews[len(before.reviews) :]
    for review in (one for one in new if one.verdict is not Verdict.COMMENT):
        out = barred(before, roster)
        assert review.person not in out
        assert review.giver not in out
        assert (review.giver or review.person) in approvers(before, roster)
