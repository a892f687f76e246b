"""Entries of the log: canonical JSON (RFC 8785), and salted commitments to what it must not hold."""

from collections.abc import Mapping
from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import Annotated, Any

import msgspec
import orjson

from bot.core.log.broken import LogBroken

INTEGER_MAX = 2**53 - 1  # RFC 8785, section 3.2.2.3: what every JSON reader agrees on
SafeInteger = Annotated[int, msgspec.Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
Scalar = str | SafeInteger | bool | None
SALT_MIN = 16  # bytes; below, a short value could be found by trying


def seal(fields: Mapping[str, Any]) -> bytes:
    """Write an entry's fields as canonical JSON.

    Fields are text, whole numbers, booleans, null, and lists and objects of these, under ASCII names;
    for these orjson's output with sorted names is RFC 8785's. Anything else, or a
    missing `sequence`, raises `LogBroken`.
    """
    sequence = fields.get("sequence")
    if type(sequence) is not int or sequence < 0:
        raise LogBroken("it has no sequence number")
    try:
        _require_members(fields)
        return _encode(fields)
    except (TypeError, ValueError, RecursionError) as error:
        raise LogBroken(f"it has no canonical form: {error}", sequence) from error


def unseal(entry: bytes, sequence: int) -> dict[str, Any]:
    """Read the entry at place `sequence`, or raise `LogBroken` if `seal` would not have written it so."""
    try:
        fields = _read(entry)
        written = _encode(fields)
    except (TypeError, ValueError, RecursionError) as error:
        raise LogBroken("it is not canonical JSON", sequence) from error
    if type(fields) is not dict or written != entry:
        raise LogBroken("it is not canonical JSON of an object", sequence)
    if type(fields.get("sequence")) is not int or fields["sequence"] != sequence:
        raise LogBroken("it carries another sequence number inside", sequence)
    return fields


def _read(entry: bytes) -> Any:
    """Read JSON that holds nothing but what `seal` takes; raises `ValueError`, `TypeError`."""
    if entry.isascii():  # names too, then: orjson escapes nothing beyond ASCII, so an escape is not canonical
        try:
            return _decode_flat(entry)
        except msgspec.DecodeError:
            pass  # not of the one shape that our own entries have
    fields = orjson.loads(entry)
    _require_plain("the entry", fields)
    return fields


def commit(salt: bytes, value: str) -> str:
    """Commit to a value that can later be erased: HMAC-SHA256(salt, value), lowercase hex.

    `salt` is 16 random bytes or more, one for each value, kept and erased with it.
    """
    if len(salt) < SALT_MIN:
        raise LogBroken(f"a salt has at least {SALT_MIN} bytes")
    try:
        return hmac_digest(salt, value.encode(), "sha256").hex()
    except UnicodeEncodeError as error:
        raise LogBroken("the committed value holds a lone surrogate") from error


def commitment_matches(commitment: str, salt: bytes, value: str) -> bool:
    """Tell whether this salt and value open the commitment."""
    return compare_digest(commitment.encode(errors="replace"), commit(salt, value).encode())


def _require_members(members: Mapping[Any, object]) -> None:
    """Refuse what orjson and RFC 8785 spell differently: floats, and names beyond ASCII."""
    if not "".join(members).isascii():  # raises for a name that is not text
        raise ValueError("a field's name is not ASCII text")
    for name, value in members.items():
        if not isinstance(value, str):
            _require_plain(name, value)


def _require_plain(name: str, value: object) -> None:
    if value is None or isinstance(value, (str, bool)):
        return
    if isinstance(value, int) and -INTEGER_MAX <= value <= INTEGER_MAX:
        return
    if isinstance(value, dict):
        _require_members(value)
    elif isinstance(value, (list, tuple)):
        for held in value:
            _require_plain(name, held)
    else:
        raise TypeError(f"{name!a} is neither text, a safe whole number, a boolean nor null")


_decode_flat = msgspec.json.Decoder(dict[str, Scalar | dict[str, Scalar]]).decode


def _encode(fields: Mapping[str, Any]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
