"""What Hypothesis draws histories from: plans, rosters that change, commands by anybody; and what must hold.

The judgement here is written anew, from the documents, and shares no code with the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from bot.core.machine import Command, Decide, Inquire, Looking, React, Redeem, Reply, Report, Tick, opened
from bot.core.terms import (
    ActorKind,
    Change,
    Effect,
    EntryKind,
    Escalation,
    ExecutorName,
    PersonName,
    ReasonRule,
    Request,
    Reversibility,
    Review,
    Roster,
    RuleId,
    Stage,
    State,
    Verdict,
)
from tests.core.builders import (
    AGENT,
    BUNDLE,
    EVERYBODY,
    NOON,
    OTHER_DIGEST,
    RUNNER,
    a_plan,
    a_request,
    a_roster,
    a_verdict,
    after,
    an_actor,
    ask,
    cancel,
    look,
    redeem,
    reply,
    report,
    revoke,
    tick,
)

PEOPLE = sorted(EVERYBODY)
GROUPS = ("dba", "leads", "nobody", "dba&leads")
REFERENCES = ("group:dba", "group:leads", "group:nobody", "group:dba&leads", "person:bo", "person:deployer")
DECISIONS = {State.APPROVED, State.DENIED, State.EXPIRED, State.CANCELLED}
AFTERLIFE = {  # what may follow a decision
    State.APPROVED: {State.RELEASED, State.LAPSED, State.REVOKED},
    State.RELEASED: {State.SUCCEEDED, State.FAILED, State.UNREPORTED},
    State.UNREPORTED: {State.SUCCEEDED, State.FAILED},
}
DECIDING = {EntryKind.APPROVED, EntryKind.DENIED, EntryKind.EXPIRED, EntryKind.CANCELLED}

references = st.lists(st.sampled_from(REFERENCES), max_size=3, unique=True).map(tuple)
approvers = st.sampled_from((("group:dba",), ("group:leads", "person:bo"))) | references
withins = st.none() | st.integers(1, 40).map(lambda number: timedelta(minutes=number))
minutes = st.integers(0, 40).map(lambda number: timedelta(minutes=number))
scopes = st.none() | st.sampled_from(((), ("stage-0",), ("stage-1",), ("stage-0", "stage-1", "stage-2")))
escalations = st.builds(Escalation, minutes, references, references, scopes)


# Strategies are made once, up here: one that is made at each draw is validated at each draw.
quorums = st.sampled_from((*[1, 2] * 6, 3, 3, 0, -1))
parts_of_stages = st.tuples(approvers, quorums, st.integers(0, 3), withins)
# Drawn by number: a set that is drawn member by member takes ten draws.
some = st.integers(0, 2 ** len(PEOPLE) - 1).map(
    lambda number: frozenset(name for place, name in enumerate(PEOPLE) if number >> place & 1)
)
most = some.map(lambda gone: EVERYBODY - gone) | st.just(EVERYBODY)


def a_stage(
    number: int, approvers: tuple[str, ...], quorum: int, deny: int, within: timedelta | None
) -> Stage:
    """Return a stage; now and then it is one that the policy's loader would never let through."""
    return Stage(f"stage-{number}", approvers, quorum, deny, within)


stages = st.one_of(*(st.tuples(*[parts_of_stages] * count) for count in (0, 1, 1, 2, 2, 2, 3, 3))).map(
    lambda parts: tuple(a_stage(number, *part) for number, part in enumerate(parts))
)


def an_odd_roster(
    groups: dict[str, frozenset[PersonName] | None],
    people: frozenset[PersonName],
    barred: frozenset[PersonName],
    away: dict[PersonName, PersonName | None],
    deputies: dict[PersonName, frozenset[PersonName]],
) -> Roster:
    """Whoever is there, in any groups; sources may be silent, people gone or barred."""
    return replace(a_roster(groups, people, barred), away=away, deputies=deputies)


odd_rosters = st.builds(
    an_odd_roster,
    st.dictionaries(st.sampled_from(GROUPS), st.none() | most | some, min_size=1),
    most,
    st.just(frozenset()) | some,
    st.dictionaries(st.sampled_from(PEOPLE), st.none() | st.sampled_from(PEOPLE), max_size=4),
    st.dictionaries(st.sampled_from(PEOPLE), some, max_size=4),
)
usual_roster = a_roster({"dba": EVERYBODY, "leads": EVERYBODY - {PEOPLE[1]}})
gone_home = replace(usual_roster, people=usual_roster.people - {PEOPLE[1]})
rosters = st.sampled_from((usual_roster, usual_roster, usual_roster, gone_home)) | odd_rosters


def a_new_request(
    levels: list[Escalation],
    stages: tuple[Stage, ...],
    executor: ExecutorName | None,
    effect: Effect,
    reactions: bool,
    reversibility: Reversibility,
    reason_rule: ReasonRule,
    roster: Roster,
) -> Change:
    """Open a request under a plan of any kind."""
    plan = replace(
        a_plan(escalations=tuple(sorted(levels, key=lambda level: level.after))),
        stages=stages,
        executor=executor,
        effect=effect,
        reactions=reactions,
        reversibility=reversibility,
        reason_rule=reason_rule,
    )
    return opened(a_request(plan=plan, due_at=None), roster, an_actor(AGENT, kind=ActorKind.AGENT), NOON)


new_requests = st.builds(
    a_new_request,
    st.lists(escalations, max_size=3),
    stages,
    st.sampled_from((RUNNER, RUNNER, RUNNER, None)),
    st.sampled_from((*[Effect.REQUIRE_APPROVAL] * 6, Effect.ALLOW, Effect.ALLOW, Effect.DENY)),
    st.booleans(),
    st.sampled_from(Reversibility),
    st.sampled_from((ReasonRule.OPTIONAL, *ReasonRule)),
    rosters,
)


RUNS = (
    redeem(),
    redeem(key="k"),
    redeem("other"),
    redeem(digest=OTHER_DIGEST),
    redeem(frozen=True),
    redeem(denied_by=(RuleId("freeze"),)),
    revoke(),
    report(),
)
REPORTS = (
    report(),
    report(status=State.FAILED),
    report("other"),
    report(status=State.APPROVED),
    redeem(),
    redeem(key="k"),
    revoke(),
)
AFTERWARDS: dict[State, tuple[Command, ...]] = {
    State.APPROVED: RUNS,
    State.LAPSED: RUNS,
    State.REVOKED: RUNS,
    State.RELEASED: REPORTS,
    State.UNREPORTED: REPORTS,
    State.SUCCEEDED: REPORTS,
    State.FAILED: REPORTS,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants to review; an apt wish is given to somebody who may, if there is anybody."""

    verdict: Verdict
    person: int
    roster: Roster
    changes: Mapping[str, Any]
    apt: bool
    reacts: bool = False
    alone: bool = True

    def of(self, request: Request) -> Command:
        """Return the command that this wish comes to; once it is decided, something an executor might do."""
        if (later := AFTERWARDS.get(request.state)) and self.apt:
            return later[self.person % len(later)]
        able = sorted(invited(request, self.roster) - kept_out(request, self.roster)) if self.apt else PEOPLE
        person = (able or PEOPLE)[self.person % len(able or PEOPLE)]
        command = a_verdict(person, self.verdict, roster=self.roster, reason="because")
        decide = replace(command, **self.changes)
        return React(decide, self.alone) if self.reacts else decide


@dataclass(frozen=True, slots=True)
class Aside:
    """Somebody wants to ask, to answer, or to say that they look."""

    kind: str
    number: int
    roster: Roster
    apt: bool

    def of(self, request: Request) -> Command:
        """Return the command that this comes to; an apt one is given to somebody who may."""
        match self.kind:
            case "ask":
                return ask(PEOPLE[self.number % len(PEOPLE)], f"Why, {self.number}?", roster=self.roster)
            case "reply":
                agent = AGENT if self.apt else "other"
                return reply(1 + self.number % 3, f"Because, {self.number}", agent)
            case _:
                able = invited(request, self.roster) - kept_out(request, self.roster)
                people = (sorted(able) if self.apt else PEOPLE) or PEOPLE
                return look(people[self.number % len(people)], roster=self.roster)


def a_usual_request(parts: list[tuple[Any, ...]], first_level: int, reactions: bool) -> Change:
    """Open a request such as a real policy makes, to people who are there."""
    named = [a_stage(number, *part) for number, part in enumerate(parts)]
    levels = (
        Escalation(timedelta(minutes=5), remind=("group:dba",)),
        Escalation(timedelta(minutes=10), add=("group:leads",)),
    )
    plan = a_plan(*named, escalations=levels[first_level:], reactions=reactions)
    return opened(a_request(plan=plan), usual_roster, an_actor(AGENT, kind=ActorKind.AGENT), NOON)


usual_groups = st.sampled_from((("group:dba",), ("group:leads",), ("group:dba", "group:leads")))
usual_stages = st.tuples(usual_groups, st.integers(1, 2), st.integers(1, 2), withins)
usual_requests = st.builds(
    a_usual_request, st.lists(usual_stages, min_size=1, max_size=2), st.integers(0, 1), st.booleans()
)
flaws = st.sampled_from(
    (
        {"digest": OTHER_DIGEST},
        {"complete": False},
        {"by": an_actor(AGENT, kind=ActorKind.AGENT)},
        {"reason": None},
        {"by": an_actor("bo")},
    )
)
verdicts = st.sampled_from((*[Verdict.APPROVE] * 7, Verdict.DENY, Verdict.DENY, Verdict.COMMENT))
apt = st.builds(Wish, verdicts, st.integers(0, 7), rosters, st.just({}), st.just(value=True))
inept = st.builds(Wish, verdicts, st.integers(0, 7), rosters, flaws, st.booleans())
doubtful = st.builds(Wish, verdicts, st.integers(0, 7), rosters, st.just({}), st.just(value=False))
plain = st.sampled_from(
    (
        cancel(),
        redeem(),
        redeem(),
        redeem("other"),
        redeem(digest=OTHER_DIGEST),
        redeem(frozen=True),
        revoke(),
        report(),
        report(),
        report(status=State.FAILED),
        report("other"),
    )
)
ticks = st.builds(tick, rosters)
asides = st.builds(
    Aside, st.sampled_from(("ask", "reply", "look", "look")), st.integers(0, 7), rosters, st.booleans()
)
Meant = Wish | Aside | Command
reactions = st.builds(
    Wish,
    verdicts,
    st.integers(0, 7),
    rosters,
    st.just({}) | flaws,
    st.just(value=True),
    st.just(value=True),
    st.booleans(),
)
wishes: st.SearchStrategy[Meant] = st.one_of(apt, apt, apt, inept, doubtful, reactions, asides, plain, ticks)


def meant(wish: Meant, request: Request) -> Command:
    """Return the command that a wish comes to for a request as it stands."""
    return wish.of(request) if isinstance(wish, Wish | Aside) else wish


# ── the judge ────────────────────────────────────────────────────────────────────────────────────


def members(reference: str, roster: Roster) -> frozenset[PersonName]:
    """Who a reference means, by the words of docs/policy.md."""
    groups: Mapping[str, frozenset[PersonName] | None] = {str(k): v for k, v in roster.groups.items()}
    if reference.startswith("person:"):
        return frozenset({PersonName(reference.removeprefix("person:"))}) & roster.people
    return (groups.get(reference.removeprefix("group:")) or frozenset()) & roster.people


def invited(request: Request, roster: Roster) -> frozenset[PersonName]:
    """Who may review the open stage: those it names, and those whom escalations have added."""
    open_now = request.plan.stages[request.stage_index : request.stage_index + 1]
    named = [one for stage in open_now for one in stage.approvers]
    fired = request.plan.escalations[: request.escalated]
    opening = [one for one in fired if one.stages is None or {s.name for s in open_now} & set(one.stages)]
    added = [one for level in opening for one in level.add]
    return frozenset().union(*(members(one, roster) for one in (*named, *added))) if open_now else frozenset()


def kept_out(request: Request, roster: Roster) -> frozenset[PersonName]:
    """Whom separation bars: the agent by name, its owner, whom it acts for, and whom the roster bars."""
    side = (request.subject.agent, request.owner, request.subject.on_behalf_of)
    return roster.barred | {PersonName(name) for name in side if name}


def was_eligible(review: Review, before: Request, command: Decide, now: datetime) -> bool:
    """Whether this person could review this request when they did, in their own place or another's."""
    return (
        (review.giver or review.person) in invited(before, command.roster) - kept_out(before, command.roster)
        and review.person in command.roster.people - kept_out(before, command.roster)
        and review.stage == before.plan.stages[before.stage_index].name
        and command.by.kind is ActorKind.PERSON
        and command.by.name == review.person
        and command.digest == before.digest == review.digest
        and (command.complete or review.verdict is not Verdict.APPROVE)
        and before.state is State.PENDING
        and now < before.expires_at
    )


class Judge:
    """Watches one request from its first change to its last."""

    def __init__(self, first: Change) -> None:
        self.request = after(first)
        self.reviews: list[Review] = []
        self.decisions = len(DECIDING & {entry.kind for entry in first.entries})
        self.redemptions = 0
        assert first.expected is None
        assert self.request.version == 1
        self._hold_always(first)
        if self.request.plan.effect is Effect.REQUIRE_APPROVAL:
            assert self.request.state is State.PENDING

    def see(self, change: Change, command: Command, now: datetime) -> None:
        """Hold one change against everything that must hold."""
        before, now_is = self.request, after(change)
        assert (change.expected, now_is.version) == (before.version, before.version + 1)
        if isinstance(command, React):
            _hold_reaction(before, command)
            command = command.decide
        if isinstance(command, Decide):
            self._see_review(before, now_is, command, now)
        else:
            assert now_is.reviews == before.reviews
            _hold_executor(before, now_is, command)
        _hold_asides(before, now_is, command, now)
        self.request = now_is
        self.decisions += len([entry for entry in change.entries if entry.kind in DECIDING])
        self.redemptions += len([entry for entry in change.entries if entry.kind is EntryKind.REDEEMED])
        self._hold_always(change)
        self._hold_between(before, now_is, now)
        if isinstance(command, Tick):
            assert now_is.due_at is None or now_is.due_at > now

    def _see_review(self, before: Request, now_is: Request, command: Decide, now: datetime) -> None:
        assert now_is.reviews[:-1] == before.reviews
        review = now_is.reviews[-1]
        if review.verdict is Verdict.COMMENT:
            assert replace(now_is, reviews=(), version=0) == replace(before, reviews=(), version=0)
            return
        assert was_eligible(review, before, command, now)
        earlier = [one for one in self.reviews if one.person == review.person]
        for one in earlier:  # only ever from an approval of this very stage to a denial
            assert (one.stage, one.verdict, review.verdict) == (review.stage, Verdict.APPROVE, Verdict.DENY)
        assert len(earlier) < 2
        others = [one for one in self.reviews if one.person != review.person]
        voices = {name for one in others for name in (one.person, one.giver)}
        assert not voices & {review.person, review.giver or review.person}
        self.reviews.append(review)

    def _hold_always(self, change: Change) -> None:
        request = self.request
        assert change.entries
        assert {entry.policy_digest for entry in change.entries} == {BUNDLE}
        assert self.decisions == (request.state is not State.PENDING)
        assert self.redemptions <= 1
        waits = request.state in {State.PENDING, State.RELEASED}
        waits |= request.state is State.APPROVED and request.plan.executor is not None
        assert (request.due_at is not None) == waits
        assert change.callback is None or request.plan.executor is not None
        if request.state is State.APPROVED and request.plan.effect is not Effect.ALLOW:
            self._hold_quorums()
        if request.state is State.DENIED and request.plan.effect is not Effect.DENY:
            assert Verdict.DENY in {review.verdict for review in self.reviews}
        if request.state is State.PENDING:
            assert request.due_at is not None
            assert request.due_at <= latest_due(request)
            self._hold_open_stage()

    def _hold_quorums(self) -> None:
        assert self.request.plan.stages
        spent: set[PersonName] = set()
        denied = {review.person for review in self.reviews if review.verdict is Verdict.DENY}
        order = [review.stage for review in self.reviews]
        assert order == sorted(order, key=lambda name: str(name))
        for stage in self.request.plan.stages:
            people = {
                review.person
                for review in self.reviews
                if review.stage == stage.name and review.verdict is Verdict.APPROVE
            }
            assert not people & spent
            assert len(people - denied) >= stage.quorum >= 1
            spent |= people

    def _hold_open_stage(self) -> None:
        """Nothing waits for reviews that it has."""
        for stage in self.request.plan.stages[self.request.stage_index :][:1]:
            said = {review.person: review.verdict for review in self.reviews if review.stage == stage.name}
            assert list(said.values()).count(Verdict.APPROVE) < max(stage.quorum, 1) or stage.quorum < 1
            assert list(said.values()).count(Verdict.DENY) < max(stage.deny, 1)

    def _hold_between(self, before: Request, now_is: Request, now: datetime) -> None:
        if before.state is State.PENDING:
            assert now_is.state in DECISIONS | {State.PENDING}
            assert now < before.expires_at or now_is.state is State.EXPIRED
            assert now >= before.expires_at or now_is.state is not State.EXPIRED
            assert now_is.stage_index - before.stage_index in (0, 1)
        else:
            assert now_is.state in AFTERLIFE.get(before.state, set())
            assert now_is.decided_at == before.decided_at
        if now_is.state is State.RELEASED:
            assert before.grant is not None
            assert now < before.grant.expires_at
        if now_is.state is State.LAPSED:
            assert before.grant is not None
            assert now >= before.grant.expires_at
        assert now_is.plan == before.plan
        assert (now_is.expires_at, now_is.created_at) == (before.expires_at, before.created_at)
        assert now_is.escalated >= before.escalated


def latest_due(request: Request) -> datetime:
    """Return until when the clock must have looked: looks hold reminders alone, and never for long."""
    instants = [request.expires_at]
    if request.plan.stages and not request.stage_escalated:
        within = request.plan.stages[request.stage_index].within
        instants += [request.stage_opened_at + within] if within else []
    left = request.plan.escalations[request.escalated :]
    instants += [request.created_at + level.after for level in left if level.add]
    if left:
        held = max((look.until_at for look in request.looks), default=request.created_at)
        instants.append(max(request.created_at + left[0].after, held))
    return min(instants)


def _hold_asides(before: Request, now_is: Request, command: Command, now: datetime) -> None:
    """Questions, answers and looks decide nothing, touch nothing else, and are each had once."""
    if isinstance(command, Inquire):
        [*earlier, new] = now_is.questions
        assert tuple(earlier) == before.questions
        assert (new.number, new.person, new.answer) == (len(now_is.questions), command.by.name, None)
        assert len(now_is.questions) <= 20
    elif isinstance(command, Reply):
        assert command.by.name == before.subject.agent
        for was, is_now in zip(before.questions, now_is.questions, strict=True):
            assert is_now == was or (was.answer is None and is_now.answer == command.text)
            assert replace(is_now, answer=None, answered_at=None) == replace(
                was, answer=None, answered_at=None
            )
        changed = [n for n, one in enumerate(now_is.questions, 1) if one != before.questions[n - 1]]
        assert changed == [command.number]
    elif isinstance(command, Looking):
        [*earlier_looks, look_now] = now_is.looks
        assert tuple(earlier_looks) == before.looks
        assert look_now.person in invited(before, command.roster) - kept_out(before, command.roster)
        assert look_now.stage == before.plan.stages[before.stage_index].name
        assert (look_now.stage, look_now.person) not in {(one.stage, one.person) for one in before.looks}
        assert look_now.until_at - now == timedelta(minutes=5)
        assert look_now.person not in {r.person for r in before.reviews if r.verdict is not Verdict.COMMENT}
    else:
        assert (now_is.questions, now_is.looks) == (before.questions, before.looks)
        return
    assert before.state is now_is.state is State.PENDING
    blank: dict[str, Any] = {"questions": (), "looks": (), "version": 0, "due_at": None}
    assert replace(now_is, **blank) == replace(before, **blank)


def _hold_reaction(before: Request, command: React) -> None:
    """An emoji counts only where the policy takes it, and where yes or no is all there is to say."""
    plan, decide = before.plan, command.decide
    assert plan.reactions
    assert plan.reversibility is not Reversibility.IRREVERSIBLE
    assert command.alone
    assert decide.complete
    assert plan.reason_rule is ReasonRule.OPTIONAL or (
        plan.reason_rule is ReasonRule.ON_DENY and decide.verdict is not Verdict.DENY
    )


def _hold_executor(before: Request, now_is: Request, command: Command) -> None:
    """Only the grant's executor runs the approved action, once, and says what became of it."""
    if isinstance(command, Redeem):
        assert before.grant is not None
        assert (before.state, before.grant.redeemed_at) == (State.APPROVED, None)
        assert (command.executor, command.digest) == (before.grant.executor, before.digest)
        assert not command.frozen
        assert not command.denied_by
        assert now_is.state is State.RELEASED
    if isinstance(command, Report):
        assert before.grant is not None
        assert before.grant.redeemed_at is not None
        assert before.outcome is None
        assert command.executor == before.grant.executor
        assert now_is.state is command.status in {State.SUCCEEDED, State.FAILED}
