"""Values to documents and back: JSON of the frozen dataclasses, exact both ways."""

from __future__ import annotations

import msgspec

from bot.core.terms import Absence, Agent, Executor, Freeze, Key, Linked, Quiet, Request

_encode = msgspec.json.Encoder().encode

read_request = msgspec.json.Decoder(Request).decode
read_agent = msgspec.json.Decoder(Agent).decode
read_executor = msgspec.json.Decoder(Executor).decode
read_key = msgspec.json.Decoder(Key).decode
read_freeze = msgspec.json.Decoder(Freeze).decode
read_absence = msgspec.json.Decoder(Absence).decode
read_quiet = msgspec.json.Decoder(Quiet).decode
read_linked = msgspec.json.Decoder(Linked).decode


def document(value: Request | Agent | Executor | Key | Freeze | Absence | Quiet | Linked) -> bytes:
    """Write a value as its document."""
    return _encode(value)
