"""Reading bundles and directories: what is refused, where, and in which words."""

import json
from contextlib import suppress

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conditions import compile_condition
from bot.core.policy import PolicyBroken, on_call, read_bundle, read_directory, schema
from bot.core.policy.problems import Faulty, Report
from bot.core.policy.tree import plain, read_tree
from bot.core.terms import GroupName
from tests.core.policy.policies import CATALOG, PEOPLE, REQUIRE, a_bundle, a_directory, problems

RULE = f"id: r, match: {{action: db.migrate}}, {REQUIRE}"


def test_a_problem_is_shown_with_its_place_its_line_and_a_caret() -> None:
    (shown,) = problems("id: r, match: {action: db.migrate}, effct: deny, effect: deny")
    assert shown == (
        "bundle.yaml:30:42: a rule has no key effct; did you mean effect?\n"
        "    - {id: r, match: {action: db.migrate}, effct: deny, effect: deny}\n"
        "                                           ^"
    )


def test_every_problem_is_told_at_once() -> None:
    found = problems(
        "id: a, match: {action: db.migrat}, effect: deny",
        "id: b, match: {action: db.migrate, params.env: prodd}, during: frieze, effect: deny",
        "id: c, match: {action: db.migrate}, when: params.rows < 'x', effect: deny",
        "id: d, match: {action: db.migrate}, effect: maybe",
        catalog=CATALOG.replace("type: bool", "type: boool"),
    )
    assert [line.split(": ", 1)[1].splitlines()[0] for line in found] == [
        "expected one of string, text, identifier, enum, int, number, bool, list, object; did you mean bool?",
        "no action in the catalog is called db.migrat; did you mean db.migrate?",
        "env cannot have this value: expected one of dev, staging, prod; did you mean prod?",
        "there is no calendar frieze; did you mean freeze?",
        "found no matching overload for '_<_' applied to '(int, string)' (for action db.migrate)",
        "expected one of allow, require_approval, deny",
    ]


REFUSED = [
    ("id: r, match: {action: db.migrate}, effect: require_approval, stages: []", "nobody could approve"),
    (
        "id: r, match: {action: db.migrate}, effect: require_approval, stages: [{name: s, approvers: []}]",
        "empty list",
    ),
    (RULE.replace("[group:dba]", "[group:dba], quorum: 0"), "whole number from 1"),
    (RULE.replace("[group:dba]", "[group:dba], quorum: -1"), "whole number from 1"),
    (RULE.replace("[group:dba]", "[group:dba], quorum: 1.0"), "whole number from 1"),
    (RULE.replace("[group:dba]", "[group:dba], quorum: true"), "whole number from 1"),
    (RULE.replace("[group:dba]", "[group:dba], deny: 0"), "whole number from 1"),
    (RULE.replace("[group:dba]", "[group:dba], quorum: 4"), "needs 4 people, and only 3 may review"),
    (RULE.replace("group:dba", "group:dbs"), "there is no group dbs; did you mean dba?"),
    (RULE.replace("group:dba", "person:anna"), "there is no person anna; did you mean ana?"),
    (RULE.replace("group:dba", "dba"), "expected group:NAME or person:NAME"),
    (RULE.replace("group:dba", "group:dba&leads"), "expected group:NAME or person:NAME"),
    (f"{RULE}, separation: [group:dba]", "only 0 may review"),
    (f"{RULE}, separation: [person:zed]", "there is no person zed"),
    (f"{RULE}, separation: [owner]", "expected requester"),
    (f"{RULE}, escalate: [{{after: PT1M}}]", "an escalation reminds or adds somebody"),
    (f"{RULE}, escalate: [{{after: PT1M, add: group:zzz}}]", "there is no group zzz"),
    (f"{RULE}, escalate: [{{after: 5m, add: group:dba}}]", "ISO 8601 duration"),
    (f"{RULE}, approve_within: PT0S", "this duration is zero"),
    (f"{RULE}, approve_within: P1M", "ISO 8601 duration"),
    (f"{RULE}, limit: {{max: 1, window: PT1H}}", "a rule whose effect is require_approval has no limit"),
    (
        "id: r, match: {action: db.migrate}, effect: allow, stages: [{name: s, approvers: [group:dba]}]",
        "has no stages",
    ),
    (
        "id: r, match: {action: db.migrate}, effect: allow, limit: {max: 0, window: PT1H}",
        "whole number from 1",
    ),
    ("id: r, match: {}, effect: deny", "a match needs action"),
    ("id: r, match: {action: []}, effect: deny", "an empty list matches nothing"),
    ("id: r, match: {action: 'db.(.*)'}, effect: deny", "an action's name or a pattern"),
    ("id: r, match: {action: 'ops.*'}, effect: deny", "no action in the catalog is called ops.*"),
    (
        "id: r, match: {action: db.migrate, param.env: prod}, effect: deny",
        "nothing to match is called param.env",
    ),
    ("id: r, match: {action: db.migrate, params.evn: prod}, effect: deny", "did you mean env?"),
    ("id: r, match: {action: db.migrate, params.rows: '5'}, effect: deny", "rows cannot have this value"),
    (
        "id: r, match: {action: db.migrate, params.env: [prod, tset]}, effect: deny",
        "env cannot have this value",
    ),
    ("id: r, match: {action: db.migrate}, when: params.rows, effect: deny", "true or false, and this is int"),
    ("id: r, match: {action: db.migrate}, when: params.row > 1, effect: deny", "did you mean params.rows?"),
    ("id: r, match: {action: 'db.*'}, when: params.rows > 1, effect: deny", "there is no params.rows"),
    ("id: r, match: {action: db.migrate}, when: '1 +', effect: deny", "Syntax error"),
    ("id: r, match: {action: db.migrate}, when: '', effect: deny", "expected a condition"),
    ("match: {action: db.migrate}, effect: deny", "a rule needs id"),
    ("id: r, match: {action: db.migrate}, effect: deny, id: s", "id stands here twice"),
    ("id: &x r, match: {action: db.migrate}, effect: deny", "anchors are not allowed"),
    ("id: !!str r, match: {action: db.migrate}, effect: deny", "tags are not allowed"),
    ("id: r, match: {action: db.migrate}, effect: deny, show: [{email: x}]", "there is no surface email"),
]


@pytest.mark.parametrize(("rule", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_rule_that_could_go_wrong_is_refused_when_it_loads(rule: str, message: str) -> None:
    found = problems(rule)
    assert any(message in problem for problem in found), found


CATALOGS = [
    ("members: [ana, bo, cy]", "members: []", "this group would be empty"),
    ("members: [ana, bo, cy]", "members: [ana, bob]", "there is no person bob; did you mean bo?"),
    (
        "dba: {members: [ana, bo, cy]}",
        "ops: {members: [ana, cy]}",
        "disagree about ops: bo, cy in only one of them",
    ),
    ("remote: {slack", "ops: {slack", "ops is read from Slack, but the directory lists ana, bo"),
    ("remote: {slack_usergroup: S0REMOTE}", "remote: {oncall: rota.ics}", "this group needs a fallback"),
    (
        "remote: {slack_usergroup: S0REMOTE}",
        "remote: {oncall: rota.ics, members: [ana], fallback: dba}",
        "remote is read from a calendar; take members away",
    ),
    (
        "remote: {slack_usergroup: S0REMOTE}",
        "ops: {oncall: rota.ics, fallback: dba}",
        "ops is read from a calendar, but the directory lists ana, bo",
    ),
    *(
        (
            "remote: {slack_usergroup: S0REMOTE}",
            f"remote: {{oncall: '{feed}', fallback: dba}}",
            "expected https://… of an iCalendar, or an .ics file beside the bundle",
        )
        for feed in (
            "http://cal.example.com/x.ics",
            "../x.ics",
            "/etc/x.ics",
            "rota.txt",
            "file:///x.ics",
            "a/../../x.ics",
        )
    ),
    ("fallback: dba", "fallback: leads", "the fallbacks of leads lead back to it"),
    ("fallback: dba", "fallback: nobody", "there is no group nobody"),
    ("type: enum, values: [dev, staging, prod]", "type: enum", "an enum needs values"),
    ("type: int", "type: int, values: [1]", "a parameter of type int has no values"),
    ("type: int", "type: int, min: 3, max: 2", "no value could be that small"),
    ("max: 100", "max: many", "expected a number"),
    ("type: list", "type: list, of: list", "a list cannot hold lists"),
    ("tz: Europe/Paris", "tz: Europe/Pariss", "there is no time zone Europe/Pariss"),
    (", tz: Europe/Paris", "", "this instant has no zone"),
    ('from: "2026-12-18T00:00"', 'from: "2028-12-18T00:00"', "ends before it begins"),
    ('from: "2026-12-18T00:00"', 'from: "2026-02-30T00:00"', "there is no such instant"),
    ("defaults:", "defaults:\n  no_match: allow", "expected one of deny, require_approval"),
    ("defaults:", "defaults:\n  roundup_after: 0", "expected a whole number from 1 to 1000000"),
    (
        "defaults:",
        "defaults:\n  separation: []\n  nomatch: deny",
        "defaults has no key nomatch; did you mean no_match?",
    ),
    ("rules:", "rules:\n  a: b", "expected a list of rules"),
    ("actions:", "action:", "a bundle has no key action; did you mean actions?"),
    ("title: Query", "title: 5", "expected text; quote it"),
]


@pytest.mark.parametrize(("old", "new", "message"), CATALOGS, ids=[message for _, _, message in CATALOGS])
def test_a_catalog_that_could_go_wrong_is_refused_when_it_loads(old: str, new: str, message: str) -> None:
    assert old in CATALOG
    found = problems(catalog=CATALOG.replace(old, new, 1))
    assert any(message in problem for problem in found), found


def deniable(approvers: str, deny: int, more: str = "") -> str:
    """A rule whose one stage needs that many denials."""
    stage = f"{{name: s, approvers: [{approvers}], deny: {deny}}}"
    return f"id: r, match: {{action: db.migrate}}, effect: require_approval, stages: [{stage}]{more}"


@pytest.mark.parametrize(
    ("approvers", "able", "more"),
    [
        ("person:ana", 1, ""),
        ("person:ana, person:bo", 2, ""),
        ("group:dba", 3, ""),
        ("group:dba, person:ana", 3, ""),
        ("group:ops", 2, ""),
        ("group:dba", 2, ", separation: [person:cy]"),
        ("person:ana", 1, ", escalate: [{after: PT5M, add: group:dba}]"),
    ],
)
def test_a_deny_count_that_too_few_could_meet_is_refused_where_it_stands(
    approvers: str, able: int, more: str
) -> None:
    assert problems(deniable(approvers, able, more)) == []
    rule = deniable(approvers, able + 1, more)
    (shown,) = problems(rule)
    line = len(CATALOG.splitlines()) + 1
    column = 5 + rule.index("deny: ") + 1
    told = f"{able + 1} people must deny to end this stage, and only {able} may review it"
    assert shown.startswith(f"bundle.yaml:{line}:{column}: {told}")
    source, caret = shown.splitlines()[1:]
    assert source[caret.index("^") :].startswith("deny: ")


def test_a_deny_count_of_people_whom_only_slack_knows_is_a_warning_and_one_is_none() -> None:
    (warned,) = (
        text for text in a_bundle(deniable("person:ana, group:remote", 3)).warnings if "deny" in text
    )
    assert warned.startswith("r, stage s: 3 people must deny to end it, and only Slack or a calendar knows")
    assert not any("deny" in text for text in a_bundle(deniable("group:remote", 1)).warnings)


def test_one_person_cannot_be_two_stages() -> None:
    stages = "[{name: one, approvers: [person:ana]}, {name: two, approvers: [person:ana]}]"
    (shown,) = problems(f"id: r, match: {{action: db.migrate}}, effect: require_approval, stages: {stages}")
    assert "one person counts in one stage" in shown


def test_stages_that_exclude_each_other_may_share_a_person() -> None:
    stages = (
        '[{name: one, approvers: [person:ana], when: "params.rows > 5"}, '
        '{name: two, approvers: [person:ana], when: "params.rows <= 5"}]'
    )
    assert problems(f"id: r, match: {{action: db.migrate}}, effect: require_approval, stages: {stages}") == []


def test_a_group_that_only_slack_knows_is_not_judged_at_load() -> None:
    assert problems(RULE.replace("group:dba", "group:remote")) == []


@pytest.mark.parametrize(
    "feed", ["https://cal.example.com/x?token=1", "http://localhost:8080/x", "rota.ics", "oncall/dba-1.ics"]
)
def test_a_group_may_be_read_from_a_calendar_and_is_not_judged_at_load(feed: str) -> None:
    catalog = CATALOG.replace("slack_usergroup: S0REMOTE", f"oncall: '{feed}', fallback: dba")
    assert problems(RULE.replace("group:dba", "group:remote"), catalog=catalog) == []


def test_a_calendar_names_people_by_address_name_or_title_and_nobody_by_what_two_are_called() -> None:
    directory = read_directory(
        "ana: {email: Ana@example.com, title: On Call}\nbo: {title: On Call}\ncy: {title: Cy Okafor}\n",
        "directory.yaml",
    )
    assert on_call(["ana@EXAMPLE.com", "cy okafor ", "On Call", "nobody@example.com", ""], directory) == {
        "ana",
        "cy",
    }
    assert on_call(["bo"], directory) == {"bo"}
    assert on_call([], directory) == set()


def test_a_require_rule_without_any_stages_is_refused() -> None:
    bare = CATALOG.replace(
        "  stages:\n    - {name: fallback, approvers: [group:ops]}\n", "  no_match: deny\n"
    )
    found = problems("id: r, match: {action: db.migrate}, effect: require_approval", catalog=bare)
    assert any("no stages and neither have the defaults" in problem for problem in found)


def test_the_same_name_in_two_files_is_refused_in_the_second() -> None:
    other = (
        "actions:\n  db.query: {title: Again}\ndefaults:\n  stages: [{name: x, approvers: [person:ana]}]\n"
    )
    with pytest.raises(PolicyBroken) as broken:
        a_bundle(RULE, files={"other.yaml": other + f"rules:\n  - {{{RULE}}}\n"})
    told = [(p.file, p.line, p.message) for p in broken.value.problems]
    assert told == [
        ("other.yaml", 2, "actions.db.query stands in bundle.yaml:16 already"),
        ("other.yaml", 4, "defaults.stages stands in bundle.yaml:2 already"),
        ("other.yaml", 6, "two rules have the id r"),
    ]


def test_an_empty_bundle_is_refused() -> None:
    with pytest.raises(PolicyBroken, match="no actions"):
        read_bundle({}, compile_condition, a_directory())


def test_a_fault_in_a_condition_is_placed_inside_it() -> None:
    catalog = CATALOG + (
        "  - id: r\n    match: {action: db.migrate}\n    effect: deny\n    when: |\n"
        "      params.env == 'prod'\n      && params.rows > 'x'\n"
    )
    (shown,) = problems(catalog=catalog)
    assert shown.startswith("bundle.yaml:35:")


def test_an_action_without_an_executor_is_only_a_warning() -> None:
    assert any(w.startswith("tool.any has no executor") for w in a_bundle(RULE).warnings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this directory is empty"),
        ("ana: {email: x}", "e-mail address"),
        ("ana: {admin: yes}", "expected true or false"),
        ("ana: {emial: a@b.c}", "did you mean email?"),
        ("ana: {slack: [U0ANA]}", "a Slack account such as T0ABC/U0ABC"),
        ("ana: {slack: [T0/U1]}\nbo: {slack: [T0/U1]}", "the slack account T0/U1 is already ana's"),
        ("ana: {deputies: [bob]}\nbo: {}", "there is no person bob; did you mean bo?"),
        ("ana: {}\nana: {}", "ana stands here twice"),
        ("[ana]", "expected a mapping"),
        ("ana: {}\n---\nbo: {}", "only one document"),
    ],
)
def test_a_directory_that_could_go_wrong_is_refused(text: str, message: str) -> None:
    with pytest.raises(PolicyBroken) as broken:
        read_directory(text, "directory.yaml")
    assert message in str(broken.value)


def test_a_directory_knows_whose_an_account_is_by_its_id_alone() -> None:
    directory = read_directory(
        PEOPLE + "fay: {teams: tenant/oid, email: ana@example.com}\n", "directory.yaml"
    )
    assert directory.by_account("slack", "T0A/U0ANA") == "ana"
    assert directory.by_account("teams", "T0A/U0ANA") is None
    assert directory.by_account("teams", "tenant/oid") == "fay"
    assert directory.by_account("slack", "ana@example.com") is None
    assert directory.in_group(GroupName("ops")) == {"ana", "bo"}


def test_yaml_is_1_2_so_no_and_on_are_words() -> None:
    report = Report({"f": ""})
    node = read_tree("a: no\nb: on\nc: 0o7\nd: 1_000\ne: 2026-01-01\nf: true\ng: ~\n", "f", report)
    assert node is not None
    assert plain(node) == {
        "a": "no",
        "b": "on",
        "c": "0o7",
        "d": "1_000",
        "e": "2026-01-01",
        "f": True,
        "g": None,
    }


@given(
    st.text(st.characters(codec="utf-8"), max_size=200) | st.text("&*!%{}[]:,-?|>'\"#\n \tab1~<", max_size=60)
)
def test_any_text_is_a_policy_or_a_problem(text: str) -> None:
    for read in (
        lambda: read_bundle({"f.yaml": text}, compile_condition, a_directory()),
        lambda: read_directory(text, "f.yaml"),
    ):
        with suppress(PolicyBroken):
            read()


def test_what_parses_is_what_the_schema_takes() -> None:
    from ruamel.yaml import YAML

    bundle = YAML(typ="safe", pure=True).load(CATALOG + f"  - {{{RULE}}}\n")
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    assert not list(validator.iter_errors(json.loads(json.dumps(bundle))))
    for path, value in (("rules", [{"id": "r"}]), ("rulez", []), ("defaults", {"no_match": "allow"})):
        assert list(validator.iter_errors({**bundle, path: value}))


@pytest.mark.parametrize(
    ("text", "place", "caret"),
    [
        ("rules: [\n", "bundle.yaml:1:9", "  rules: [\n          ^"),
        ("rules:\n  - {id: r\n\n\n", "bundle.yaml:2:11", "    - {id: r\n            ^"),
    ],
)
def test_a_file_that_breaks_off_is_shown_where_it_does(text: str, place: str, caret: str) -> None:
    report = Report({"bundle.yaml": text})
    with pytest.raises(Faulty):
        read_tree(text, "bundle.yaml", report)
    (problem,) = report.problems
    assert str(problem).startswith(f"{place}: this is not YAML: ")
    assert str(problem).endswith(f"\n{caret}")
