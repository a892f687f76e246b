"""The canonical form of JSON (RFC 8785): equal values, equal bytes."""

from collections.abc import Mapping
from typing import Any

import orjson
import rfc8785

from bot.core.errors import Malformed
from bot.core.terms import Json

ORJSON = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def canonical(value: Json) -> bytes:
    """Write a value as RFC 8785 does, or raise `Malformed` if it has no such form."""
    try:
        return orjson.dumps(value, option=ORJSON) if _is_plain(value) else _canonical(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Malformed("The value has no canonical JSON form.") from error


def _is_plain(value: Json) -> bool:
    """Tell whether orjson writes it as RFC 8785 does: no floats, no names beyond the BMP, nothing foreign."""
    kind = type(value)
    if kind is dict:
        for name, inner in value.items():
            if type(name) is not str or not (name.isascii() or max(name) < "\U00010000"):
                return False
            if type(inner) is not str and not _is_plain(inner):
                return False
        return True
    if kind is list:
        return all(map(_is_plain, value))
    return kind is str or kind is int or kind is bool or value is None


def _canonical(value: Json) -> bytes:
    if isinstance(value, Mapping):
        names = sorted(value, key=_utf16)
        return b"{%b}" % b",".join(b"%b:%b" % (canonical(name), canonical(value[name])) for name in names)
    if isinstance(value, list | tuple):
        return b"[%b]" % b",".join(map(canonical, value))
    if type(value) is float:
        return rfc8785.dumps(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _utf16(name: Any) -> bytes:
    if type(name) is not str:
        raise TypeError("a member's name is not text")
    return name.encode("utf-16-be")
