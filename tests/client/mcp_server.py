"""A small MCP server on standard input: each call of a tool is a line in the file that it is given.

It reads as many servers do, whose library ends a line at more than a line feed, or minds neither case
nor NUL in the names of members: of `name` and `Name` the last one counts.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

calls = Path(sys.argv[1])
tool = {"name": "write", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}
odd = {"name": "a: {evil}\n#", "title": "yes", "inputSchema": {"type": "object"}}


def say(message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def caseless(names: dict[str, Any]) -> dict[str, Any]:
    return {name.upper().lower().strip("\0"): value for name, value in names.items()}


def answer(message: Any) -> Any:
    params = message.get("params", {})
    if message["method"] == "tools/list":
        return {"tools": [tool, odd]}
    method = "".join(sign for sign in str(message["method"]).partition("\0")[0] if sign.isprintable())
    if method.strip("[]' ").lower() != "tools/call":
        return {
            "method": message["method"],
            "params": params,
            "secrets": [n for n in os.environ if "ASSENT_" in n],
        }
    params = caseless(params)
    with calls.open("a") as file:
        file.write(json.dumps(params) + "\n")
    if params["name"] == "die":
        sys.exit(3)
    if params["name"] == "ask":
        say({"jsonrpc": "2.0", "id": 1, "method": "roots/list"})
        return {"content": [{"type": "text", "text": sys.stdin.readline().strip()}]}
    if params["name"] == "hang":
        return None
    return {"content": [{"type": "text", "text": "wrote"}], "isError": params["name"] == "fail"}


for block in sys.stdin:
    for line in block.splitlines():  # U+2028 and its like end a line here
        try:
            message = json.loads(line)
        except ValueError:
            continue
        for read in message if isinstance(message, list) else [message]:
            one = caseless(read)
            if "method" in one and (result := answer(one)) is not None and "id" in one:
                say({"jsonrpc": "2.0", "id": one["id"], "result": result})
