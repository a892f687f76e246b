"""Tests of policies: the sample's cases hold, and a case that does not is told apart."""

from pathlib import Path

import pytest

from bot.conditions import compile_condition
from bot.core.policy import PolicyBroken, read_bundle, read_cases, read_directory, run_cases, uncovered
from bot.services.rehearsing import played
from storage.files import read_folder, split
from tests.core.policy.policies import PEOPLE, REQUIRE, a_bundle, a_directory

AGENTS = "agents: {deployer: {owner: ed, acts_for: [ed, ana]}}\n"
ANA = "by: ana, verdict: approve"
MIGRATE = "action: db.migrate, parameters: {env: prod, rows: 1}"
BUNDLE = (
    f"id: r, match: {{action: db.migrate, params.env: prod}}, approve_within: PT10M, {REQUIRE}",
    "id: quick, match: {action: db.query}, effect: allow, limit: {max: 3, window: PT1H}",
)


def ran(*cases: str, head: str = AGENTS, directory: str = PEOPLE) -> list[tuple[str, ...]]:
    text = head + "cases:\n" + "".join(f"  - {{name: a case, {case}}}\n" for case in cases)
    people = a_directory(directory)
    results = run_cases(a_bundle(*BUNDLE), people, read_cases({"x_test.yaml": text}), played)
    return [result.problems for result in results]


def test_the_sample_policy_loads_without_a_warning_and_its_cases_try_every_rule() -> None:
    files, directory_text, tests = split(read_folder(Path("examples/policy")))
    directory = read_directory(directory_text, "directory.yaml")
    bundle = read_bundle(files, compile_condition, directory)
    results = run_cases(bundle, directory, read_cases(tests), played)
    assert bundle.warnings == ()
    assert [(result.case.name, result.problems) for result in results if result.problems] == []
    assert uncovered(bundle, results) == ()


def test_a_case_that_does_not_hold_says_what_came_instead() -> None:
    assert ran(
        f"{MIGRATE}, expect: {{effect: allow}}",
        f"{MIGRATE}, expect: {{rules: [x]}}",
        f"{MIGRATE}, expect: {{stages: []}}",
        f"{MIGRATE}, expect: {{state: approved}}",
        f"{MIGRATE}, expect: {{refused: true}}",
        "action: db.migrate, parameters: {env: prod}, expect: {effect: deny}",
        f"{MIGRATE}, on_behalf_of: bo, expect: {{effect: deny}}",
    ) == [
        ("effect is require_approval, not allow",),
        ("rules are r, not x",),
        ("stages are dba, not none",),
        ("state is pending, not approved",),
        ("it was taken, not refused",),
        ("refused: /action/parameters/rows: db.migrate needs this parameter",),
        ("refused: /on_behalf_of: The agent is not registered to act for that person.",),
    ]


def test_reviews_are_played_on_the_real_machine() -> None:
    assert ran(
        f"{MIGRATE}, reviews: [{{{ANA}}}], expect: {{state: approved}}",
        f"{MIGRATE}, reviews: [{{by: ana, verdict: deny}}], expect: {{state: denied}}",
        f"{MIGRATE}, reviews: [{{by: di, verdict: approve}}], expect: {{state: pending}}",
        f"{MIGRATE}, reviews: [{{by: di, verdict: approve, refused: true}}], expect: {{state: pending}}",
        f"{MIGRATE}, reviews: [{{{ANA}, refused: true}}], expect: {{state: approved}}",
        f"{MIGRATE}, on_behalf_of: ana, reviews: [{{{ANA}, refused: true}}], expect: {{}}",
        f"{MIGRATE}, reviews: [{{{ANA}, after: PT9M59S}}], expect: {{state: approved}}",
        f"{MIGRATE}, reviews: [{{{ANA}, after: PT10M, refused: true}}], expect: {{state: expired}}",
        f"{MIGRATE}, after: PT10M, expect: {{state: expired}}",
    ) == [
        (),
        (),
        ("di's review was refused: Only approvers of the open stage may approve or deny this request.",),
        (),
        ("ana's review was taken, not refused",),
        (),
        (),
        (),
        (),
    ]


def test_a_case_says_who_is_away_and_who_stands_in() -> None:
    deputies = PEOPLE.replace("ana: {", "ana: {deputies: [di], ")
    di = "{by: di, verdict: approve}"
    assert ran(
        f"{MIGRATE}, away: {{ana: di}}, reviews: [{di}], expect: {{state: approved}}",
        f"{MIGRATE}, away: {{bo: di}}, reviews: [{{by: di, verdict: approve, refused: true}}], expect: {{}}",
        f"{MIGRATE}, on_behalf_of: ana, away: {{ana: di}}, "
        "reviews: [{by: di, verdict: approve, refused: true}], expect: {}",
        directory=deputies,
    ) == [(), (), ()]


def test_a_limit_counts_what_the_case_says_was_used() -> None:
    assert ran(
        "action: db.query, used: {quick: 2}, expect: {effect: allow}",
        "action: db.query, used: {quick: 3}, expect: {effect: require_approval, stages: [fallback]}",
    ) == [(), ()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cases: []", "there are no cases"),
        (
            f"{AGENTS}cases: [{{name: x, action: db.query, agent: deployr, expect: {{}}}}]",
            "did you mean deployer?",
        ),
        (f"{AGENTS}cases: [{{name: x, action: db.query}}]", "a case needs expect"),
        (
            f"{AGENTS}cases: [{{name: x, action: db.query, now: 2026-01-01T00:00, expect: {{}}}}]",
            "has no zone",
        ),
        (f"{AGENTS}cases: [{{name: x, action: db.query, expect: {{stat: pending}}}}]", "did you mean state?"),
    ],
)
def test_a_test_file_that_does_not_read_is_a_problem_with_a_place(text: str, message: str) -> None:
    with pytest.raises(PolicyBroken, match=message.replace("?", r"\?")):
        read_cases({"x_test.yaml": text})
