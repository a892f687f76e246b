"""Questions and answers decide nothing; a look holds reminders for a moment, and holds nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.core.card import card
from bot.core.deadline import looking, next_due, wake_at
from bot.core.errors import (
    AlreadyAnswered,
    AlreadyAsked,
    AlreadyDecided,
    AlreadyLooking,
    AlreadyReviewed,
    EnoughAsked,
    Malformed,
    NoReviewsByMachines,
    NotAnApprover,
    NotByReaction,
    OwnRequest,
    ReasonMissing,
    Refusal,
    TooLate,
    Unknown,
    UnknownPerson,
)
from bot.core.machine import Command, React, opened, step
from bot.core.notes import note, personal
from bot.core.terms import (
    ActorKind,
    Address,
    Change,
    OutboxKind,
    Plan,
    ReasonRule,
    Request,
    Reversibility,
    Stage,
    State,
    Verdict,
)
from tests.core.builders import (
    AGENT,
    ASKER,
    BO,
    CY,
    DBA,
    DEADLINE,
    DI,
    ED,
    INSTANT,
    LEADS,
    NOON,
    OWNER,
    PAIR,
    STRANGER,
    a_plan,
    a_request,
    a_roster,
    a_verdict,
    after,
    an_actor,
    an_escalation,
    approve,
    ask,
    cancel,
    kinds,
    look,
    reply,
    reviewed,
    sent,
    tick,
)

MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return NOON + minutes * MINUTE


def reminds(*minutes: float, add: float | None = None, stage: Stage = PAIR) -> Request:
    """A request that reminds after so many minutes, and adds the leads."""
    levels = [an_escalation(one, remind=("group:dba",)) for one in minutes]
    levels += [an_escalation(add, add=("group:leads",))] if add is not None else []
    return a_request(plan=a_plan(stage, escalations=tuple(levels)))


# ── questions and answers ────────────────────────────────────────────────────────────────────────


def test_a_question_is_told_in_the_thread_and_stands_on_the_card() -> None:
    change = step(a_request(), ask(BO, " Why now? "), now=NOON)
    request = after(change)
    assert kinds(change) == ["question.asked"]
    assert [entry.private for entry in change.entries] == [{"question": "Why now?"}]
    assert sent(change) == {("show", "slack:#ops", ""), ("note", "slack:#ops", "question:1")}
    assert note("question:1", request, NOON) == "bo asks: Why now?"
    [line] = card(request, NOON, "/").questions
    assert (line.number, line.person, line.text, line.answer) == (1, "bo", "Why now?", None)
    assert (request.state, request.due_at) == (State.PENDING, DEADLINE)


def test_the_answer_stands_on_the_card_as_a_claim_and_not_in_the_thread() -> None:
    request = reviewed(a_request(), ask(BO))
    change = step(request, reply(words="Trust me\u202e"), now=at(1))
    request = after(change)
    assert kinds(change) == ["question.answered"]
    assert "Trust me" not in str(note("answer:1", request, NOON))
    shown = card(request, at(1), "/")
    [line] = shown.questions
    assert line.answer is not None
    assert line.answer.text == "Trust me⟨U+202E⟩"
    assert [warning for warning in shown.warnings if "answer to question 1" in warning]
    assert line.answered_at == at(1)


@pytest.mark.parametrize(
    ("command", "now", "refusal"),
    [
        (ask(BO, "  "), NOON, ReasonMissing),
        (ask(BO, "x" * 2001), NOON, Malformed),
        (ask(BO, by=an_actor(AGENT, kind=ActorKind.AGENT)), NOON, NoReviewsByMachines),
        (ask(BO, by=an_actor(CY)), NOON, UnknownPerson),
        (ask(BO, roster=a_roster(people={CY})), NOON, UnknownPerson),
        (ask(BO), DEADLINE, TooLate),
        (reply(), NOON, Unknown),
        (look(STRANGER), NOON, NotAnApprover),
        (look(OWNER), NOON, OwnRequest),
        (look(BO, by=an_actor(AGENT, kind=ActorKind.AGENT)), NOON, NoReviewsByMachines),
        (look(BO), DEADLINE, TooLate),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_what_is_refused_at_once(command: Command, now: datetime, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        step(a_request(), command, now)


@pytest.mark.parametrize("words", ["x", "x" * 2000])
def test_the_shortest_and_the_longest_question(words: str) -> None:
    assert reviewed(a_request(), ask(BO, words)).questions[0].text == words


def test_the_same_question_again_is_one_and_twenty_are_enough() -> None:
    request = reviewed(a_request(), *(ask(BO, f"{number}?") for number in range(20)))
    with pytest.raises(AlreadyAsked):
        step(request, ask(BO, " 3? "), NOON)
    with pytest.raises(EnoughAsked):
        step(request, ask(CY, "3?"), NOON)
    assert reviewed(a_request(), ask(BO, "3?"), ask(CY, "3?")).questions[1].person == CY


def test_the_requesters_side_cannot_use_up_what_approvers_may_ask() -> None:
    request = reviewed(a_request(), *(ask(OWNER, f"{number}?") for number in range(5)))
    for person in (OWNER, ASKER):
        with pytest.raises(EnoughAsked):
            step(request, ask(person, "more?"), NOON)
    request = reviewed(request, *(ask(BO, f"{number}?") for number in range(15)))
    with pytest.raises(EnoughAsked):
        step(request, ask(CY), NOON)


@pytest.mark.parametrize("number", [-1, 0, 2])
def test_only_a_question_that_was_asked_is_answered_by_the_agent_itself_once(number: int) -> None:
    request = reviewed(a_request(), ask(BO))
    for command in (reply(number), reply(agent="other")):
        with pytest.raises(Unknown):
            step(request, command, NOON)
    with pytest.raises(AlreadyAnswered):
        step(reviewed(request, reply()), reply(words="Otherwise"), NOON)


@pytest.mark.parametrize("command", [ask(BO), reply(), look(BO)], ids=lambda value: type(value).__name__)
def test_nothing_is_said_once_it_is_decided(command: Command) -> None:
    request = reviewed(a_request(), ask(CY), cancel())
    with pytest.raises(AlreadyDecided):
        step(request, command, NOON)


# ── looks ────────────────────────────────────────────────────────────────────────────────────────


def test_a_look_is_named_on_the_card_until_it_ends_and_its_end_renews_the_card() -> None:
    request = reviewed(a_request(), look(BO))
    assert [(one.person, one.until_at) for one in card(request, NOON, "/").looking] == [("bo", at(5))]
    assert request.due_at == at(5)
    over = step(request, tick(), now=at(5))
    assert kinds(over) == ["request.looked=over"]
    assert sent(over) == {("show", "slack:#ops", "")}
    assert card(after(over), at(5), "/").looking == ()
    assert after(over).due_at == DEADLINE


def test_a_reminder_waits_until_the_look_ends_and_no_longer() -> None:
    request = reviewed(reminds(5), look(BO), at=at(3))
    assert request.due_at == at(8)
    change = step(request, tick(), now=at(8))
    assert kinds(change) == ["request.escalated"]
    assert ("note", "person:cy", "reminder") in sent(change)


def test_a_reminder_after_the_look_is_not_moved() -> None:
    request = reviewed(reminds(9), look(BO), at=at(3))
    assert next_due(request) == at(9)


@pytest.mark.parametrize(("add", "due"), [(6, 6), (8, 8), (20, 8)])
def test_nobody_is_added_later_for_it_and_the_reminder_comes_no_later_than_they(add: int, due: int) -> None:
    request = reviewed(reminds(5, add=add), look(BO), at=at(3))
    assert next_due(request) == at(due)


def test_adding_people_is_never_held() -> None:
    request = reviewed(reminds(add=5), look(BO), at=at(3))
    assert next_due(request) == at(5)
    change = step(request, tick(), now=at(5))
    assert ("show", "person:di", "") in sent(change)


def test_a_stage_is_late_however_many_look_at_it() -> None:
    request = reviewed(reminds(9, stage=replace(PAIR, within=4 * MINUTE)), look(BO), look(CY), at=at(3))
    assert next_due(request) == at(4)
    assert "request.escalated=stage-late" in kinds(step(request, tick(), now=at(4)))


def test_a_reminder_is_not_lost_to_a_look_that_outlasts_the_request() -> None:
    request = reviewed(reminds(27), look(BO), at=at(25) + INSTANT)
    assert next_due(request) == at(27)
    held = reviewed(reminds(27), look(BO), at=at(25) - INSTANT)
    assert next_due(held) == at(30) - INSTANT


def test_nobody_holds_for_ever_and_a_review_ends_the_hold() -> None:
    request = reviewed(reminds(5), look(BO), at=at(3))
    with pytest.raises(AlreadyLooking):
        step(request, look(BO), now=at(7))
    assert reviewed(request, approve(BO), at=at(4)).due_at == at(5)
    assert looking(reviewed(request, approve(BO), at=at(4)), at(4)) == ()
    with pytest.raises(AlreadyReviewed):
        step(reviewed(request, approve(BO), at=at(4)), look(BO), now=at(4))
    assert wake_at(reviewed(request, look(CY), at=at(7)), at(7)) == at(8)


def test_in_the_next_stage_one_may_look_again_and_the_old_look_holds_nothing() -> None:
    roster = a_roster({"dba": {BO, CY}, "leads": {CY, DI}})
    plan = a_plan(DBA, LEADS, escalations=(an_escalation(5, remind=("group:leads",)),))
    request = reviewed(a_request(plan=plan), look(CY, roster=roster), approve(BO, roster=roster), at=at(3))
    assert next_due(request) == at(5)
    assert next_due(reviewed(request, look(CY, roster=roster), at=at(4))) == at(9)


# ── reactions ────────────────────────────────────────────────────────────────────────────────────

TAKES = a_plan(reactions=True)


def react(person: str, verdict: Verdict = Verdict.APPROVE, alone: bool = True, **changes: Any) -> React:
    """An emoji on the card."""
    return React(a_verdict(person, verdict, **changes), alone)


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.DENY])
def test_where_the_policy_says_so_a_reaction_is_a_review_like_any(verdict: Verdict) -> None:
    request = a_request(plan=TAKES)
    change = step(request, react(BO, verdict), NOON)
    assert change == step(request, a_verdict(BO, verdict), NOON)


@pytest.mark.parametrize(
    ("plan", "command"),
    [
        (a_plan(), react(BO)),
        (replace(TAKES, reversibility=Reversibility.IRREVERSIBLE), react(BO)),
        (TAKES, react(BO, complete=False)),
        (TAKES, react(BO, Verdict.DENY, complete=False)),
        (TAKES, react(BO, alone=False)),
        (replace(TAKES, reason_rule=ReasonRule.REQUIRED), react(BO)),
        (replace(TAKES, reason_rule=ReasonRule.ON_DENY), react(BO, Verdict.DENY)),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_elsewhere_a_reaction_does_not_count_and_the_buttons_do(plan: Plan, command: React) -> None:
    with pytest.raises(NotByReaction):
        step(a_request(plan=plan), command, NOON)


@pytest.mark.parametrize(
    ("command", "now", "refusal"),
    [
        (react(OWNER), NOON, OwnRequest),
        (react(STRANGER), NOON, NotAnApprover),
        (react(BO, by=an_actor(AGENT, kind=ActorKind.AGENT)), NOON, NoReviewsByMachines),
        (react(BO), DEADLINE, TooLate),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_who_may_not_review_does_not_by_a_reaction(
    command: React, now: datetime, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        step(a_request(plan=TAKES), command, now)


# ── turns and outcomes ───────────────────────────────────────────────────────────────────────────


def told_to(change: Change, person: str) -> list[str | None]:
    """What a person reads in their direct messages."""
    mine = [s for s in change.sends if s.kind is OutboxKind.NOTE and s.address == f"person:{person}"]
    return [personal(send.event, after(change), change.entries[0].at) for send in mine]


def test_each_approver_of_a_later_stage_is_told_that_it_is_their_turn() -> None:
    change = step(a_request(DBA, LEADS), approve(BO), now=NOON)
    words = ["Your turn: Run a database migration (9f2a61c0) waits for you, 30 min left."]
    assert told_to(change, DI) == told_to(change, ED) == words
    assert told_to(change, CY) == []
    decided = reviewed(after(change), approve(DI))
    assert personal("turn:1", decided, NOON) is None


@pytest.mark.parametrize("show", [(), ("web",)])
def test_of_the_first_stage_they_are_told_where_no_channel_shows_it(show: tuple[str, ...]) -> None:
    plan = a_plan(show=tuple(Address(one, "inbox") for one in show))
    change = opened(a_request(plan=plan), a_roster(), an_actor(AGENT, kind=ActorKind.AGENT), NOON)
    assert told_to(change, BO) == [
        "Your turn: Run a database migration (9f2a61c0) waits for you, 30 min left."
    ]
    shown = opened(a_request(), a_roster(), an_actor(AGENT, kind=ActorKind.AGENT), NOON)
    assert told_to(shown, BO) == []


def test_who_has_no_account_on_any_chat_is_sent_no_line_about_their_turn() -> None:
    roster = replace(a_roster(), mute=frozenset({BO, DI}))
    agent = an_actor(AGENT, kind=ActorKind.AGENT)
    first = opened(a_request(plan=a_plan(show=())), roster, agent, NOON)
    assert (told_to(first, BO), len(told_to(first, CY))) == ([], 1)
    second = step(a_request(DBA, LEADS), approve(BO, roster=roster), now=NOON)
    assert (told_to(second, DI), len(told_to(second, ED))) == ([], 1)


def test_who_it_was_asked_for_and_the_owner_hear_the_outcome_once() -> None:
    change = step(a_request(), approve(BO), now=NOON)
    words = ["Run a database migration (9f2a61c0): Approved. The executor may run it once. bo approved."]
    assert told_to(change, "ana") == told_to(change, "olga") == words
    both = a_request()
    both = replace(both, owner=both.subject.on_behalf_of or both.owner)
    assert len(told_to(step(both, cancel(), now=NOON), "ana")) == 1
