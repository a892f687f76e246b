"""Strict JSON, canonical JSON, digests and the body of an ask."""

import json
import math
import struct
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.action import LIMIT, canonical, code, digest, parse, read_ask
from bot.core.errors import Malformed, TooLarge
from bot.core.terms import Action, AgentName, Ask, Digest, PersonName, Resource, Subject

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ASTRAL = st.text(st.sampled_from("a\ue000\uffff\U00010000\U0001f600é"), max_size=3)
INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT | ASTRAL, inner), max_leaves=20
)
PLAIN = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


def fault(body: bytes | str) -> Malformed:
    with pytest.raises(Malformed) as caught:
        parse(body.encode() if isinstance(body, str) else body)
    return caught.value


# ── strict JSON ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ('{"a": 1, "a": 1}', ""),
        ('{"a": [0, {"b": 1, "\\u0062": 2}]}', "/a/1"),
        ('{"a": NaN}', "/a"),
        ('{"a": [Infinity]}', "/a/0"),
        ('{"a": -Infinity}', "/a"),
        ('{"a": 9007199254740992}', "/a"),
        ('{"a": -9007199254740992}', "/a"),
        ('{"a/b": {"c~d": 9007199254740992.0}}', "/a~1b/c~0d"),
        ('{"a": 1e20}', "/a"),
        ('{"a": 1e400}', "/a"),
        ('{"a": -1e400}', "/a"),
        ('{"a": 1e-400}', "/a"),
        ('{"a": ' + "9" * 5000 + "}", "/a"),
        ('{"a": "\\ud800"}', "/a"),
        ('{"a": ["\\uDC00\\ud800"]}', "/a/0"),
        ('{"a": {"\\udfff": 1}}', "/a"),
    ],
)
def test_a_fault_in_a_value_is_refused_with_a_pointer(body: str, pointer: str) -> None:
    error = fault(body)
    assert [where for where, _ in error.pointers] == [pointer]
    error.detail.encode()  # can itself be sent


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "line 1, column 1"),
        (b"{} {}", "column 4"),
        (b"{}\0", "column 3"),
        (b'\xef\xbb\xbf{"a": 1}', "column 1"),
        (b'{"a": 01}', "column 8"),
        (b'{"a": 1,}', "line 1"),
        (b"{'a': 1}", "line 1"),
        (b'{"a": "\n"}', "line 1"),
        (b'{"a": +1}', "line 1"),
        (b'{"a": 1.}', "line 1"),
        (b'{"a": "\\x"}', "line 1"),
        (b"\xa0{}", "byte 0"),
        (b'{"a": "\xff"}', "byte 7"),
        (b'{"a": "\xed\xa0\x80"}', "byte 7"),  # a surrogate as UTF-8
        (b'{"a": "\xc0\xaf"}', "byte 7"),  # overlong
        ('{"a": 1}'.encode("utf-16"), "byte 0"),
        (b"// x\n{}", "line 1"),
        ('{"a": \u0661}'.encode(), "line 1"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(body: bytes, where: str) -> None:
    assert where in fault(body).detail


def test_depth_32_is_taken_and_33_is_not() -> None:
    assert parse(b"[" * 32 + b"]" * 32)
    assert "deeper than 32" in fault(b"[" * 33 + b"]" * 33).detail
    assert "deeper than 32" in fault(b'{"a":' * 33 + b"1" + b"}" * 33).detail
    assert "deeper than 32" in fault(b"[" * 100_000 + b"]" * 100_000).detail
    assert parse(b"[" + b"[]," * 99 + b"[]]")  # many, but not deep


def test_a_body_of_256_kib_is_taken_and_one_byte_more_is_not() -> None:
    assert parse(b'"' + b"x" * (LIMIT - 2) + b'"')
    with pytest.raises(TooLarge):
        parse(b'"' + b"x" * (LIMIT - 1) + b'"')


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"9007199254740991", 2**53 - 1),
        (b"-9007199254740991", -(2**53) + 1),
        (b"-0", 0),
        (b"1e30", 1e30),
        (b"0e-999", 0.0),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b' [1.5, true, null, "x"] \r\n\t', [1.5, True, None, "x"]),
    ],
)
def test_what_json_carries_is_read(body: bytes, value: Any) -> None:
    assert parse(body) == value


@given(st.binary(max_size=200) | TEXT.map(str.encode))
@example(b'{"\\ud800":1,"\\ud800":2}')
@example(b"[" * 5000)
@example(b'{"a":' * 5000)
@example(b'[NaN, {"a": 1, "a": 1}, ')
def test_any_bytes_are_json_or_malformed(body: bytes) -> None:
    for read in (parse, read_ask):
        try:
            read(body)
        except Malformed as error:
            error.detail.encode()
            str(error.pointers).encode()


JSONISH = st.lists(
    st.sampled_from(
        [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            '"a"',
            '"a"',
            '"\\ud800"',
            "1",
            "1e999",
            "NaN",
            "-",
            "9" * 20,
            "null",
            " ",
        ]
    ),
    max_size=30,
)


@given(JSONISH.map("".join))
def test_any_heap_of_tokens_is_json_or_malformed(body: str) -> None:
    try:
        value = parse(body.encode())
    except Malformed:
        return
    assert parse(canonical(value)) == value


@given(VALUES)
def test_what_is_read_is_what_other_readers_read(value: Any) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    try:
        read = parse(body)
    except Malformed:
        assert any(2**53 - 1 < abs(number) < 1e21 for number in numbers(value))
        return
    assert read == value
    assert parse(canonical(read)) == read  # the canonical form is a fixed point


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [value] if isinstance(value, float) else []


# ── canonical form ───────────────────────────────────────────────────────────────────────────────


@given(VALUES | PLAIN)
@example({"\ue000": 1, "\U00010000": 2, "\uffff": 3})
@example({"b": {"\U00010000": [1.0], "\ue000": -0.0}, "a": 1e21})
@example({"\x7f\x80\u2028": '\x00\x08\x1f\x7f\x80\u2028\u2029\\/"'})
def test_the_canonical_form_is_that_of_rfc8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(FLOATS)
def test_a_number_is_canonically_itself(number: float) -> None:
    assert float(canonical(number)) == number


# RFC 8785, appendix B
@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
    ],
)
def test_the_numbers_of_the_rfc(bits: str, text: str) -> None:
    assert canonical(struct.unpack(">d", bytes.fromhex(bits))[0]).decode() == text


@pytest.mark.parametrize(
    "value",
    [2**53, math.nan, math.inf, {"a": [math.nan]}, {1: 2}, {"a": {1.5: 2}}, "\ud800", {"\ud800": 1.5}, b"x",
     {1, 2}, timedelta(1), object()],
)  # fmt: skip
def test_what_has_no_canonical_form_is_malformed(value: Any) -> None:
    with pytest.raises(Malformed):
        canonical(value)


def test_a_value_inside_itself_is_malformed() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(Malformed):
        canonical(endless)


# ── digests ──────────────────────────────────────────────────────────────────────────────────────

DEPLOYER = Subject(AgentName("deployer"), None)


def test_the_digest_is_sha256_over_the_canonical_form_with_null_for_what_is_absent() -> None:
    made = digest(DEPLOYER, Action("deploy", {"rows": 1.0}), None, None)
    text = (
        '{"action":{"name":"deploy","parameters":{"rows":1}},"context":null,"resource":null,'
        '"subject":{"agent":"deployer","on_behalf_of":null}}'
    )
    assert made == sha256(text.encode()).hexdigest()
    assert code(made) == made[:8]


def test_every_part_moves_the_digest() -> None:
    action, resource, context = Action("deploy", {"a": 1}), Resource("db", "orders"), {"ticket": "1"}
    digests = {
        digest(DEPLOYER, action, resource, context),
        digest(Subject(AgentName("other"), None), action, resource, context),
        digest(Subject(AgentName("deployer"), PersonName("ana")), action, resource, context),
        digest(DEPLOYER, Action("deploy", {"a": "1"}), resource, context),
        digest(DEPLOYER, Action("Deploy", {"a": 1}), resource, context),
        digest(DEPLOYER, action, Resource("db", "order"), context),
        digest(DEPLOYER, action, Resource("d", "borders"), context),
        digest(DEPLOYER, action, None, context),
        digest(DEPLOYER, action, resource, None),
        digest(DEPLOYER, action, resource, {}),
        digest(DEPLOYER, Action("deploy", {"a": 1, "b": None}), resource, context),
    }
    assert len(digests) == 11


# ── asks ─────────────────────────────────────────────────────────────────────────────────────────

WHOLE: dict[str, Any] = {
    "action": {"name": "db.migrate", "parameters": {"env": "prod", "rows": 120}},
    "resource": {"type": "database", "id": "orders"},
    "on_behalf_of": "ana",
    "justification": "Ticket OPS-42",
    "summary": "adds an index",
    "context": {"ticket": "OPS-42"},
    "approve_within": "PT10M",
}


def test_a_whole_ask_is_read() -> None:
    body = json.dumps(WHOLE).encode()
    assert read_ask(body) == Ask(
        action=Action("db.migrate", {"env": "prod", "rows": 120}),
        body_digest=Digest(sha256(rfc8785.dumps(WHOLE)).hexdigest()),
        resource=Resource("database", "orders"),
        on_behalf_of=PersonName("ana"),
        justification="Ticket OPS-42",
        summary="adds an index",
        context={"ticket": "OPS-42"},
        approve_within=timedelta(minutes=10),
    )


def test_only_the_action_is_required() -> None:
    ask = read_ask(b'{"action": {"name": "deploy"}}')
    assert ask.action == Action("deploy", {})
    assert (ask.resource, ask.context, ask.approve_within) == (None, None, None)


def test_null_stands_for_absent() -> None:
    absent: dict[str, Any] = dict.fromkeys(WHOLE)
    ask = read_ask(json.dumps(absent | {"action": {"name": "deploy"}}).encode())
    assert (ask.resource, ask.on_behalf_of, ask.justification, ask.summary) == (None, None, None, None)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"approved": True}, "/approved"),
        ({"approved_by/x": "ana"}, "/approved_by~1x"),
        ({"action": {"name": "x", "params": {}}}, "/action/params"),
        ({"action": {}}, "/action"),
        ({"action": None}, "/action"),
        ({"action": "deploy"}, "/action"),
        ({"action": {"name": ""}}, "/action/name"),
        ({"action": {"name": "x" * 129}}, "/action/name"),
        ({"action": {"name": "de\u202eploy"}}, "/action/name"),
        ({"action": {"name": "d\u0435ploy"}}, "/action/name"),
        ({"action": {"name": "deploy\n"}}, "/action/name"),
        ({"action": {"name": ["deploy"]}}, "/action/name"),
        ({"action": {"name": "deploy", "parameters": []}}, "/action/parameters"),
        ({"resource": {"type": "db"}}, "/resource"),
        ({"resource": {"type": "db", "id": 7}}, "/resource/id"),
        ({"resource": {"type": "db", "id": "a\u200bb"}}, "/resource/id"),
        ({"resource": {"type": "db", "id": "x" * 257}}, "/resource/id"),
        ({"on_behalf_of": "a b"}, "/on_behalf_of"),
        ({"justification": 1}, "/justification"),
        ({"justification": "x" * 4001}, "/justification"),
        ({"summary": "x" * 4001}, "/summary"),
        ({"context": []}, "/context"),
        ({"approve_within": 600}, "/approve_within"),
        ({"approve_within": "10 minutes"}, "/approve_within"),
        ({"approve_within": "PT0S"}, "/approve_within"),
        ({"approve_within": "P1Y"}, "/approve_within"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_pointer(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_ask(json.dumps(WHOLE | change).encode())
    assert [where for where, _ in caught.value.pointers] == [pointer]


def test_4000_characters_of_justification_are_taken() -> None:
    assert read_ask(json.dumps(WHOLE | {"justification": "\U0001f600" * 4000}).encode()).justification


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"{}"])
def test_an_ask_is_an_object_with_an_action(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_ask(body)


def test_no_value_stands_in_an_error() -> None:
    with pytest.raises(Malformed) as caught:
        read_ask(json.dumps({"action": {"name": "hunter2 secret"}}).encode())
    assert "hunter2" not in str(caught.value) + str(caught.value.pointers)


def test_order_and_spelling_do_not_move_the_body_digest() -> None:
    one = read_ask(b'{"action": {"name": "x", "parameters": {"a": 1.0, "b": "\\u0041"}}}')
    two = read_ask(b'{"action":{"parameters":{"b":"A","a":1},"name":"x"}}')
    assert one.body_digest == two.body_digest
