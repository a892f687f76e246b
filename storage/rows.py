"""Values to documents and back: JSON of the frozen dataclasses, exact both ways."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import structlog

from bot.core.errors import Unreadable
from bot.core.terms import Absence, Agent, Executor, Freeze, Key, Linked, Quiet, Request

_encode = msgspec.json.Encoder().encode

_decode_request = msgspec.json.Decoder(Request).decode
read_agent = msgspec.json.Decoder(Agent).decode
read_executor = msgspec.json.Decoder(Executor).decode
read_key = msgspec.json.Decoder(Key).decode
read_freeze = msgspec.json.Decoder(Freeze).decode
read_absence = msgspec.json.Decoder(Absence).decode
read_quiet = msgspec.json.Decoder(Quiet).decode
read_linked = msgspec.json.Decoder(Linked).decode


log = structlog.get_logger()


def read_request(document: bytes) -> Request:
    """Read a request's document; raises `Unreadable`, whatever the column holds."""
    try:
        return _decode_request(document)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as fault:
        raise Unreadable from fault


def read_requests(documents: Iterable[bytes]) -> list[Request]:
    """Read a list's documents without those that cannot be read: one must not hide the others."""
    found = []
    for one in documents:
        try:
            found.append(read_request(one))
        except Unreadable as fault:
            log.error("store.unreadable", error=str(fault.__cause__))  # noqa: TRY400
    return found


def document(value: Request | Agent | Executor | Key | Freeze | Absence | Quiet | Linked) -> bytes:
    """Write a value as its document."""
    return _encode(value)
