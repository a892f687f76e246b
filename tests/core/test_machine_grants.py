"""A grant runs one action once, for one executor, in time, unless policy has turned against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.errors import (
    AlreadyRedeemed,
    AlreadyReported,
    DigestMismatch,
    Frozen,
    Lapsed,
    Malformed,
    NotRedeemable,
    NotReleased,
    PolicyDenies,
    Refusal,
    Revoked,
    Unknown,
)
from bot.core.machine import Command, step
from bot.core.terms import CallbackKind, Request, RuleId, State
from tests.core.builders import (
    BO,
    GRANT_ENDS,
    INSTANT,
    NOON,
    OTHER_DIGEST,
    REPORT_DUE,
    a_plan,
    a_released,
    a_request,
    after,
    an_approved,
    approve,
    deny,
    kinds,
    redeem,
    report,
    reviewed,
    revoke,
    sent,
    tick,
)

ENDS = NOON + GRANT_ENDS
DENIED_NOW = (RuleId("freeze-prod"),)


def a_lapsed() -> Request:
    """A request whose grant nobody redeemed."""
    return after(step(an_approved(), tick(), now=ENDS))


def a_revoked() -> Request:
    """A request whose grant was taken back."""
    return after(step(an_approved(), revoke(), now=NOON))


def an_unreported() -> Request:
    """A request whose executor went silent."""
    return after(step(a_released(), tick(), now=NOON + REPORT_DUE))


# ── redeeming ────────────────────────────────────────────────────────────────────────────────────


def test_a_redeemed_grant_releases_the_action_and_waits_for_its_outcome() -> None:
    change = step(an_approved(), redeem(key="k1"), now=NOON)
    request = after(change)
    assert (request.state, request.version) == (State.RELEASED, 3)
    assert request.grant is not None
    assert (request.grant.redeemed_at, request.grant.redemption_key) == (NOON, "k1")
    assert request.due_at == request.report_due_at == NOON + REPORT_DUE
    assert kinds(change) == ["grant.redeemed"]
    assert (change.callback, ("note", "slack:#ops", "released") in sent(change)) == (None, True)


@pytest.mark.parametrize("now", [ENDS, ENDS + INSTANT, ENDS + timedelta(days=9)])
def test_a_grant_is_good_until_just_before_its_end(now: datetime) -> None:
    assert after(step(an_approved(), redeem(), now=ENDS - INSTANT)).state is State.RELEASED
    with pytest.raises(Lapsed):
        step(an_approved(), redeem(), now=now)


@pytest.mark.parametrize(
    ("request_", "command", "now", "refusal"),
    [
        (a_request(), redeem(), NOON, Unknown),
        (reviewed(a_request(), deny(BO)), redeem(), NOON, Unknown),
        (reviewed(a_request(plan=a_plan(executor=None)), approve(BO)), redeem(), NOON, Unknown),
        (an_approved(), redeem("other"), NOON, Unknown),
        (a_released(), redeem("other"), NOON, Unknown),
        (a_released(), redeem(), NOON, AlreadyRedeemed),
        (a_released(), redeem(), ENDS, AlreadyRedeemed),
        (a_released(), redeem(digest=OTHER_DIGEST), NOON, AlreadyRedeemed),
        (after(step(a_released(), report(), now=NOON)), redeem(), NOON, AlreadyRedeemed),
        (an_unreported(), redeem(), NOON, AlreadyRedeemed),
        (a_revoked(), redeem(), NOON, Revoked),
        (a_revoked(), redeem(), ENDS, Revoked),
        (a_lapsed(), redeem(), NOON, Lapsed),  # by a clock that is behind
        (an_approved(), redeem(digest=OTHER_DIGEST), ENDS, Lapsed),
        (an_approved(), redeem(digest=OTHER_DIGEST), NOON, DigestMismatch),
        (an_approved(), redeem(digest=OTHER_DIGEST, frozen=True), NOON, DigestMismatch),
        (an_approved(), redeem(frozen=True, denied_by=DENIED_NOW), NOON, Frozen),
        (an_approved(), redeem(denied_by=DENIED_NOW), NOON, PolicyDenies),
    ],
)
def test_every_other_redemption_is_refused_for_its_own_reason(
    request_: Request, command: Command, now: datetime, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal) as caught:
        step(request_, command, now=now)
    assert type(caught.value) is refusal


def test_a_state_that_holds_no_waiting_grant_is_never_redeemable() -> None:
    for state in set(State) - {State.APPROVED, State.REVOKED, State.LAPSED}:
        with pytest.raises(NotRedeemable):
            step(replace(an_approved(), state=state), redeem(), now=NOON)


def test_the_refusal_names_the_rule_that_denies_now() -> None:
    with pytest.raises(PolicyDenies, match="freeze-prod"):
        step(an_approved(), redeem(denied_by=DENIED_NOW), now=NOON)


# ── revoking ─────────────────────────────────────────────────────────────────────────────────────


def test_a_revoked_grant_tells_the_executor() -> None:
    change = step(an_approved(), revoke(), now=ENDS - INSTANT)
    request = after(change)
    assert (request.state, request.due_at, change.callback) == (State.REVOKED, None, CallbackKind.REVOKED)
    assert request.grant is not None
    assert request.grant.revoked_at == ENDS - INSTANT
    assert (kinds(change), change.entries[0].private) == (["grant.revoked"], {"reason": "not now"})


@pytest.mark.parametrize(
    ("request_", "now"),
    [
        (a_request(), NOON),
        (an_approved(), ENDS),
        (a_released(), NOON),
        (a_lapsed(), NOON),
        (a_revoked(), NOON),
        (reviewed(a_request(plan=a_plan(executor=None)), approve(BO)), NOON),
    ],
)
def test_only_an_unused_grant_in_force_can_be_revoked(request_: Request, now: datetime) -> None:
    with pytest.raises(NotRedeemable):
        step(request_, revoke(), now=now)


# ── outcomes ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("request_", [a_released(), an_unreported()])
@pytest.mark.parametrize("status", [State.SUCCEEDED, State.FAILED])
def test_an_outcome_is_recorded_in_time_or_late(request_: Request, status: State) -> None:
    change = step(request_, report(status=status), now=NOON + timedelta(days=1))
    request = after(change)
    assert request.outcome is not None
    assert (request.state, request.outcome.status, request.due_at) == (status, status, None)
    assert kinds(change) == [f"outcome.reported={status.value}"]
    assert change.callback is None


def test_an_outcome_is_reported_once() -> None:
    done = after(step(a_released(), report(), now=NOON))
    with pytest.raises(AlreadyReported):
        step(done, report(status=State.FAILED), now=NOON)


@pytest.mark.parametrize("request_", [an_approved(), a_lapsed(), a_revoked()])
def test_what_never_ran_has_no_outcome(request_: Request) -> None:
    with pytest.raises(NotReleased):
        step(request_, report(), now=NOON)


def test_only_the_executor_of_the_grant_reports() -> None:
    for request in (a_request(), a_released(), an_unreported()):
        with pytest.raises(Unknown):
            step(request, report("other"), now=NOON)


@pytest.mark.parametrize("status", sorted(set(State) - {State.SUCCEEDED, State.FAILED}))
def test_an_outcome_is_a_success_or_a_failure_and_nothing_else(status: State) -> None:
    with pytest.raises(Malformed):
        step(a_released(), report(status=status), now=NOON)
