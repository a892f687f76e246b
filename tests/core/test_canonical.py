"""Canonical JSON is RFC 8785's, by whichever of the two ways it is written."""

import math
import struct
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given

from bot.core.action import canonical
from bot.core.errors import Malformed
from tests.fixtures.json_values import FLOATS, PLAIN, VALUES


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
