"""Strict JSON: one reading of the bytes, or none. Whatever they are, the only error is `Malformed`."""

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from bot.core.errors import Malformed, TooLarge
from bot.core.literal import IDENTIFIER
from bot.core.terms import Json

LIMIT = 256 * 1024  # bytes of a body
DEPTH_MAX = 32  # objects and arrays inside one another
INTEGER_MAX = 2**53 - 1  # RFC 8785, section 3.2.2.3: what every JSON reader agrees on
INTEGER_DIGITS = 17  # of INTEGER_MAX, and a sign
EXPONENT_FROM = 1e21  # from here on the canonical form of a number has an exponent
NAME_SHOWN_MAX = 64  # characters of a member's name in an error
HEX = "^[0-9a-f]{64}$"  # a SHA-256 digest
FORMS = {  # msgspec's spelling of a pattern → what to write
    repr(IDENTIFIER): (
        "This must be an identifier: ASCII letters, digits and . _ : / @ + = , # % ~ ? & $ - only."
    ),
    repr(HEX): "This must be a SHA-256 digest: 64 lowercase hexadecimal digits.",
}

T = TypeVar("T")


def parse(body: bytes) -> Json:
    """Read strict JSON, or raise `Malformed` or `TooLarge`, whatever the bytes."""
    if len(body) > LIMIT:
        raise TooLarge(f"The body has {len(body)} bytes; at most {LIMIT} are taken.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8 at byte {error.start}.") from None
    try:
        value = _decoded(_decode, text)
    except Malformed as error:
        _require_sound(_decoded(_decode_marking, text), "", 0)  # once more, slowly, to say where
        raise error from None
    deep = text.count("{") + text.count("[") > DEPTH_MAX
    if deep or "\\ud" in text or "\\uD" in text:  # else neither depth nor surrogates are possible
        _require_sound(value, "", 0)
    return value


def fit(value: Json, kind: type[T]) -> T:
    """Read parsed JSON as `kind`, a `msgspec.Struct`; raise `Malformed` with a pointer to the misfit."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), kind) from None


def _misfit(message: str, kind: type[object]) -> Malformed:
    """Turn msgspec's words, `… - at `$.action.name``, into a pointer (RFC 6901) and what to do."""
    found = re.fullmatch(r"(.*?)(?: - at `\$(.*)`)?", message, re.DOTALL)
    problem, path = (found[1], found[2] or "") if found else (message, "")
    pointer = path.replace(".", "/")
    if unknown := re.fullmatch("Object contains unknown field `(.*)`", problem, re.DOTALL):
        return at(f"{pointer}/{_token(unknown[1])}", "This member is not known here.")
    if missing := re.fullmatch("Object missing required field `(.*)`", problem):
        return at(f"{pointer}/{_token(missing[1])}", "This member is missing; it is required.")
    if pattern := re.search("matching regex (.*)", problem):
        return at(pointer, FORMS.get(pattern[1], f"This must match {pattern[1]}."))
    if problem.startswith("Invalid enum value") and (choices := _choices(kind, pointer)):
        return at(pointer, f"This must be one of {', '.join(choices)}.")
    return at(pointer, f"{problem}.")


def _choices(kind: type[object], pointer: str) -> list[str]:
    """Return what a member of the body itself may be; nothing for one deeper down."""
    shape = msgspec.inspect.type_info(kind)
    members = shape.fields if isinstance(shape, msgspec.inspect.StructType) else ()
    for member in members:
        if f"/{member.encode_name}" == pointer and isinstance(member.type, msgspec.inspect.LiteralType):
            return [str(value) for value in member.type.values]
        if f"/{member.encode_name}" == pointer and isinstance(member.type, msgspec.inspect.EnumType):
            return [str(value.value) for value in member.type.cls]
    return []


def _decoded(decode: Callable[[str], Any], text: str) -> Json:
    try:
        return decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Malformed(f"The body is not JSON at {where}: {error.msg}.") from None
    except RecursionError:
        raise Malformed(f"The body is nested deeper than {DEPTH_MAX}.") from None


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # Counted at once: asking for each name how often it stands there would take minutes of a long body.
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name in members if counts[name] > 1)
        raise Malformed(f"The member {twice[:NAME_SHOWN_MAX]!a} stands twice.")
    return members


def _integer(spelling: str) -> int:
    if len(spelling) > INTEGER_DIGITS or abs(number := int(spelling)) > INTEGER_MAX:
        raise Malformed("An integer is beyond ±9007199254740991; send it as a string.")
    return number


def _float(spelling: str) -> float:
    number = float(spelling)
    if INTEGER_MAX < abs(number) < EXPONENT_FROM:  # written canonically, it would be such an integer
        raise Malformed("A number is beyond ±9007199254740991; send it as a string.")
    if abs(number) == float("inf") or (number == 0 and re.match(r"-?[0.]*[1-9]", spelling)):
        raise Malformed("A number is too large or too small for JSON; send it as a string.")
    return number


def _constant(spelling: str) -> float:
    raise Malformed(f"{spelling} is not JSON.")


def _marking(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Leave a fault in its place as a value, for `_require_sound` to find."""

    def marking(token: Any) -> Any:
        try:
            return hook(token)
        except Malformed as fault:
            return fault

    return marking


_decode = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_float, parse_constant=_constant
).decode
_decode_marking = json.JSONDecoder(
    object_pairs_hook=_marking(_members),
    parse_int=_marking(_integer),
    parse_float=_marking(_float),
    parse_constant=_marking(_constant),
).decode


def _require_sound(value: Json, pointer: str, depth: int) -> None:
    """Walk a value that something may be wrong with; raise the first fault with its pointer."""
    if isinstance(value, Malformed):
        raise at(pointer, value.detail)
    if isinstance(value, str):
        _require_text(value, pointer)
    if not isinstance(value, dict | list):
        return
    if depth == DEPTH_MAX:
        raise at(pointer, f"The body is nested deeper than {DEPTH_MAX}.")
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(name, str):
            _require_text(name, pointer)
        _require_sound(inner, f"{pointer}/{_token(str(name))}", depth + 1)


def _require_text(text: str, pointer: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise at(pointer, "A string holds a lone surrogate.") from None


def _token(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def at(pointer: str, problem: str) -> Malformed:
    """Return the refusal of what stands at a place in the body (RFC 6901)."""
    return Malformed(f"At {pointer or 'the top'}: {problem}", pointers=((pointer, problem),))
