"""What must hold of every bundle, tried on bundles nobody thought of."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import combinations

from hypothesis import assume, given, reject
from hypothesis import strategies as st

from bot.conditions import compile_condition
from bot.core.policy import (
    Bundle,
    PolicyBroken,
    barred,
    people_of,
    plan,
    read_bundle,
    satisfiable,
    static_members,
)
from bot.core.terms import AgentName, Effect, PersonName, Plan, ReasonRule, Stage, Subject
from tests.core.policy.policies import NOON, a_directory, an_agent, an_ask, committed

SEVERITY = [Effect.ALLOW, Effect.REQUIRE_APPROVAL, Effect.DENY]
# With who is behind them, but for bo, whom some rules keep out.
APPROVERS = {
    "group:dba": {"ana", "cy"},
    "group:leads": {"cy", "di"},
    "person:ana": {"ana"},
    "person:cy": {"cy"},
    "person:ed": {"ed"},
}
EVERYBODY = [PersonName(name) for name in ("ana", "bo", "cy", "di", "ed")]
OPEN = """\
defaults: {stages: [{name: fallback, approvers: [group:ops]}]}
actions:
  db.migrate:
    title: Migrate
    executor: db-runner
    params: {env: {type: enum, values: [dev, prod]}, rows: {type: int}, force: {type: bool, optional: true}}
groups: {dba: {members: [ana, bo, cy]}, leads: {members: [cy, di]}}
calendars: {freeze: {from: 2026-12-18T00:00Z, to: 2027-01-04T08:00Z}}
"""


@dataclass(frozen=True)
class Draft:
    """One rule as YAML, with what the laws need to know of it."""

    text: str
    effect: Effect

    def __str__(self) -> str:
        return self.text


matches = st.sampled_from(
    [
        "action: db.migrate",
        "action: '*'",
        "action: db.migrate, params.env: dev",
        "action: db.migrate, context.x: 1",
    ]
)
conditions = st.sampled_from(["", ", when: params.rows > 5", ", when: params.force", ", during: freeze"])
spans = st.sampled_from(["", "PT1M", "PT10M", "PT45M", "PT2H"])


@st.composite
def stages(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=2, unique=True))
    made = []
    for name in names:
        who = draw(st.lists(st.sampled_from(list(APPROVERS)), min_size=1, max_size=3, unique=True))
        able = len(set[str]().union(*(APPROVERS[one] for one in who)))
        within = draw(spans)
        made.append(
            f"{{name: {name}, approvers: [{', '.join(who)}], quorum: 1, deny: {draw(st.integers(1, able))}"
            + (f", within: {within}" if within else "")
            + "}"
        )
    return ", ".join(made)


@st.composite
def rules(draw: st.DrawFn, effects: tuple[Effect, ...] = tuple(Effect)) -> Draft:
    effect = draw(st.sampled_from(effects))
    text = f"match: {{{draw(matches)}}}{draw(conditions)}, effect: {effect}"
    if effect is Effect.REQUIRE_APPROVAL:
        for clock in ("approve_within", "execute_within", "report_within"):
            span = draw(spans)
            text += f", {clock}: {span}" if span else ""
        text += f", justification: {{reviewer: {draw(st.sampled_from(list(ReasonRule)))}}}"
        text += ", separation: [person:bo]" if draw(st.booleans()) else ""
        text += ", reveal_reviewers: true" if draw(st.booleans()) else ""
        text += ", reactions: true" if draw(st.booleans()) else ""
        text += ", escalate: [{after: PT1M, add: group:leads}]" if draw(st.booleans()) else ""
        text += f", stages: [{draw(stages())}]" if draw(st.booleans()) else ""
    if effect is Effect.ALLOW and draw(st.booleans()):
        text += ", limit: {max: 1, per: agent, window: PT1H}"
    return Draft(text, effect)


def named(drafts: list[Draft]) -> list[str]:
    """Give each rule its id, which stays with it however they are ordered."""
    return [f"  - {{id: r{index}, {draft}}}\n" for index, draft in enumerate(drafts)]


@lru_cache(maxsize=512)
def read(files: tuple[str, ...]) -> Bundle:
    texts = {f"{index}.yaml": f"rules:\n{text}" for index, text in enumerate(files) if text}
    try:
        return read_bundle({"base.yaml": OPEN, **texts}, compile_condition, a_directory())
    except PolicyBroken as broken:
        # Quorums nobody can meet are refused at load, which is a law of its own; anything else is a bug here.
        if not all(problem.message.startswith("Stage") for problem in broken.problems):
            raise
        reject()


def plan_of(*files: str, spent: bool = False, force: bool | None = None) -> Plan:
    bundle = read(files)
    ask = an_ask(rows=7) if force is None else an_ask(rows=7, force=force)
    used = {f"r{index}/agent:deployer": 1 for index in range(9)} if spent else {}
    return plan(bundle, a_directory(), an_agent(), ask, NOON, used, executes=False, commit=committed)


@lru_cache(maxsize=512)
def people(approvers: tuple[str, ...]) -> frozenset[PersonName]:
    groups = read(("",)).groups
    reached = [people_of(ref, lambda name: static_members(groups[name], a_directory())) for ref in approvers]
    return frozenset().union(*(group or frozenset() for group in reached))


def enough(found: Plan, who: tuple[PersonName, ...]) -> bool:
    """Whether these people's approvals would do: at least what the plan asks for."""
    if not found.stages:
        return False
    members = {ref: people((ref,)) & set(who) for stage in found.stages for ref in stage.approvers}
    kept_out = barred(found.separation, Subject(AgentName("deployer"), None), PersonName("ed"), None, {})
    return satisfiable(found.stages, members, kept_out) is None


@given(st.lists(rules(), max_size=5), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_rules_and_files_never_changes_the_outcome(
    drafts: list[Draft], dice: random.Random, spent: bool
) -> None:
    lines = named(drafts)
    shuffled = dice.sample(lines, len(lines))
    cut = dice.randint(0, len(lines))
    one = plan_of("".join(lines), spent=spent)
    two = plan_of("".join(shuffled[cut:]), "".join(shuffled[:cut]), spent=spent)
    assert one == two  # the bundle's digest included


def joining(plan: Plan, stage: Stage) -> set[tuple[timedelta, str]]:
    """Whom escalations add to a stage, and when."""
    opening = [one for one in plan.escalations if one.stages is None or stage.name in one.stages]
    return {(one.after, reference) for one in opening for reference in one.add}


@given(st.lists(rules(), max_size=4), rules((Effect.DENY, Effect.REQUIRE_APPROVAL)), st.booleans())
def test_a_further_deny_or_require_never_makes_the_effect_laxer(
    drafts: list[Draft], further: Draft, spent: bool
) -> None:
    before = plan_of("".join(named(drafts)), spent=spent)
    after = plan_of("".join(named([*drafts, further])), spent=spent)
    assert SEVERITY.index(after.effect) >= SEVERITY.index(before.effect)


# A deny leaves nothing to compare, so there is none; of the rest, an allow counts where its limit is spent.
demanding = rules((Effect.REQUIRE_APPROVAL, Effect.REQUIRE_APPROVAL, Effect.ALLOW))


@given(st.lists(demanding, min_size=1, max_size=4), rules((Effect.REQUIRE_APPROVAL,)), st.booleans())
def test_a_further_require_never_makes_any_demand_laxer(
    drafts: list[Draft], further: Draft, spent: bool
) -> None:
    before = plan_of("".join(named(drafts)), spent=spent)
    # Where no rule spoke the defaults did, and now a rule does. Assumed, not returned from: each of the
    # hundred examples compares something.
    assume(before.effect is Effect.REQUIRE_APPROVAL and before.rules)
    after = plan_of("".join(named([*drafts, further])), spent=spent)
    for clock in ("approve_within", "execute_within", "report_within"):
        assert getattr(after, clock) <= getattr(before, clock)
    assert set(after.separation) >= set(before.separation)
    assert {(one.after, one.remind, one.add) for one in after.escalations} >= {
        (one.after, one.remind, one.add) for one in before.escalations
    }
    assert list(ReasonRule).index(after.reason_rule) >= list(ReasonRule).index(before.reason_rule)
    assert not (after.reveal_reviewers and not before.reveal_reviewers)
    assert not (after.reactions and not before.reactions)
    for size in range(len(EVERYBODY) + 1):
        for who in combinations(EVERYBODY, size):
            assert not enough(after, who) or enough(before, who)


@given(st.lists(demanding, min_size=1, max_size=4), rules((Effect.REQUIRE_APPROVAL,)))
def test_a_further_require_never_makes_a_stage_laxer(drafts: list[Draft], further: Draft) -> None:
    before = plan_of("".join(named(drafts)))
    assume(before.effect is Effect.REQUIRE_APPROVAL and before.rules)
    after = plan_of("".join(named([*drafts, further])))
    later = {stage.name: stage for stage in after.stages}
    for stage in before.stages:
        same = later[stage.name]
        assert same.quorum >= stage.quorum
        assert same.deny <= stage.deny
        assert people(same.approvers) <= people(stage.approvers)
        assert stage.within is None or (same.within or timedelta.max) <= stage.within
        assert joining(after, stage) <= joining(before, stage)


@given(st.lists(rules(), max_size=5))
def test_one_matching_deny_is_enough(drafts: list[Draft]) -> None:
    deny = Draft("match: {action: db.migrate}, effect: deny", Effect.DENY)
    assert plan_of("".join(named([*drafts, deny]))).effect is Effect.DENY


@given(st.lists(rules((Effect.ALLOW,)), max_size=4), rules((Effect.REQUIRE_APPROVAL,)))
def test_no_allow_outweighs_a_require(drafts: list[Draft], require: Draft) -> None:
    alone = plan_of("".join(named([require])))
    if alone.rules:
        after = plan_of("".join(named([require, *drafts])))
        assert (after.effect, after.stages) == (Effect.REQUIRE_APPROVAL, alone.stages)


@given(st.lists(rules(), max_size=4), st.booleans())
def test_the_three_separations_are_in_every_plan(drafts: list[Draft], spent: bool) -> None:
    found = plan_of("".join(named(drafts)), spent=spent)
    assert {"requester", "on_behalf_of", "agent_owner"} <= set(found.separation)


@given(st.lists(rules(), max_size=4), st.booleans())
def test_planning_again_gives_the_same(drafts: list[Draft], spent: bool) -> None:
    text = "".join(named(drafts))
    before = plan_of(text, spent=spent)
    read.cache_clear()
    assert plan_of(text, spent=spent) == before


@given(st.lists(rules(), max_size=4), st.booleans())
def test_comments_and_layout_do_not_move_the_digest(drafts: list[Draft], above: bool) -> None:
    lines = named(drafts)
    plain = "".join(lines)
    noisy = "".join(f"  # a comment\n{line}" if above else f"{line}\n\n" for line in lines)
    assert plan_of(plain) == plan_of(noisy)
