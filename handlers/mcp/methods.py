"""The protocol's methods, in both generations."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from bot.core.terms import Json
from handlers.mcp.asking import Caller
from handlers.mcp.calls import Calls
from handlers.mcp.messages import HANDSHAKE, MODERN, NO_METHOD, TASKS, Fault, Message
from handlers.mcp.stream import Stream
from handlers.mcp.tasks import Tasks
from handlers.mcp.tools import INSTRUCTIONS, TOOLS

SERVER = {"name": "assent", "title": "Assent", "version": "1"}
KEPT = {"ttlMs": 3_600_000, "cacheScope": "private"}  # how long a client may keep what it was told of us


@dataclass(frozen=True, slots=True)
class Methods:
    """What is served, by name."""

    calls: Calls
    tasks: Tasks

    async def served(
        self, caller: Caller, message: Message, stream: Stream, request: web.Request
    ) -> dict[str, Json]:
        """Return a method's result; raises `Fault`."""
        match message.method, message.modern:
            case "tools/call", _:
                return await self.calls.called(caller, message, stream, request)
            case "tools/list", True:
                return {"tools": TOOLS, **KEPT}
            case "tools/list", False:
                return {"tools": TOOLS}
            case "tasks/get", True:
                return await self.tasks.get(caller, message)
            case "tasks/cancel", True:
                return await self.tasks.cancel(caller, message)
            case "tasks/update", True:
                return await self.tasks.update(caller, message)
            case "server/discover", True:
                return _discovered()
            case "initialize", False:
                return _initialized(message)
            case "ping", False:
                return {}
        raise Fault(NO_METHOD, f"There is no method {message.method[:64]!a} here.")


def _discovered() -> dict[str, Json]:
    return {
        "supportedVersions": [*HANDSHAKE, MODERN],
        "capabilities": {"tools": {}, "extensions": {TASKS: {}}},
        "instructions": INSTRUCTIONS,
        **KEPT,
    }


def _initialized(message: Message) -> dict[str, Json]:
    """Agree on the version that the client asks for, else offer the newest of its generation."""
    wanted = message.text("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in HANDSHAKE else HANDSHAKE[-1],
        "capabilities": {"tools": {}},
        "serverInfo": SERVER,
        "instructions": INSTRUCTIONS,
    }
