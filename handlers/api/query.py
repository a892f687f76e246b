"""The query parameters: how long to wait, and which page."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from aiohttp import web

from bot.core.errors import Malformed
from bot.core.machine import QUESTIONS_MAX
from bot.core.terms import Request, RequestId, State

WAIT_MAX = 30  # seconds
LIMIT_MAX = 100
LIMIT_DEFAULT = 50
SEQUENCE_MAX = 2**53 - 1
_NUMBER = re.compile(r"[0-9]{1,400}")
_PREFER = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?=[,;]|$)', re.IGNORECASE)
REQUEST_ID = "req_[0-9a-f]{32}"
CURSOR = "[0-9a-f]{46}"  # microseconds since 1970, 14 hex digits (until 4253), and the id's 32
_INSTANT_DIGITS = 14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def only(request: web.Request, names: Collection[str]) -> None:
    """Refuse parameters this route does not have, and any twice; `state` alone may repeat."""
    for name in request.query:
        if name not in names:
            raise Malformed(
                f"There is no query parameter `{name}` here; there are: {', '.join(names) or 'none'}."
            )
        if name != "state" and len(request.query.getall(name)) > 1:
            raise Malformed(f"Give `{name}` once.")


def wait(request: web.Request) -> tuple[timedelta, dict[str, str]]:
    """Return how long to wait, at most 30 s, and the headers that say which preference was applied."""
    asked = request.query.get("wait")
    if asked is not None:
        return _capped(_number("wait", asked)), {}
    preferred = _PREFER.search(",".join(request.headers.getall("Prefer", ())))
    if preferred is None:
        return timedelta(), {}
    length = _capped(int(preferred[1]))
    return length, {"Preference-Applied": f"wait={int(length.total_seconds())}", "Vary": "Prefer"}


def since(request: web.Request) -> State:
    """Return the state to wait for the end of."""
    return _state("since", request.query.get("since", State.PENDING.value))


def questions(request: web.Request) -> int:
    """Return how many questions the caller knows of; without that, no question is waited for."""
    return min(_number("questions", request.query.get("questions", str(QUESTIONS_MAX))), QUESTIONS_MAX)


def states(request: web.Request) -> tuple[State, ...]:
    """Return the states to list: `?state=a&state=b` or `?state=a,b`; none given means all."""
    named = [name for given in request.query.getall("state", ()) for name in given.split(",")]
    return tuple(dict.fromkeys(_state("state", name) for name in named))


def limit(request: web.Request) -> int:
    """Return how many to list, 1 to 100."""
    asked = _number("limit", request.query.get("limit", str(LIMIT_DEFAULT)))
    if not 1 <= asked <= LIMIT_MAX:
        raise Malformed(f"`limit` is between 1 and {LIMIT_MAX}.")
    return asked


def after(request: web.Request) -> int:
    """Return the sequence beyond which to list."""
    return min(_number("after", request.query.get("after", "0")), SEQUENCE_MAX)


def about(request: web.Request) -> RequestId | None:
    """Return the one request to list, None for all; raises `Malformed`."""
    given = request.query.get("request")
    if given is not None and not re.fullmatch(REQUEST_ID, given):
        raise Malformed("`request` is a request's id.")
    return RequestId(given) if given is not None else None


def cursor(request: web.Request) -> tuple[datetime, RequestId] | None:
    """Return where the last page ended; raises `Malformed` for anything we did not hand out."""
    given = request.query.get("cursor")
    if given is None:
        return None
    if not re.fullmatch(CURSOR, given):
        raise Malformed("`cursor` is the `next_cursor` of an earlier page; leave it out for the first page.")
    at = _EPOCH + int(given[:_INSTANT_DIGITS], 16) * _MICROSECOND
    return at, RequestId(f"req_{given[_INSTANT_DIGITS:]}")


def cursor_after(last: Request) -> str:
    """Return the cursor of the page that follows this request."""
    at = (last.created_at - _EPOCH) // _MICROSECOND
    return f"{at:0{_INSTANT_DIGITS}x}{last.id.removeprefix('req_')}"


def _capped(seconds: int) -> timedelta:
    return timedelta(seconds=min(seconds, WAIT_MAX))


def _number(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Malformed(f"`{name}` is a whole number, not negative.")
    return int(text)


def _state(name: str, text: str) -> State:
    try:
        return State(text)
    except ValueError:
        raise Malformed(f"`{name}` is one of: {', '.join(State)}.") from None
