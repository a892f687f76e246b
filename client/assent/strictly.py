"""JSON that every reader understands alike; anything else raises `ValueError`."""

from __future__ import annotations

import json
from typing import Any, NoReturn

Json = dict[str, Any]


class NotPlain(ValueError):
    """It is not JSON that every reader understands alike, or not of the shape that was expected."""


DEPTH_MAX = 64  # levels: twice what Assent takes, as callbacks wrap what was asked
INTEGER_MAX = 2**53 - 1


def read_object(raw: bytes | str) -> Json:
    """Return the JSON object in `raw`, or raise `ValueError`, whatever it holds."""
    written = raw.decode() if isinstance(raw, bytes) else raw  # left alone, json would guess the encoding
    try:
        value = json.loads(written, object_pairs_hook=_once, parse_constant=_refused, parse_int=_whole)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # no lone surrogate, no 1e999
    except RecursionError:
        raise NotPlain("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise NotPlain("it is not an object")
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX):
        level = [inner for held in level for inner in _inside(held)]
    if level:
        raise NotPlain("it is nested too deeply")
    return value


def text(held: Json, *path: str) -> str:
    """Return the text at a path of members, or raise `ValueError`."""
    value: Any = held
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise NotPlain(f"{'.'.join(path)} is not text")
    return value


def member(held: Json, *path: str) -> Json:
    """Return the object at a path of members, or raise `ValueError`."""
    value: Any = held
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        raise NotPlain(f"{'.'.join(path)} is not an object")
    return value


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _once(pairs: list[tuple[str, Any]]) -> Json:
    """Refuse a name that stands twice: two readers could each believe another one."""
    held = dict(pairs)
    if len(held) != len(pairs):
        raise NotPlain("a name stands twice")
    return held


def _whole(spelling: str) -> int:
    if len(spelling) > 17 or abs(int(spelling)) > INTEGER_MAX:
        raise NotPlain("a number is larger than JSON carries")
    return int(spelling)


def _refused(_spelling: str) -> NoReturn:
    raise NotPlain("not a number")
