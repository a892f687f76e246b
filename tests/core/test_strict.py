"""Strict JSON: one reading of the bytes, or `Malformed` with its place."""

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.action import LIMIT, canonical, fit, parse, read_ask
from bot.core.errors import Malformed, TooLarge
from bot.core.literal import IDENTIFIER
from bot.core.strict import HEX
from bot.core.terms import Json
from tests.fixtures.json_values import TEXT, VALUES


def fault(body: bytes | str) -> Malformed:
    with pytest.raises(Malformed) as caught:
        parse(body.encode() if isinstance(body, str) else body)
    return caught.value


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


class Told(msgspec.Struct, forbid_unknown_fields=True):
    """A body with one member of each kind that a caller gets wrong."""

    verdict: Literal["approve", "deny"]
    digest: Annotated[str, msgspec.Meta(pattern=HEX)] = "0" * 64
    name: Annotated[str, msgspec.Meta(pattern=IDENTIFIER)] = "x"


@pytest.mark.parametrize(
    ("body", "pointer", "advice"),
    [
        ({}, "/verdict", "This member is missing; it is required."),
        ({"verdict": "yes"}, "/verdict", "This must be one of approve, deny."),
        ({"verdict": "deny", "x/y": 1}, "/x~1y", "This member is not known here."),
        (
            {"verdict": "deny", "digest": "9F2A61C0"},
            "/digest",
            "This must be a SHA-256 digest: 64 lowercase hexadecimal digits.",
        ),
    ],
)
def test_a_misfit_is_pointed_at_and_told_what_belongs_there(body: Json, pointer: str, advice: str) -> None:
    with pytest.raises(Malformed) as refused:
        fit(body, Told)
    assert refused.value.pointers == ((pointer, advice),)


def test_what_is_no_identifier_is_told_which_characters_are() -> None:
    with pytest.raises(Malformed, match="ASCII letters, digits and"):
        fit({"verdict": "deny", "name": "a b"}, Told)
