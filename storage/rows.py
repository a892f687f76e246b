"""Values to documents and back: JSON of the frozen dataclasses, exact both ways."""

from __future__ import annotations

import msgspec

from bot.core.terms import Agent, Executor, Freeze, Key, Request

_encode = msgspec.json.Encoder().encode

read_request = msgspec.json.Decoder(Request).decode
read_agent = msgspec.json.Decoder(Agent).decode
read_executor = msgspec.json.Decoder(Executor).decode
read_key = msgspec.json.Decoder(Key).decode
read_freeze = msgspec.json.Decoder(Freeze).decode


def document(value: Request | Agent | Executor | Key | Freeze) -> bytes:
    """Write a value as its document."""
    return _encode(value)
