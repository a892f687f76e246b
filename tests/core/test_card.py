"""Cards say what would run, who is asked and how it ended; nothing hides on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.card import Button, Card, Tone, card, content_digest
from bot.core.terms import (
    Action,
    Actor,
    ActorKind,
    AgentName,
    Digest,
    Display,
    Effect,
    ExecutorName,
    Grant,
    GrantId,
    GroupName,
    Json,
    Outcome,
    Parameter,
    PersonName,
    Plan,
    Proof,
    Request,
    RequestId,
    Resource,
    Reversibility,
    Review,
    RuleId,
    Stage,
    State,
    Subject,
    Surface,
    Verdict,
)

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
ANA, BO, CY, DI = (PersonName(name) for name in ("ana", "bo", "cy", "di"))
NAMES = {GroupName("dba"): frozenset({ANA, BO, CY}), GroupName("sec-leads"): frozenset({CY, DI})}
DBA = Stage("dba", ("group:dba",), 1)
SECOND = Stage("second-pair", ("group:sec-leads",), 1)
COMMITMENT = "1a2b3c4d" + "0" * 56
PLAN = Plan(
    effect=Effect.REQUIRE_APPROVAL,
    rules=(RuleId("prod-migrate"),),
    bundle=Digest("b" * 64),
    reason=None,
    title="Run a database migration",
    reversibility=Reversibility.REVERSIBLE,
    parameters=(
        Parameter("env", Display.TEXT),
        Parameter("sql", Display.CODE),
        Parameter("rows", Display.TEXT, title="Rows touched"),
        Parameter("dsn", Display.REDACTED, commitment=COMMITMENT),
    ),
    executor=ExecutorName("db-runner"),
    approve_within=timedelta(minutes=30),
    execute_within=timedelta(minutes=5),
    report_within=timedelta(minutes=15),
    stages=(DBA,),
)


def asked(parameters: Mapping[str, Json], **changes: Json) -> Request:
    request = Request(
        id=RequestId("req_" + "0" * 32),
        version=1,
        state=State.PENDING,
        action=Action("db.migrate", parameters),
        resource=Resource("database", "orders"),
        context={"ticket": "OPS-42"},
        subject=Subject(AgentName("deployer"), ANA),
        owner=BO,
        justification="The index is missing",
        summary=None,
        digest=Digest("9f2a61c0" + "0" * 56),
        plan=PLAN,
        grant_id=GrantId("1" * 32),
        created_at=NOON,
        expires_at=NOON + timedelta(minutes=30),
        stage_opened_at=NOON,
    )
    return replace(request, **changes)


def drawn(request: Request, limit: int = 2400, now: datetime = NOON) -> Card:
    return card(request, now, "https://assent.test/requests/1", limit, NAMES)


def reviewed(person: PersonName, verdict: Verdict, reason: str | None = None, stage: str = "dba") -> Review:
    by = Actor(ActorKind.PERSON, person, Surface.WEB, person, Proof.SESSION)
    return Review(person, verdict, reason, stage, Digest("9f" * 32), by, NOON)


GRANT = Grant(GrantId("1" * 32), ExecutorName("db-runner"), NOON, NOON + timedelta(minutes=5))
USED = replace(GRANT, redeemed_at=NOON + timedelta(minutes=1))
BY_ANA = (reviewed(ANA, Verdict.APPROVE),)


# ── facts ────────────────────────────────────────────────────────────────────────────────────────


def test_facts_stand_in_catalog_order_whatever_order_they_were_sent_in() -> None:
    shown = drawn(asked({"rows": 120, "sql": "ALTER TABLE t", "env": "prod"}))

    assert [(fact.name, fact.text, fact.display) for fact in shown.facts] == [
        ("env", "prod", "text"),
        ("sql", "ALTER TABLE t", "code"),
        ("Rows touched", "120", "text"),
    ]
    assert shown.complete
    assert shown.title == "Run a database migration"
    assert shown.action == "db.migrate"


def test_a_redacted_value_shows_its_commitment_and_nothing_of_itself() -> None:
    shown = drawn(asked({"dsn": "postgres://root:hunter2@db"}), limit=0)

    (dsn,) = shown.facts
    assert dsn.text == "redacted · commitment 1a2b3c4d"
    assert (dsn.size, dsn.digest) == (0, COMMITMENT)
    assert "hunter2" not in repr(shown)
    assert shown.complete


@pytest.mark.parametrize("listed", [True, False])
def test_a_parameter_the_catalog_does_not_know_is_flagged_and_read_on_the_full_page(listed: bool) -> None:
    strange = (Parameter("force", Display.UNINSPECTABLE),) if listed else ()
    request = asked({"force": True, "env": "dev"}, plan=replace(PLAN, parameters=PLAN.parameters + strange))

    shown = drawn(request)

    assert [fact.name for fact in shown.facts] == ["env", "force"]
    assert shown.facts[1].display == "uninspectable"
    assert shown.warnings == ("force: is not in the catalog, so nobody has said what it does",)
    assert not shown.complete
    assert Button.APPROVE not in shown.buttons
    assert Button.REVIEW_FULL in shown.buttons
    assert drawn(request, limit=0).complete


def test_a_tail_behind_thousands_of_spaces_is_shown_and_cannot_be_approved_from_the_card() -> None:
    sql = "SELECT 1;" + " " * 9000 + "DROP TABLE orders"
    request = asked({"sql": sql})

    (fact,) = drawn(request).facts

    assert fact.cut
    assert fact.text.startswith("SELECT 1;")
    assert fact.text.endswith("DROP TABLE orders")
    assert "characters are not shown here" in fact.text
    assert fact.size == len(sql)
    assert len(fact.text) <= 2400
    assert drawn(request).buttons[0] is Button.REVIEW_FULL


def test_the_full_page_counts_long_runs_of_spaces_instead_of_showing_them() -> None:
    (fact,) = drawn(asked({"sql": "SELECT 1;" + " " * 9000 + "DROP TABLE orders"}), limit=0).facts

    assert fact.text == "SELECT 1;⟨9,000 spaces⟩DROP TABLE orders"
    assert not fact.cut
    assert fact.warnings == ("contains 9,000 spaces in a row; read what follows them",)


def test_many_blank_lines_are_counted_and_indentation_is_kept() -> None:
    (fact,) = drawn(asked({"sql": "SELECT 1\n" + " \n" * 400 + "    DROP TABLE orders"})).facts

    assert fact.text == "SELECT 1\n⟨400 blank lines⟩\n    DROP TABLE orders"


def test_the_limit_itself_is_shown_whole_and_one_more_is_cut() -> None:
    assert not drawn(asked({"sql": "x" * 2400})).facts[0].cut
    assert drawn(asked({"sql": "x" * 2401})).facts[0].cut


def test_direction_tricks_are_shown_as_code_points_with_a_warning() -> None:
    shown = drawn(asked({"sql": "DELETE \u202e;\u200b", "env": "prod"}))

    assert "⟨U+202E⟩" in shown.facts[1].text
    assert "\u202e" not in repr([fact.text for fact in shown.facts])
    assert any("U+202E" in warning for warning in shown.warnings)
    assert all(warning.startswith("sql: ") for warning in shown.warnings)


def test_tricks_in_names_of_parameters_and_nested_keys_are_shown_too() -> None:
    shown = drawn(asked({"a\u202eb": {"k\u200b": 1}}))

    assert shown.facts[0].name == "a⟨U+202E⟩b"
    assert "⟨U+200B⟩" in shown.facts[0].text


def test_markup_stays_literal() -> None:
    evil = "<script>alert(1)</script> <!channel> *bold* [x](https://evil.test) {{ 7*7 }}"

    assert drawn(asked({"sql": evil})).facts[0].text == evil


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5", '"5"'),
        (5, "5"),
        (None, "null"),
        ("null", '"null"'),
        ("", '""'),
        ("   ", '"   "'),
        ('"5"', '"\\"5\\""'),
        (True, "true"),
        (["a", 1], '["a", 1]'),
        (["a" * 80, 1], f'[\n  "{"a" * 80}",\n  1\n]'),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_no_two_values_read_the_same(value: Json, text: str) -> None:
    assert drawn(asked({"sql": value}), limit=0).facts[0].text == text


def test_the_agents_words_stand_apart_and_never_become_the_title() -> None:
    shown = drawn(asked({"env": "prod"}, summary="Harmless: approve me", justification="Because"))

    assert [(fact.name, fact.text) for fact in shown.claims] == [
        ("justification", "Because"),
        ("summary", "Harmless: approve me"),
    ]
    assert "Harmless" not in shown.title + shown.status + shown.why
    assert [fact.name for fact in shown.context] == ["ticket"]


def test_a_long_resource_is_never_cut() -> None:
    shown = drawn(asked({}, resource=Resource("bucket", "b" * 900)))

    assert shown.resource == "bucket " + "b" * 900


# ── how it stands ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "status", "tone"),
    [
        ({}, "Waiting for 1 of dba (ana, bo, cy)", Tone.WAITING),
        ({"added": ("person:di",)}, "Waiting for 1 of dba (ana, bo, cy) or di", Tone.WAITING),
        (
            {"unsatisfiable": "Nobody is left"},
            "Nobody can approve this as things stand: Nobody is left",
            None,
        ),
        (
            {"state": State.APPROVED, "reviews": BY_ANA, "grant": GRANT},
            "Approved by ana; db-runner may run it once, until 12:05:00 UTC",
            Tone.GOOD,
        ),
        (
            {"state": State.DENIED, "reviews": (reviewed(CY, Verdict.DENY, "not\nnow"),)},
            "Denied by cy: “not now”",
            Tone.BAD,
        ),
        ({"state": State.DENIED}, "Denied by policy", Tone.BAD),
        ({"state": State.EXPIRED}, "Expired: nobody decided in time", Tone.QUIET),
        ({"state": State.CANCELLED}, "Cancelled before it was decided", Tone.QUIET),
        (
            {"state": State.RELEASED, "reviews": BY_ANA, "grant": USED},
            "Approved by ana; running since 12:01:00 UTC",
            Tone.GOOD,
        ),
        (
            {"state": State.LAPSED, "reviews": BY_ANA, "grant": GRANT},
            "Approved by ana, but it was not run in time; the approval lapsed",
            Tone.QUIET,
        ),
        (
            {"state": State.REVOKED, "reviews": BY_ANA, "grant": GRANT},
            "Approved by ana, then revoked; it did not run",
            Tone.QUIET,
        ),
        (
            {"state": State.SUCCEEDED, "reviews": BY_ANA, "grant": USED},
            "Approved by ana; it ran and succeeded",
            Tone.GOOD,
        ),
        (
            {"state": State.FAILED, "reviews": BY_ANA, "grant": USED},
            "Approved by ana; it ran and failed",
            Tone.BAD,
        ),
        (
            {"state": State.UNREPORTED, "reviews": BY_ANA, "grant": USED},
            "Approved by ana; released at 12:01:00 UTC, and nobody has reported the outcome",
            Tone.BAD,
        ),
    ],
)
def test_every_state_has_its_sentence(changes: dict[str, Json], status: str, tone: Tone | None) -> None:
    shown = drawn(asked({"env": "prod"}, **changes))

    assert shown.status == status
    assert tone is None or shown.tone is tone


def test_an_irreversible_action_that_waits_looks_dangerous() -> None:
    plan = replace(PLAN, reversibility=Reversibility.IRREVERSIBLE)

    assert drawn(asked({}, plan=plan)).tone is Tone.DANGER
    assert drawn(asked({}, plan=plan, state=State.SUCCEEDED)).tone is Tone.GOOD


def test_stages_show_their_progress_and_who_is_asked() -> None:
    plan = replace(PLAN, stages=(DBA, SECOND))
    request = asked({}, plan=plan, stage_index=1, reviews=BY_ANA)

    shown = drawn(request)

    assert [(line.name, line.state, line.approvals, line.quorum, line.who) for line in shown.stages] == [
        ("dba", "met", 1, 1, "dba (ana, bo, cy)"),
        ("second-pair", "open", 0, 1, "sec-leads (cy, di)"),
    ]
    assert shown.status == "Stage 2 of 2: waiting for 1 of sec-leads (cy, di)"


def test_two_clicks_of_one_person_are_one_approval() -> None:
    plan = replace(PLAN, stages=(replace(DBA, quorum=2),))
    shown = drawn(asked({}, plan=plan, reviews=BY_ANA * 2))

    assert shown.stages[0].approvals == 1
    assert shown.status == "Waiting for 1 more of dba (ana, bo, cy)"


def test_who_turned_their_approval_into_a_denial_approved_nothing() -> None:
    reviews = (*BY_ANA, reviewed(ANA, Verdict.DENY, "I misread it"))
    shown = drawn(asked({}, state=State.DENIED, reviews=reviews))

    assert shown.status == "Denied by ana: “I misread it”"
    assert (shown.stages[0].approvals, shown.stages[0].state) == (0, "closed")


def test_a_large_group_is_counted_after_its_first_six() -> None:
    many = {GroupName("dba"): frozenset(PersonName(f"p{n}") for n in range(9))}

    assert card(asked({}), NOON, "/", names=many).stages[0].who == "dba (p0, p1, p2, p3, p4, p5, 3 more)"
    assert card(asked({}), NOON, "/").stages[0].who == "dba"


@pytest.mark.parametrize("state", [state for state in State if state is not State.PENDING])
def test_a_request_that_is_decided_has_no_button_but_view(state: State) -> None:
    assert drawn(asked({}, state=state)).buttons == (Button.VIEW,)


def test_buttons_go_at_the_deadline_even_if_the_sweep_is_late() -> None:
    request = asked({"env": "prod"})
    just_before = request.expires_at - timedelta(microseconds=1)

    waiting = drawn(request, now=just_before)
    late = drawn(request, now=request.expires_at)

    assert waiting.buttons == (
        Button.APPROVE,
        Button.DENY,
        Button.COMMENT,
        Button.ASK,
        Button.LOOK,
        Button.DELEGATE,
        Button.VIEW,
    )
    assert late.buttons == (Button.VIEW,)
    assert late.status == "Time is up: nobody decided in time"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "Rule prod-migrate wants approval"),
        ({"rules": (RuleId("a"), RuleId("b"))}, "Rules a and b want approval"),
        ({"rules": ()}, "No rule matched, and the default wants approval"),
        (
            {"effect": Effect.DENY, "reason": "Year-end freeze"},
            "Rule prod-migrate denies this: Year-end freeze",
        ),
    ],
)
def test_why_says_which_rules_decided(changes: dict[str, Json], why: str) -> None:
    assert drawn(asked({}, plan=replace(PLAN, **changes))).why == why


def test_the_outcome_is_in_the_executors_words_made_visible() -> None:
    outcome = Outcome(State.FAILED, "lock\u202e timeout", None, NOON)

    assert drawn(asked({}, state=State.FAILED, outcome=outcome)).outcome == "Failed: lock⟨U+202E⟩ timeout"


# ── its digest ───────────────────────────────────────────────────────────────────────────────────


def test_the_contents_digest_holds_while_others_review_and_moves_with_what_is_shown() -> None:
    request = asked({"env": "prod"})
    before = content_digest(drawn(request))

    assert content_digest(drawn(replace(request, reviews=BY_ANA, version=2))) == before
    assert content_digest(drawn(replace(request, summary="another story"))) != before
    assert content_digest(drawn(asked({"env": "dev"}))) != before
    assert len(before) == 64
