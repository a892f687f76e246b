"""People decide: who may, whose verdict counts, and when a stage is met."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.errors import (
    AlreadyDecided,
    AlreadyReviewed,
    EnoughSaid,
    MustReadAll,
    NoReviewsByMachines,
    NotAnApprover,
    OtherDigest,
    OwnRequest,
    ReasonMissing,
    TooLate,
    UnknownPerson,
)
from bot.core.machine import opened, step, tally
from bot.core.machine.reviews import COMMENTS_MAX
from bot.core.terms import (
    ActorKind,
    CallbackKind,
    Effect,
    PersonName,
    ReasonRule,
    Stage,
    State,
    Surface,
)
from tests.core.builders import (
    AGENT,
    ASKER,
    BO,
    CY,
    DBA,
    DEADLINE,
    DI,
    DIGEST,
    ED,
    EVERYBODY,
    INSTANT,
    LEADS,
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
    comment,
    deny,
    kinds,
    reviewed,
    sent,
    tick,
)

AGENT_ACTS = an_actor(AGENT, Surface.API, ActorKind.AGENT)

# ── who may ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("person", [AGENT, ASKER, OWNER])
def test_nobody_approves_their_own_request_even_as_an_approver(person: PersonName) -> None:
    assert person in a_roster().groups["dba"]  # type: ignore[index, operator]
    for verdict in (approve, deny):
        with pytest.raises(OwnRequest):
            step(a_request(), verdict(person), now=NOON)


def test_whom_separation_bars_as_of_now_may_not_review_either() -> None:
    with pytest.raises(OwnRequest):
        step(a_request(), approve(BO, roster=a_roster(barred=[BO])), now=NOON)


def test_somebody_who_is_no_approver_is_refused() -> None:
    for person in (STRANGER, DI):
        with pytest.raises(NotAnApprover):
            step(a_request(), approve(person), now=NOON)


@pytest.mark.parametrize("groups", [{}, {"dba": []}, {"dba": None}])
def test_an_empty_or_silent_group_means_nobody(groups: dict[str, list[str] | None]) -> None:
    with pytest.raises(NotAnApprover):
        step(a_request(), approve(BO, roster=a_roster(groups)), now=NOON)


def test_a_plan_without_stages_is_approved_by_nobody() -> None:
    bare = replace(a_request(), plan=replace(a_plan(), stages=()))
    for verdict in (approve, deny):
        with pytest.raises(NotAnApprover):
            step(bare, verdict(BO), now=NOON)


def test_who_left_the_group_after_the_card_was_posted_is_refused() -> None:
    request = a_request(PAIR)
    request = reviewed(request, approve(CY))
    with pytest.raises(NotAnApprover):
        step(request, approve(BO, roster=a_roster({"dba": [CY]})), now=NOON)


def test_who_is_no_longer_in_the_directory_is_refused() -> None:
    with pytest.raises(UnknownPerson):
        step(a_request(), approve(BO, roster=a_roster(people=EVERYBODY - {BO})), now=NOON)


@pytest.mark.parametrize("kind", [kind for kind in ActorKind if kind is not ActorKind.PERSON])
def test_machines_do_not_review(kind: ActorKind) -> None:
    for verdict in (approve, deny, comment):
        with pytest.raises(NoReviewsByMachines):
            step(a_request(), verdict(BO, by=an_actor(BO, kind=kind)), now=NOON)


def test_nobody_reviews_in_another_name() -> None:
    with pytest.raises(UnknownPerson):
        step(a_request(), approve(BO, by=an_actor(STRANGER)), now=NOON)


def test_a_person_named_outright_may_review() -> None:
    request = a_request(Stage("one", (f"person:{DI}",), 1))
    assert reviewed(request, approve(DI)).state is State.APPROVED
    with pytest.raises(NotAnApprover):
        step(request, approve(ED), now=NOON)


# ── what they saw and say ────────────────────────────────────────────────────────────────────────


def test_a_review_of_another_action_is_refused() -> None:
    for verdict in (approve, deny, comment):
        with pytest.raises(OtherDigest):
            step(a_request(), verdict(BO, digest=OTHER_DIGEST), now=NOON)


def test_who_was_not_shown_everything_may_deny_but_not_approve() -> None:
    with pytest.raises(MustReadAll):
        step(a_request(), approve(BO, complete=False), now=NOON)
    assert reviewed(a_request(), deny(BO, complete=False)).state is State.DENIED


@pytest.mark.parametrize(
    ("rule", "approvals", "denials"),
    [
        (ReasonRule.OPTIONAL, True, True),
        (ReasonRule.ON_DENY, True, False),
        (ReasonRule.REQUIRED, False, False),
    ],
)
def test_the_policy_says_when_a_reason_is_needed(rule: ReasonRule, approvals: bool, denials: bool) -> None:
    request = a_request(plan=a_plan(reason_rule=rule))
    for verdict, free in ((approve, approvals), (deny, denials)):
        for blank in (None, "", " \n\t"):
            if free:
                step(request, verdict(BO, reason=blank), now=NOON)
            else:
                with pytest.raises(ReasonMissing):
                    step(request, verdict(BO, reason=blank), now=NOON)
        assert reviewed(request, verdict(BO, reason=" because ")).reviews[0].reason == "because"


def test_a_comment_needs_words_and_counts_for_nothing() -> None:
    with pytest.raises(ReasonMissing):
        step(a_request(), comment(BO, "  "), now=NOON)
    request = reviewed(a_request(), comment(BO), comment(BO, "Still looking."), comment(OWNER))
    assert request.state is State.PENDING
    assert tally(request, "dba") == (0, 0)
    assert reviewed(request, approve(BO)).state is State.APPROVED


def test_a_request_takes_two_hundred_comments_and_verdicts_all_the_same() -> None:
    request = reviewed(a_request(), *(comment(BO, f"{number}") for number in range(COMMENTS_MAX)))
    with pytest.raises(EnoughSaid):
        step(request, comment(CY), now=NOON)
    assert reviewed(request, approve(BO)).state is State.APPROVED


def test_a_comment_does_not_take_a_verdict_back() -> None:
    request = reviewed(a_request(PAIR), approve(BO), comment(BO))
    assert tally(request, "pair") == (1, 0)
    with pytest.raises(AlreadyReviewed):
        step(request, approve(BO), now=NOON)


# ── quorums ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("quorum", [1, 2, 3, 5])
def test_a_stage_is_met_by_its_quorum_and_not_by_one_person_less(quorum: int) -> None:
    people = [f"dba-{number}" for number in range(quorum + 1)]
    roster = a_roster({"dba": people}, people=people)
    request = a_request(Stage("dba", ("group:dba",), quorum))
    for person in people[: quorum - 1]:
        request = reviewed(request, approve(person, roster=roster))
        assert request.state is State.PENDING
    assert reviewed(request, approve(people[quorum - 1], roster=roster)).state is State.APPROVED


@pytest.mark.parametrize("surface", list(Surface))
def test_one_person_counts_once_whichever_surface_they_use(surface: Surface) -> None:
    request = reviewed(a_request(PAIR), approve(BO))
    with pytest.raises(AlreadyReviewed):
        step(request, approve(BO, by=an_actor(BO, surface)), now=NOON)


def test_a_second_click_of_a_denier_changes_nothing() -> None:
    request = reviewed(a_request(replace(PAIR, deny=2)), deny(BO))
    for verdict in (approve, deny):
        with pytest.raises(AlreadyReviewed):
            step(request, verdict(BO), now=NOON)


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_a_request_is_denied_by_its_deny_count_and_not_by_one_person_less(needed: int) -> None:
    people = [f"dba-{number}" for number in range(6)]
    roster = a_roster({"dba": people}, people=people)
    request = a_request(Stage("dba", ("group:dba",), 3, deny=needed))
    for person in people[: needed - 1]:
        request = reviewed(request, deny(person, roster=roster))
        assert request.state is State.PENDING
    change = step(request, deny(people[needed], roster=roster), now=NOON)
    assert after(change).state is State.DENIED
    assert change.callback is CallbackKind.DENIED


def test_an_approver_who_sees_a_mistake_takes_the_approval_back_by_denying() -> None:
    request = reviewed(a_request(replace(PAIR, deny=2)), approve(BO), deny(BO))
    assert tally(request, "pair") == (0, 1)
    assert reviewed(request, approve(CY)).state is State.PENDING


@pytest.mark.parametrize("quorum", [0, -1])
def test_a_quorum_of_nobody_is_met_by_nobody(quorum: int) -> None:
    request = a_request(Stage("dba", ("group:dba",), quorum, deny=2))
    for verdict in (approve, deny):
        assert reviewed(request, verdict(BO)).state is State.PENDING


@pytest.mark.parametrize("needed", [0, -1])
def test_a_deny_count_of_nobody_does_not_deny_what_people_approve(needed: int) -> None:
    request = a_request(Stage("dba", ("group:dba",), 1, deny=needed))
    assert reviewed(request, approve(BO)).state is State.APPROVED
    assert reviewed(request, deny(BO)).state is State.DENIED


# ── stages ───────────────────────────────────────────────────────────────────────────────────────


def test_stages_run_one_after_another() -> None:
    request = a_request(DBA, LEADS)
    with pytest.raises(NotAnApprover):
        step(request, approve(DI), now=NOON)
    change = step(request, approve(BO), now=NOON)
    request = after(change)
    assert (request.state, request.stage_index) == (State.PENDING, 1)
    assert kinds(change) == ["review.given=approve", "stage.met"]
    assert ("note", "slack:#ops", "stage:0") in sent(change)
    with pytest.raises(NotAnApprover):
        step(request, approve(CY), now=NOON)
    assert reviewed(request, approve(DI)).state is State.APPROVED


def test_one_person_counts_in_one_stage_only() -> None:
    roster = a_roster({"dba": [BO], "leads": [BO, DI]})
    request = reviewed(a_request(DBA, LEADS), approve(BO, roster=roster))
    for verdict in (approve, deny):
        with pytest.raises(AlreadyReviewed):
            step(request, verdict(BO, roster=roster), now=NOON)
    assert reviewed(request, approve(DI, roster=roster)).state is State.APPROVED


def test_any_stage_can_deny() -> None:
    request = reviewed(a_request(DBA, LEADS), approve(BO))
    assert reviewed(request, deny(DI)).state is State.DENIED


def test_a_stage_opens_with_its_own_clock() -> None:
    later = NOON + timedelta(minutes=7)
    leads = replace(LEADS, within=timedelta(minutes=5))
    request = reviewed(a_request(replace(DBA, within=timedelta(minutes=9)), leads), approve(BO), at=later)
    assert request.stage_opened_at == later
    assert request.due_at == later + timedelta(minutes=5)
    assert request.expires_at == DEADLINE


# ── the end ──────────────────────────────────────────────────────────────────────────────────────


def test_the_last_approval_makes_a_grant_for_one_executor() -> None:
    change = step(a_request(), approve(BO), now=NOON)
    request = after(change)
    assert request.grant is not None
    assert (request.grant.id, request.grant.executor) == (request.grant_id, "db-runner")
    assert request.grant.expires_at == NOON + timedelta(minutes=5) == request.due_at
    assert request.decided_at == NOON
    assert change.callback is CallbackKind.APPROVED
    assert kinds(change) == ["review.given=approve", "stage.met", "request.approved=review"]


def test_without_an_executor_there_is_neither_grant_nor_callback() -> None:
    for command, state in (
        (approve(BO), State.APPROVED),
        (deny(BO), State.DENIED),
        (cancel(), State.CANCELLED),
    ):
        change = step(a_request(plan=a_plan(executor=None)), command, now=NOON)
        request = after(change)
        assert (request.state, request.grant, request.due_at) == (state, None, None)
        assert change.callback is None


@pytest.mark.parametrize("command", [approve(BO), deny(BO), comment(BO), cancel()])
@pytest.mark.parametrize(
    ("now", "open_still"), [(DEADLINE - INSTANT, True), (DEADLINE, False), (DEADLINE + INSTANT, False)]
)
def test_nothing_is_decided_at_the_deadline_or_after_it(
    command: object, now: datetime, open_still: bool
) -> None:
    if open_still:
        assert after(step(a_request(), command, now=now)).version == 2  # type: ignore[arg-type]
    else:
        with pytest.raises(TooLate):
            step(a_request(), command, now=now)  # type: ignore[arg-type]


@pytest.mark.parametrize("last", [approve(BO), deny(BO), cancel(), tick()])
@pytest.mark.parametrize("late", [approve(CY), deny(CY), comment(CY), cancel()])
def test_a_decided_request_is_decided_once(last: object, late: object) -> None:
    now = DEADLINE if last == tick() else NOON
    request = after(step(a_request(), last, now=now))  # type: ignore[arg-type]
    with pytest.raises((AlreadyDecided, TooLate)):
        step(request, late, now=NOON)  # type: ignore[arg-type]


def test_an_expired_request_says_that_the_deadline_has_passed() -> None:
    expired = after(step(a_request(), tick(), now=DEADLINE))
    with pytest.raises(TooLate):
        step(expired, approve(BO), now=NOON)


def test_a_cancelled_request_tells_the_executor_and_the_channel() -> None:
    change = step(a_request(), cancel(), now=NOON)
    assert after(change).decided_at == NOON
    assert change.callback is CallbackKind.CANCELLED
    assert kinds(change) == ["request.cancelled"]
    assert sent(change) == {
        ("show", "slack:#ops", ""),
        ("note", "slack:#ops", "cancelled"),
        ("note", "person:ana", "cancelled"),  # for whom it was asked
        ("note", "person:olga", "cancelled"),  # whose agent it is
    }


def test_each_review_is_told_as_itself() -> None:
    request = reviewed(a_request(PAIR), comment(BO))
    change = step(request, approve(CY), now=NOON)
    assert sent(change) == {("show", "slack:#ops", ""), ("note", "slack:#ops", "review:1")}
    assert change.entries[0].by.name == CY
    assert (change.expected, after(change).version) == (2, 3)


def test_a_review_entry_holds_what_was_seen_and_keeps_the_reason_private() -> None:
    change = step(a_request(), deny(BO, reason="Not today", shown=OTHER_DIGEST), now=NOON)
    entry = change.entries[0]
    assert (entry.action_digest, entry.shown_digest, entry.policy_digest) == (DIGEST, OTHER_DIGEST, "b" * 64)
    assert entry.facts == {"stage": "dba"}
    assert entry.private == {"reason": "Not today"}


# ── a new request ────────────────────────────────────────────────────────────────────────────────


def test_a_new_request_waits_and_is_shown() -> None:
    change = opened(a_request(), a_roster(), AGENT_ACTS, NOON)
    request = after(change)
    assert (request.state, request.version, request.unsatisfiable) == (State.PENDING, 1, None)
    assert request.due_at == DEADLINE
    assert (change.expected, change.callback) == (None, None)
    assert kinds(change) == ["request.received", "request.planned=require_approval"]
    assert sent(change) == {("show", "slack:#ops", "")}


@pytest.mark.parametrize("executor", ["db-runner", None])
def test_what_policy_decides_is_decided_at_once(executor: str | None) -> None:
    allowed = opened(
        a_request(plan=replace(a_plan(effect=Effect.ALLOW, executor=executor), stages=())),
        a_roster(),
        AGENT_ACTS,
        NOON,
    )
    assert after(allowed).state is State.APPROVED
    assert (after(allowed).grant is None) == (executor is None) == (allowed.callback is None)
    assert kinds(allowed)[-1] == "request.approved=policy"
    denied = opened(
        a_request(plan=a_plan(effect=Effect.DENY, executor=executor)), a_roster(), AGENT_ACTS, NOON
    )
    assert (after(denied).state, after(denied).grant, after(denied).due_at) == (State.DENIED, None, None)
    assert (denied.callback is None) == (executor is None)
    assert kinds(denied)[-1] == "request.denied=policy"
