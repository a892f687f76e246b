"""What a bundle demands of an ask, example by example; the laws of it stand in test_laws.py."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.core.errors import ActsForNobody, Malformed
from bot.core.policy import Bundle, candidates, denies, explain, frozen_by
from bot.core.terms import (
    AgentName,
    Ask,
    Digest,
    Display,
    Effect,
    Freeze,
    GrantId,
    PersonName,
    ReasonRule,
    Request,
    RequestId,
    RuleId,
    State,
    Subject,
)
from tests.core.policy.policies import (
    CATALOG,
    NOON,
    REQUIRE,
    a_bundle,
    a_directory,
    an_agent,
    an_ask,
    committed,
    planned,
)

ALLOW = "id: dev, match: {action: db.migrate, params.env: dev}, effect: allow"
SPACED: dict[str, Any] = {"a b": ""}
MIMIC: dict[str, Any] = {"p\u0430ram": 1}  # a Cyrillic a
PARIS_MIDNIGHT = datetime(2026, 12, 17, 23, tzinfo=UTC)  # 00:00 in Paris


def test_an_action_the_catalog_does_not_know_is_denied() -> None:
    plan = planned(a_bundle("id: all, match: {action: '*'}, effect: allow"), an_ask("db.drop"))
    assert (plan.effect, plan.rules) == (Effect.DENY, ())


def test_an_unknown_action_may_wait_for_people_but_no_rule_allows_it() -> None:
    catalog = CATALOG.replace("defaults:", "defaults:\n  unknown_action: require_approval")
    plan = planned(
        a_bundle("id: all, match: {action: '*'}, effect: allow", catalog=catalog), an_ask("x", a=1)
    )
    assert plan.effect is Effect.REQUIRE_APPROVAL
    assert [stage.name for stage in plan.stages] == ["fallback"]
    assert plan.parameters[0].display is Display.UNINSPECTABLE


def test_where_no_rule_speaks_the_default_stages_do() -> None:
    plan = planned(a_bundle(ALLOW), an_ask(env="prod"))
    assert (plan.effect, plan.rules) == (Effect.REQUIRE_APPROVAL, ())
    assert plan.stages[0].approvers == ("group:ops",)


def test_where_no_rule_speaks_a_bundle_may_deny() -> None:
    catalog = CATALOG.replace("defaults:", "defaults:\n  no_match: deny")
    assert planned(a_bundle(ALLOW, catalog=catalog), an_ask(env="prod")).effect is Effect.DENY


def test_without_default_stages_the_plan_has_none_and_nobody_can_approve_it() -> None:
    bare = CATALOG.replace(
        "  stages:\n    - {name: fallback, approvers: [group:ops]}\n", "  no_match: require_approval\n"
    )
    bundle = a_bundle(ALLOW, catalog=bare)
    assert "defaults has no stages: nobody can approve what no rule speaks of" in bundle.warnings
    plan = planned(bundle, an_ask(env="prod"))
    assert (plan.effect, plan.stages) == (Effect.REQUIRE_APPROVAL, ())


@pytest.mark.parametrize(
    ("used", "effect"), [(1, Effect.ALLOW), (2, Effect.REQUIRE_APPROVAL), (3, Effect.REQUIRE_APPROVAL)]
)
def test_past_its_limit_an_allow_asks_people(used: int, effect: Effect) -> None:
    bundle = a_bundle(f"{ALLOW}, limit: {{max: 2, per: agent, window: PT1H}}")
    (bucket,) = candidates(bundle, an_agent(), an_ask(), NOON)
    plan = planned(bundle, used={bucket.bucket: used})
    assert plan.effect is effect
    assert plan.uses == ((bucket,) if effect is Effect.ALLOW else ())
    assert [stage.name for stage in plan.stages] == ([] if effect is Effect.ALLOW else ["fallback"])


@pytest.mark.parametrize("per", ["agent", "on_behalf_of", "resource", "action", "all"])
def test_a_limit_counts_apart_what_it_says(per: str) -> None:
    bundle = a_bundle(
        f"id: a, match: {{action: 'db.*'}}, effect: allow, limit: {{max: 2, per: {per}, window: PT1H}}"
    )
    asks = {
        "agent": (an_ask(), replace(an_agent(), name=AgentName("other"))),
        "on_behalf_of": (an_ask(on_behalf_of="ed"), an_agent()),
        "resource": (an_ask(resource=("db", "orders")), an_agent()),
        "action": (an_ask("db.query"), an_agent()),
        "all": (an_ask(), an_agent()),
    }
    (first,) = candidates(bundle, an_agent(), an_ask(), NOON)
    ask, agent = asks[per]
    (second,) = candidates(bundle, agent, ask, NOON)
    assert (first.bucket == second.bucket) is (per == "all")


def test_a_limit_that_cannot_matter_is_not_looked_up() -> None:
    bundle = a_bundle(f"{ALLOW}, limit: {{max: 2, per: agent, window: PT1H}}")
    assert candidates(bundle, an_agent(), an_ask(env="prod"), NOON) == ()


@pytest.mark.parametrize(
    ("now", "effect"),
    [
        (PARIS_MIDNIGHT - timedelta(seconds=1), Effect.REQUIRE_APPROVAL),
        (PARIS_MIDNIGHT, Effect.DENY),
        (datetime(2027, 1, 4, 6, 59, 59, tzinfo=UTC), Effect.DENY),
        (datetime(2027, 1, 4, 7, tzinfo=UTC), Effect.REQUIRE_APPROVAL),
    ],
)
def test_a_calendar_holds_from_its_first_instant_until_just_before_its_end(
    now: datetime, effect: Effect
) -> None:
    bundle = a_bundle("id: f, match: {action: db.migrate}, during: freeze, effect: deny")
    assert planned(bundle, now=now).effect is effect


@pytest.mark.parametrize(
    "match",
    ["params.force: true", "context.ticket: OPS", "resource.id: orders", "resource.type: database"],
)
def test_a_missing_key_matches_deny_and_require_but_no_allow(match: str) -> None:
    deny = a_bundle(f"id: r, match: {{action: db.migrate, {match}}}, effect: deny")
    require = a_bundle(f"id: r, match: {{action: db.migrate, {match}}}, {REQUIRE}")
    allow = a_bundle(f"id: r, match: {{action: db.migrate, {match}}}, effect: allow")
    assert planned(deny).effect is Effect.DENY
    assert planned(require).rules == ("r",)
    assert planned(allow).rules == ()


@pytest.mark.parametrize(
    "when",
    [
        "params.force",
        "context.n == 1",
        "resource.id == 'orders'",
        "params.rows / 0 == 1",
        "dyn(params.env) && true",
    ],
)
def test_a_condition_without_a_boolean_matches_deny_and_require_but_no_allow(when: str) -> None:
    rule = f'id: r, match: {{action: db.migrate}}, when: "{when}"'
    assert planned(a_bundle(f"{rule}, effect: deny")).effect is Effect.DENY
    assert planned(a_bundle(f"{rule}, {REQUIRE}")).rules == ("r",)
    assert planned(a_bundle(f"{rule}, effect: allow")).rules == ()


def test_a_parameter_the_catalog_never_gives_an_action_is_not_missing() -> None:
    bundle = a_bundle("id: r, match: {action: 'db.*', params.env: prod}, effect: deny")
    assert planned(bundle, an_ask("db.query")).effect is Effect.REQUIRE_APPROVAL
    assert "rule r never matches db.query, which has no parameter env" in bundle.warnings


def test_true_is_not_one() -> None:
    bundle = a_bundle("id: r, match: {action: tool.any, params.x: 1}, effect: deny")
    assert planned(bundle, an_ask("tool.any", x=True)).effect is not Effect.DENY
    assert planned(bundle, an_ask("tool.any", x=1)).effect is Effect.DENY


def test_a_stage_whose_condition_has_no_answer_is_needed() -> None:
    stage = '{name: second, approvers: [group:leads], when: "params.force"}'
    bundle = a_bundle(
        f"id: r, match: {{action: db.migrate}}, effect: require_approval, "
        f"stages: [{{name: first, approvers: [group:dba]}}, {stage}]"
    )
    assert [s.name for s in planned(bundle).stages] == ["first", "second"]
    assert [s.name for s in planned(bundle, an_ask(force=False)).stages] == ["first"]


def test_where_no_conditional_stage_is_needed_the_default_stages_are() -> None:
    bundle = a_bundle(
        "id: r, match: {action: db.migrate}, effect: require_approval, "
        'stages: [{name: big, approvers: [group:dba], when: "params.rows > 9"}]'
    )
    assert [s.name for s in planned(bundle, an_ask(rows=9)).stages] == ["fallback"]
    assert [s.name for s in planned(bundle, an_ask(rows=10)).stages] == ["big"]


def test_rules_that_share_a_stage_take_the_stricter_of_everything() -> None:
    bundle = a_bundle(
        "id: a, match: {action: db.migrate}, effect: require_approval, approve_within: PT1H, "
        "justification: {reviewer: on_deny}, show: [{slack: '#a'}], "
        "stages: [{name: s, approvers: [group:dba], quorum: 1, deny: 2, within: PT10M}]",
        "id: b, match: {action: db.migrate}, effect: require_approval, approve_within: PT2H, "
        "justification: {requester: required, reviewer: required}, show: [{slack: '#b'}], "
        "stages: [{name: s, approvers: [group:leads, person:ana], quorum: 2, within: PT5M}, "
        "{name: z, approvers: [person:di]}]",
    )
    plan = planned(bundle, an_ask(justification="because"))
    assert plan.rules == ("a", "b")
    first, last = plan.stages
    assert (first.approvers, first.quorum, first.deny) == (("group:dba&leads", "group:dba&person:ana"), 2, 1)
    assert (first.within, last.name) == (timedelta(minutes=5), "z")
    assert (plan.approve_within, plan.reason_rule) == (timedelta(hours=1), ReasonRule.REQUIRED)
    assert [address.target for address in plan.show] == ["#a", "#b"]


def test_the_strictest_of_several_rules_sets_each_clock_and_what_loosens_takes_all_of_them() -> None:
    loose = "execute_within: PT9M, report_within: PT9M, reveal_reviewers: true, reactions: true"
    strict = "execute_within: PT2M, report_within: PT3M"
    one = f"id: a, match: {{action: db.migrate}}, {loose}, separation: [person:bo], {REQUIRE}"
    two = f"id: b, match: {{action: db.migrate}}, {strict}, separation: [person:di], {REQUIRE}"
    alone, both = planned(a_bundle(one)), planned(a_bundle(one, two))
    assert (alone.reveal_reviewers, alone.reactions) == (True, True)
    assert (both.reveal_reviewers, both.reactions) == (False, False)
    assert (both.execute_within, both.report_within) == (timedelta(minutes=2), timedelta(minutes=3))
    assert {"person:bo", "person:di"} <= set(both.separation)


def test_a_silent_rule_takes_the_default_clock_and_never_lengthens_it() -> None:
    slow = f"id: b, match: {{action: db.migrate}}, approve_within: PT2H, {REQUIRE}"
    silent = f"id: a, match: {{action: db.migrate}}, {REQUIRE}"
    assert planned(a_bundle(slow)).approve_within == timedelta(hours=2)
    assert planned(a_bundle(slow, silent)).approve_within == timedelta(minutes=30)


@pytest.mark.parametrize(("asked", "given"), [(10, 10), (30, 30), (31, 30)])
def test_an_agent_can_only_shorten_the_time_to_approve(asked: int, given: int) -> None:
    plan = planned(a_bundle(ALLOW), an_ask(env="prod", approve_within=timedelta(minutes=asked)))
    assert plan.approve_within == timedelta(minutes=given)


def test_separation_always_holds_the_three_and_can_only_grow() -> None:
    rule = f"id: r, match: {{action: db.migrate}}, separation: [person:di], {REQUIRE}"
    catalog = CATALOG.replace("defaults:", "defaults:\n  separation: [person:bo]")
    plan = planned(a_bundle(rule, catalog=catalog))
    assert plan.separation == ("requester", "on_behalf_of", "agent_owner", "person:bo", "person:di")


def test_a_fallback_is_the_last_escalation() -> None:
    bundle = a_bundle(
        "id: r, match: {action: db.migrate}, effect: require_approval, "
        "stages: [{name: s, approvers: [group:leads]}], escalate: [{after: PT1M, remind: group:leads}]"
    )
    assert [e.add for e in planned(bundle).escalations] == [(), ("group:dba",)]


def test_an_escalation_adds_people_only_to_stages_that_no_other_rule_names() -> None:
    def rule(name: str, stages: str, more: str = "") -> str:
        return (
            f"id: {name}, match: {{action: db.migrate}}, effect: require_approval, stages: [{stages}]{more}"
        )

    dba, pair = "{name: dba, approvers: [group:dba]}", "{name: pair, approvers: [group:dba]}"
    more = ", escalate: [{after: PT1M, add: group:dba}]"
    assert planned(a_bundle(rule("a", dba, more))).escalations[0].stages == ("dba",)
    assert planned(a_bundle(rule("a", dba, more), rule("b", pair))).escalations[0].stages == ("dba",)
    assert planned(a_bundle(rule("a", dba, more), rule("b", dba))).escalations[0].stages == ()
    assert planned(a_bundle(rule("a", dba, more), rule("b", dba, more))).escalations[0].stages == ("dba",)


def test_a_fallback_stands_in_only_where_its_group_was_asked() -> None:
    bundle = a_bundle(
        "id: r, match: {action: db.migrate}, effect: require_approval, "
        "stages: [{name: one, approvers: [group:dba]}, {name: two, approvers: [group:leads]}]"
    )
    assert [(e.add, e.stages) for e in planned(bundle).escalations] == [(("group:dba",), ("two",))]


def test_redacted_parameters_carry_a_commitment_and_the_catalog_orders_them() -> None:
    plan = planned(a_bundle(ALLOW), an_ask(dsn="secret", sql="SELECT 1"))
    assert [(p.name, p.display) for p in plan.parameters] == [
        ("env", Display.TEXT),
        ("rows", Display.TEXT),
        ("sql", Display.CODE),
        ("dsn", Display.REDACTED),
    ]
    assert plan.parameters[-1].commitment == "commitment of 8 bytes"
    assert "secret" not in repr(plan)


def test_an_action_without_an_executor_is_run_by_an_agent_that_executes_for_itself() -> None:
    bundle = a_bundle(ALLOW)
    assert planned(bundle, an_ask("tool.any")).executor is None
    assert (
        planned(bundle, an_ask("tool.any"), agent=replace(an_agent(), executes=True)).executor == "deployer"
    )
    assert planned(bundle, agent=replace(an_agent(), executes=True)).executor == "db-runner"


@pytest.mark.parametrize(
    ("ask", "pointer"),
    [
        (an_ask(env="nope"), "/action/parameters/env"),
        (an_ask(env=True), "/action/parameters/env"),
        (an_ask(rows="1"), "/action/parameters/rows"),
        (an_ask(rows=1.5), "/action/parameters/rows"),
        (an_ask(rows=True), "/action/parameters/rows"),
        (an_ask(sql="x" * 101), "/action/parameters/sql"),
        (an_ask(force="yes"), "/action/parameters/force"),
        (an_ask(tables="orders"), "/action/parameters/tables"),
        (an_ask(tables=[1]), "/action/parameters/tables"),
        (an_ask(tables=["x"] * 1001), "/action/parameters/tables"),
        (an_ask(dsn=None), "/action/parameters/dsn"),
        (an_ask(envv="dev"), "/action/parameters/envv"),
        (an_ask("tool.any", **SPACED), "/action/parameters/a b"),
        (an_ask("db.query", rows=1), "/action/parameters/rows"),
        (an_ask(resource=("data base", "orders")), "/resource/type"),
        (an_ask(resource=("database", "orders\u202e")), "/resource/id"),
        (an_ask("tool.any", **MIMIC), "/action/parameters/p\u0430ram"),
        (an_ask("db.m\u0456grate"), "/action/name"),
        (an_ask(approve_within=timedelta(0)), "/approve_within"),
    ],
)
def test_what_the_catalog_does_not_take_is_refused_with_a_pointer(ask: Ask, pointer: str) -> None:
    with pytest.raises(Malformed) as refused:
        planned(a_bundle(ALLOW), ask)
    assert pointer in [at for at, _ in refused.value.pointers]


def test_a_refusal_never_repeats_a_value() -> None:
    with pytest.raises(Malformed) as refused:
        planned(a_bundle(ALLOW), an_ask(dsn=["hunter2"], env="hunter2"))
    assert "hunter2" not in f"{refused.value.detail}{refused.value.pointers}"


def test_a_missing_parameter_is_refused_and_an_unknown_one_gets_a_suggestion() -> None:
    with pytest.raises(Malformed) as refused:
        planned(
            a_bundle(ALLOW), replace(an_ask(), action=replace(an_ask().action, parameters={"evn": "dev"}))
        )
    assert dict(refused.value.pointers) == {
        "/action/parameters/env": "db.migrate needs this parameter",
        "/action/parameters/rows": "db.migrate needs this parameter",
        "/action/parameters/evn": "db.migrate has no such parameter; did you mean env?",
    }


def test_an_agent_acts_only_for_people_it_is_registered_for_and_the_directory_knows() -> None:
    bundle = a_bundle(ALLOW)
    assert planned(bundle, an_ask(on_behalf_of="ed")).effect is Effect.ALLOW
    for person, agent in (("ana", an_agent()), ("gone", an_agent(("gone",)))):
        with pytest.raises(ActsForNobody):
            planned(bundle, an_ask(on_behalf_of=person), agent=agent)


@pytest.mark.parametrize("justification", [None, "", "  "])
def test_a_required_justification_is_demanded_only_where_people_decide(justification: str | None) -> None:
    bundle = a_bundle(
        "id: r, match: {action: db.migrate, params.env: prod}, "
        f"justification: {{requester: required}}, {REQUIRE}"
    )
    with pytest.raises(Malformed) as refused:
        planned(bundle, an_ask(env="prod", justification=justification))
    assert refused.value.pointers[0][0] == "/justification"
    assert planned(bundle, an_ask(env="dev", justification=justification)).rules == ()


def a_request(ask: Ask, bundle: Bundle) -> Request:
    """A request that was planned by this bundle."""
    return Request(
        id=RequestId("req_1"),
        version=1,
        state=State.APPROVED,
        action=ask.action,
        resource=ask.resource,
        context=ask.context,
        subject=Subject(an_agent().name, ask.on_behalf_of),
        owner=PersonName("ed"),
        justification=None,
        summary=None,
        digest=Digest("0" * 64),
        plan=planned(bundle, ask),
        grant_id=GrantId("0" * 32),
        created_at=NOON,
        expires_at=NOON,
        stage_opened_at=NOON,
    )


def test_a_new_deny_stops_a_redemption_and_a_laxer_bundle_changes_nothing() -> None:
    old = a_bundle(f"id: r, match: {{action: db.migrate}}, {REQUIRE}")
    request = a_request(an_ask(), old)
    directory, agent = a_directory(), an_agent()
    new = a_bundle(
        "id: stop, match: {action: db.migrate}, effect: deny",
        "id: ok, match: {action: db.migrate}, effect: allow",
    )
    assert denies(new, request, agent, directory, NOON) == (RuleId("stop"),)
    assert denies(a_bundle(ALLOW), request, agent, directory, NOON) == ()
    assert denies(old, request, agent, directory, NOON) == ()


def test_a_redemption_is_stopped_when_the_catalog_forgets_the_action_or_nothing_matches_and_that_denies() -> (
    None
):
    request = a_request(an_ask(), a_bundle(ALLOW))
    without = CATALOG.replace("db.migrate:", "db.other:")
    closed = CATALOG.replace("defaults:", "defaults:\n  no_match: deny")
    directory, agent = a_directory(), an_agent()
    assert denies(
        a_bundle("id: q, match: {action: db.query}, effect: allow", catalog=without),
        request,
        agent,
        directory,
        NOON,
    ) == ("defaults.unknown_action",)
    assert denies(
        a_bundle("id: q, match: {action: db.query}, effect: allow", catalog=closed),
        request,
        agent,
        directory,
        NOON,
    ) == ("defaults.no_match",)


def test_a_redemption_is_stopped_once_the_agent_may_not_act_for_that_person() -> None:
    bundle = a_bundle(ALLOW)
    request = a_request(an_ask(on_behalf_of="ed"), bundle)
    assert denies(bundle, request, an_agent(), a_directory(), NOON) == ()
    assert denies(bundle, request, an_agent(("ana",)), a_directory(), NOON) == ("acts_for",)
    assert denies(bundle, request, None, a_directory(), NOON) == ("acts_for",)


def test_an_explanation_names_every_rule_and_what_decided_it() -> None:
    bundle = a_bundle(
        ALLOW,
        "id: big, match: {action: db.migrate}, when: params.rows > 10, effect: deny",
        "id: late, match: {action: 'db.*'}, during: freeze, effect: deny",
        f"id: other, match: {{action: db.query}}, {REQUIRE}",
        f"id: ticket, match: {{action: db.migrate, context.ticket: OPS}}, {REQUIRE}",
    )
    found = explain(bundle, a_directory(), an_agent(), an_ask(), NOON, {}, executes=False, commit=committed)
    assert [(c.rule, c.matched, c.why) for c in found.considered] == [
        ("big", False, "its condition does not hold: params.rows > 10"),
        ("dev", True, "params.env is dev"),
        ("late", False, "now is outside the calendar freeze"),
        ("ticket", True, "context.ticket is missing, which a rule that is no allow takes as a match"),
    ]
    assert (found.others, found.plan.rules) == (1, ("ticket",))


def test_a_freeze_covers_what_its_pattern_fits() -> None:
    freeze = Freeze("db.*", "incident", "root", NOON)
    assert frozen_by([freeze], "db.migrate") is freeze
    assert frozen_by([freeze], "dbx") is None
