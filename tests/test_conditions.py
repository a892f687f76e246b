"""The CEL engine behind its door: a boolean or a refusal, whatever it is fed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conditions import compile_condition
from bot.core.policy import ConditionError

TYPES = {
    "params.rows": "int",
    "params.ratio": "double",
    "params.env": "string",
    "params.force": "bool",
    "params.tags": "list<string>",
    "params.free": "map",
    "resource.type": "string",
    "resource.id": "string",
    "context": "map",
    "agent": "string",
    "on_behalf_of": "string",
    "now": "timestamp",
}


def values(context: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    given_ = {
        "params": parameters,
        "resource": {"type": "database", "id": "orders"},
        "resource.type": "database",
        "resource.id": "orders",
        "context": context or {},
        "agent": "deployer",
        "on_behalf_of": "",
        "now": datetime(2026, 6, 1, 12, tzinfo=UTC),
    }
    return given_ | {f"params.{name}": value for name, value in parameters.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("params.rows < 10", True),
        ("params.rows >= 10", False),
        ("params.ratio > 1.5 && params.env in ['prod', 'staging']", True),
        ("params.tags.exists(t, t == 'x')", True),
        ("params.free.a == 1", True),
        ("has(params.force)", False),
        ("has(params.rows)", True),
        ("has(params.force) && params.force", False),
        ("!has( params . force ) || params.force", True),
        ("has(context.ticket)", True),
        ("context.ticket.startsWith('OPS-')", True),
        ("resource.id == 'orders' && has(resource.id)", True),
        ("agent == 'deployer' && on_behalf_of == ''", True),
        ("now < timestamp('2026-06-01T12:00:01Z')", True),
        ("now.getHours('Europe/Paris') == 14", True),
        ("'params.nope' == 'params.nope' // params.nope", True),
    ],
)
def test_a_condition_is_true_or_false(text: str, expected: bool) -> None:
    given_ = values({"ticket": "OPS-1"}, rows=5, ratio=2, env="prod", tags=["x"], free={"a": 1})
    assert compile_condition(text, TYPES)(given_) is expected


def test_has_asks_whether_a_boolean_is_there_not_whether_it_is_true() -> None:
    condition = compile_condition("has(params.force)", TYPES)
    assert condition(values(force=False)) is True
    assert condition(values(force=True)) is True
    assert condition(values()) is False


@pytest.mark.parametrize(
    "text",
    [
        "params.rows < 10",  # missing
        "params.env == 'x'",  # of another type than declared
        "10 / (size(agent) - 8) == 1",  # division by zero
        "context.a",  # not a boolean
        "context.nope",
        "context.a.b.c",
        "int(agent) == 1",
        "agent.matches('(')",
        "timestamp(agent) < now",
    ],
)
def test_whatever_is_no_boolean_is_an_error_and_never_truthy(text: str) -> None:
    condition = compile_condition(text, TYPES)
    with pytest.raises(ConditionError):
        condition(values({"a": "true"}, env=5))


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("params.rows < 'x'", "no matching overload", (1, 13)),
        ("params.rows", "this is int", (1, 1)),
        ("params.rws < 1", "did you mean params.rows?", (1, 1)),
        ("params['rows'] < 1", "there is no params", (1, 1)),
        ("agent == 'x' &&\n  params.rws < 1", "did you mean params.rows?", (2, 3)),
        ("nobody == 1", "undeclared reference", (1, 1)),
        ("1 +", "Syntax error", (1, 4)),
        ("has(params)", "has() takes a plain member", (1, 1)),
        ("has((params).force)", "has() takes a plain member", (1, 1)),
        ("params.tags.all(a, params.tags.all(b, a == b))", "inside another walk", (1, 32)),
        ("context.a.map(x, x.filter(y, true)) == []", "inside another walk", (1, 20)),
        ("'" + "x" * 1000 + "' == agent", "at most 1000 characters", (1, 1)),
        (" && ".join(["params.tags.all(t, true)"] * 5), "at most 4 lists", (1, 125)),
    ],
)
def test_a_wrong_condition_is_refused_when_it_is_compiled(
    text: str, message: str, place: tuple[int, int]
) -> None:
    with pytest.raises(ConditionError) as refused:
        compile_condition(text, TYPES)
    assert message in refused.value.message
    assert (refused.value.line, refused.value.column) == place


def test_walking_over_much_is_refused_and_the_most_that_is_taken_is_quick() -> None:
    condition = compile_condition("context.a.exists(x, x in context.b)", TYPES)
    with pytest.raises(ConditionError):
        condition(values({"a": list(range(2_001)), "b": []}))
    began = time.perf_counter()
    assert condition(values({"a": list(range(990)), "b": list(range(-990, 0))})) is False
    assert time.perf_counter() - began < 2


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
WORDS = [
    "params.rows < 3",
    "params.force",
    "has(params.env)",
    "params.env == agent",
    "context.a == 1",
    "context.a",
]
WORDS += ["params.tags.exists(t, t == agent)", "params.free.a", "size(context) > 0", "params.ratio > 0.5"]


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("rows", "force", "env", "tags", "free", "ratio"), json_values)
    ),
    st.dictionaries(st.text(max_size=3), json_values, max_size=3),
)
def test_any_json_gives_a_boolean_or_a_condition_error(
    words: list[str], parameters: dict[str, Any], context: dict[str, Any]
) -> None:
    condition = compile_condition(" || ".join(words), TYPES)
    with suppress(ConditionError):
        assert condition(values(context, **parameters)) in (True, False)


@given(st.text(max_size=60) | st.text("params.rows<>()[]{}'\"&|!=+-*/%?:,ablx \n\\", max_size=40))
def test_any_text_is_a_condition_or_a_condition_error(text: str) -> None:
    with suppress(ConditionError):
        compile_condition(text, TYPES)


def test_threads_that_share_a_condition_get_their_own_answers() -> None:
    condition = compile_condition("params.rows < 500 && params.env == 'e' + string(params.rows)", TYPES)

    def one(number: int) -> bool:
        return all(
            condition(values(rows=number, env=f"e{number}")) is (number < 500)
            and condition(values(rows=number, env="other")) is False
            for _ in range(5)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(1000)))
