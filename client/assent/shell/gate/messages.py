"""The messages of the protocol: JSON-RPC, one a line."""

from __future__ import annotations

import json
from typing import Any

from assent.strictly import Json, NotPlain, read_object

MEMBERS = ("jsonrpc", "id", "method", "params", "result", "error")  # of a message; the protocol has no others
CALL = "tools/call"
CANCELLED = "notifications/cancelled"
PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS, INTERNAL = -32700, -32600, -32602, -32603
OWN = "io.modelcontextprotocol/"  # the protocol's own names in `_meta`
STAND_ALONE = f"{OWN}protocolVersion"  # in `_meta` of a version without a handshake

Id = Any  # a string or an integer; `"1"` is not `1`


def read(line: bytes) -> Json:
    """Return the one message on a line; raises `ValueError` for anything that could be read in two ways."""
    message = read_object(line)
    # Servers in Go and C# take `Method` for `method`, so a name that only looks like ours goes nowhere.
    if any(name not in MEMBERS for name in message):
        raise NotPlain("it has a member that the protocol does not know")
    method = message.get("method", "")
    # Nor is one taken that has anything but plain letters and signs: some read up to a NUL, or past a blank.
    plain = isinstance(method, str) and method.isascii() and method.isprintable()
    if not plain or (method != CALL and folded(method.strip()) == CALL):
        raise NotPlain("its method is not spelled as the protocol has it")
    return message


def folded(name: str) -> str:
    """Return what every spelling of a name has in common to a reader that minds neither case nor script."""
    return name.upper().casefold()


def written(message: Json) -> bytes:
    """Return a message as a line of ASCII: nothing in it looks like the end of a line to anybody."""
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def named(message: Json) -> tuple[str, Id] | None:
    """Return what tells the id of a message from every other id; None where it has no proper one."""
    own = message.get("id")
    if isinstance(own, bool) or not isinstance(own, int | str):
        return None
    return type(own).__name__, own


def meta_of(message: Json) -> Json:
    """Return what a message says about itself."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return meta if isinstance(meta, dict) else {}


def fault(of: Id, code: int, words: str) -> Json:
    """Return an error in place of a result."""
    return {"jsonrpc": "2.0", "id": of, "error": {"code": code, "message": words}}


def refusal(call: Json, words: str) -> Json:
    """Return the result of a call that did not run: an error of the tool, so that the model reads it."""
    result: Json = {"content": [{"type": "text", "text": words}], "isError": True}
    if STAND_ALONE in meta_of(call):
        result["resultType"] = "complete"
    return {"jsonrpc": "2.0", "id": call["id"], "result": result}


def progress(call: Json, beat: int, words: str) -> Json | None:
    """Return a sign of life, where the client asked for such."""
    token = meta_of(call).get("progressToken")
    if isinstance(token, bool) or not isinstance(token, int | str):
        return None
    # Progress only grows, and the server, which counts from nothing, may speak after us.
    params: Json = {"progressToken": token, "progress": beat / 1_000_000, "message": words}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
