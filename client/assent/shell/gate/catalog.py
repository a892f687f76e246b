"""A server's tools as the actions of a policy, to begin with: what each takes is read from its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from assent.refusals import Misused
from assent.shell.gate.local import Local
from assent.shell.gate.messages import named
from assent.shell.gate.remote import Remote
from assent.shell.screen import literal, result
from assent.strictly import Json

VERSION = "2025-11-25"
TYPES = {"string": "text", "integer": "int", "number": "number", "boolean": "bool", "object": "object"}
WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")  # not text, to one reader or another
_PLAIN = re.compile("[A-Za-z_][A-Za-z0-9_.-]*")


def catalog(name: str, server: Local | Remote) -> int:
    """Print the catalog; whoever owns the policy reads it before it is used. Returns the exit code."""
    try:
        tools = _tools(server)
    finally:
        server.close()
    result("actions:")
    for tool in tools:
        for line in _action(name, tool):
            result(line)
    return 0


def _tools(server: Local | Remote) -> list[Json]:
    said, tools = server.lines(), []
    hello = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "assent", "version": "1"}}
    _asked(server, said, 0, "initialize", hello)
    server.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    params: Json = {}
    for number in range(1, 100):
        page = _asked(server, said, number, "tools/list", params)
        tools += page.get("tools", [])
        if not page.get("nextCursor"):
            break
        params = {"cursor": page["nextCursor"]}
    return tools


def _asked(server: Local | Remote, said: Iterator[bytes], number: int, method: str, params: Json) -> Json:
    server.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    for line in said:
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and "method" not in message and named(message) == ("int", number):
            answer = message.get("result")
            if isinstance(answer, dict):
                return answer
            raise Misused(f"The server refuses {method}: {literal(str(message.get('error')))}")
    raise Misused(f"The server ended before it answered {method}.")


def _action(name: str, tool: Json) -> Iterator[str]:
    schema, named = tool.get("inputSchema") or {}, str(tool.get("name"))
    required = schema.get("required") or []
    title = tool.get("title") or (tool.get("annotations") or {}).get("title") or named
    yield f"  {_written(f'mcp.{name}.{named}')}:"
    yield f"    title: {_written(str(title)[:80])}"
    params = schema.get("properties")
    if not isinstance(params, dict) or not params:
        return
    yield "    params:"
    for parameter, about in params.items():
        kind = _kind(about if isinstance(about, dict) else {})
        optional = "" if parameter in required else ", optional: true"
        yield f"      {_written(parameter)}: {{{kind}{optional}}}"


def _kind(about: Json) -> str:
    if about.get("type") == "array":
        of = str((about.get("items") or {}).get("type"))
        return f"type: list, of: {TYPES.get(of, 'object')}"
    return f"type: {TYPES.get(str(about.get('type')), 'text')}"


def _written(text: str) -> str:
    """Write a scalar that YAML reads as text, whatever it says."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in WORDS else json.dumps(text)
