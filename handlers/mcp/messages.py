"""JSON-RPC as the protocol wraps it, in its two generations.

Up to 2025-11-25 a client shakes hands (`initialize`) and then calls; a header names the version, or nothing
does. Since 2026-07-28 each call stands alone: it says in `_meta` which version it speaks and what the client
can do, and repeats in headers what a proxy may want to know.

A message is taken in these steps; the first that fails is the answer.
1. It is strict JSON: one object, one request or notification.
2. Its version is one that is spoken here.
3. A modern one carries its version and the client's abilities in `_meta`.
4. Its headers stand once each, and say what the body says.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from bot.core.action import parse
from bot.core.errors import Malformed
from bot.core.terms import Json

HANDSHAKE = ("2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
TOLERATED = "2025-03-26"  # what its own specification assumes of a client that sends no header
VERSION, METHOD, NAME = "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"
RESERVED = "io.modelcontextprotocol/"
TASKS = f"{RESERVED}tasks"

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
HEADER_MISMATCH, NO_CAPABILITY, NO_VERSION = -32020, -32021, -32022
STATUSES = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    NO_CAPABILITY: 400,
    NO_VERSION: 400,
    NO_METHOD: 404,
}
_NAMED = {"tools/call": "name", "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId"}


class Fault(Exception):
    """What JSON-RPC answers with an error."""

    def __init__(self, code: int, message: str, data: Json = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return STATUSES.get(self.code, 200)


@dataclass(frozen=True, slots=True)
class Message:
    """One request, or a notification where `id` is None."""

    id: int | str | None
    method: str
    params: Mapping[str, Json]
    modern: bool = False
    takes_tasks: bool = False

    def text(self, name: str) -> str:
        """Return a parameter that is text; raises `Fault`."""
        value = self.params.get(name)
        if not isinstance(value, str):
            raise Fault(INVALID_PARAMS, f"params.{name} must be a string.")
        return value

    @property
    def progress_token(self) -> int | str | None:
        """What the client calls its wait, where it wants to hear how it goes."""
        token = _object(self.params.get("_meta")).get("progressToken")
        return token if isinstance(token, int | str) else None


def read(body: bytes) -> Message:
    """Return the message that was posted, not checked beyond step 1; raises `Fault`."""
    try:
        value = parse(body)
    except Malformed as problem:
        raise Fault(PARSE_ERROR, problem.detail) from None
    if (
        not isinstance(value, dict)
        or value.get("jsonrpc") != "2.0"
        or not isinstance(value.get("method"), str)
    ):
        raise Fault(INVALID_REQUEST, "Send one JSON-RPC 2.0 request or notification; batches are not taken.")
    named, params = value.get("id"), value.get("params", {})
    if "id" in value and (isinstance(named, bool) or not isinstance(named, int | str)):
        raise Fault(INVALID_REQUEST, "The id must be a string or an integer.")
    if not isinstance(params, dict):
        raise Fault(INVALID_PARAMS, "params must be an object.")
    return Message(named, value["method"], params)


def checked(message: Message, request: web.Request) -> Message:
    """Return a message that its headers agree with (2, 3, 4); raises `Fault`."""
    if _version(request, message) != MODERN or message.id is None:
        return message
    return _modern(request, message)


def _version(request: web.Request, message: Message) -> str:
    told = request.headers.getall(VERSION, [])  # 2
    if len(told) > 1:  # one reader would believe the first, another the last
        raise Fault(HEADER_MISMATCH, f"{VERSION} stands more than once.")
    inside = _object(message.params.get("_meta")).get(f"{RESERVED}protocolVersion")
    version = told[0] if told else TOLERATED
    if inside is not None and inside != version:
        raise Fault(HEADER_MISMATCH, f"{VERSION} is not the version that params._meta names.")
    if version not in (*HANDSHAKE, MODERN, TOLERATED):
        raise Fault(
            NO_VERSION,
            "This version of the protocol is not spoken here.",
            {"supported": [*HANDSHAKE, MODERN], "requested": version},
        )
    return version


def _modern(request: web.Request, message: Message) -> Message:
    meta = _object(message.params.get("_meta"))
    for name in ("protocolVersion", "clientCapabilities"):  # 3
        if RESERVED + name not in meta:
            raise Fault(INVALID_PARAMS, f"params._meta lacks {RESERVED}{name}.")
    _require_header(request, METHOD, message.method)  # 4
    named = _NAMED.get(message.method)
    if message.method == "tools/call" or (named and NAME in request.headers):
        _require_header(request, NAME, message.params.get(named or ""))
    able = _object(_object(meta[f"{RESERVED}clientCapabilities"]).get("extensions"))
    return Message(message.id, message.method, message.params, modern=True, takes_tasks=TASKS in able)


def _require_header(request: web.Request, name: str, value: Json) -> None:
    found = request.headers.getall(name, [])
    if len(found) != 1 or _decoded(found[0]) != value:
        raise Fault(HEADER_MISMATCH, f"{name} must stand once, and say what the body says.")


def _decoded(value: str) -> str | None:
    """Read a header that may be written as `=?base64?…?=`."""
    if not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return b64decode(value[9:-2], validate=True).decode()
    except ValueError:
        return None


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}
