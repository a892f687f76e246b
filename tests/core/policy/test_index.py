"""The index finds the same rules as asking each of them, whatever the rules and the ask."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.conditions import BITS, compile_condition
from bot.core.policy.judging import facts, mismatch
from bot.core.terms import AgentName, PersonName, Subject
from tests.core.policy.policies import NOON, REQUIRE, a_bundle, an_ask

CLAUSES = [
    "params.env: prod",
    "params.env: [dev, staging]",
    "params.force: true",
    "params.rows: [1, 2, 7]",
    "context.x: [1, a, true]",
    "context.x: [0, 1.5]",
    "resource.type: db",
    "agent: deployer",
    "on_behalf_of: [ed, ana]",
]
CONDITIONS = [
    "params.rows > 5",
    "params.rows != 2 // odd ones",
    "params.force",
    "has(params.force) && params.force",
    "context.x == 1",
    "context.x",
    "context.missing > 3",
    "params.rows / (params.rows - 7) > 0",
    "params.tables.exists(t, t == 'a')",
    "on_behalf_of == ''",
]
EFFECTS = ["effect: allow", "effect: deny", REQUIRE]
scalars = st.sampled_from([0, 1, 1.0, 1.5, True, False, "a", "1", [1], {"a": 1}])


@st.composite
def rules(draw: st.DrawFn) -> list[str]:
    made = []
    for number in range(draw(st.integers(1, 12))):
        clauses = draw(
            st.lists(st.sampled_from(CLAUSES), max_size=2, unique_by=lambda one: one.split(":")[0])
        )
        match = ", ".join([f"action: {draw(st.sampled_from(['db.migrate', 'db.m*']))}", *clauses])
        when = draw(st.sampled_from(["", *CONDITIONS]))
        during = draw(st.sampled_from(["", "", ", during: freeze"]))
        made.append(
            f"id: r{number:02}, match: {{{match}}}{f', when: {json.dumps(when)}' if when else ''}{during}, "
            f"{draw(st.sampled_from(EFFECTS))}"
        )
    return made


@st.composite
def asks(draw: st.DrawFn) -> dict[str, Any]:
    given_: dict[str, Any] = {"env": draw(st.sampled_from(["dev", "prod"])), "rows": draw(st.integers(0, 9))}
    given_ |= draw(
        st.fixed_dictionaries(
            {}, optional={"force": st.booleans(), "tables": st.lists(st.sampled_from("ab"), max_size=2)}
        )
    )
    return given_


@given(
    written=rules(),
    given_=asks(),
    context=st.none() | st.fixed_dictionaries({}, optional={"x": scalars}),
    person=st.sampled_from([None, PersonName("ed")]),
)
def test_the_index_finds_what_each_rule_says(
    written: list[str], given_: dict[str, Any], context: dict[str, Any] | None, person: PersonName | None
) -> None:
    bundle = a_bundle(*written)
    ask = an_ask(**given_)
    asked = facts(ask.action, ask.resource, context, Subject(AgentName("deployer"), person), NOON)
    each = [
        rule for rule in bundle.rules_for("db.migrate") if mismatch(rule, asked, bundle.calendars) is None
    ]
    assert bundle.matching(asked) == each
    assert bundle.matching(asked) == each  # and once more, by what was compiled meanwhile


def test_more_conditions_than_one_program_holds_answer_together() -> None:
    types = {"params.rows": "int"}
    conditions = [compile_condition(f"params.rows > {n}", types) for n in range(2 * BITS + 3)]
    together = conditions[0].among([None, *conditions])
    assert together is not None
    assert together({"params.rows": BITS + 1}) == ((1 << BITS + 1) - 1) << 1


def test_conditions_on_other_variables_are_not_put_together() -> None:
    one, other = compile_condition("params.rows > 1", {"params.rows": "int"}), compile_condition("true", {})
    assert one.among([one, other]) is None
