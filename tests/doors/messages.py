"""A small Messages API: a model that says what a test wrote down, turn by turn."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Block = dict[str, Any]


def text(words: str) -> Block:
    """Return what a model says."""
    return {"type": "text", "text": words}


def tool(name: str, call_id: str, **input: Any) -> Block:
    """Return a model's call of a tool."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": input}


class Model:
    """Answers the n-th turn of a conversation with the n-th script, and everything after with `Done.`."""

    def __init__(self, *turns: list[Block], streams: bool = True) -> None:
        self.turns = list(turns)
        self.streams = streams  # without, the CLI falls back to one whole message a turn
        self.results: dict[str, str] = {}  # by call: what the tool answered

    def app(self) -> web.Application:
        """Return the server."""
        app = web.Application(client_max_size=50_000_000)
        app.router.add_route("*", "/{path:.*}", self._any)
        return app

    async def _any(self, request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/messages"):
            return web.json_response({"input_tokens": 1})
        told = await request.json()
        if told.get("stream") and not self.streams:
            error = {"type": "not_found_error", "message": "no streams here"}
            return web.json_response({"type": "error", "error": error}, status=404)
        self._remember(told["messages"])
        spoken = sum(message["role"] == "assistant" for message in told["messages"])
        asked = any(one["name"] == "Bash" for one in told.get("tools", ()))  # else some errand of its own
        blocks = self.turns[spoken] if asked and spoken < len(self.turns) else [text("Done.")]
        message = _message(told["model"], blocks)
        if not told.get("stream"):
            return web.json_response(message)
        return await _streamed(request, message, blocks)

    def _remember(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            for block in message["content"] if isinstance(message["content"], list) else ():
                if block["type"] == "tool_result":
                    self.results[block["tool_use_id"]] = json.dumps(block.get("content"))


def _message(model: str, blocks: list[Block]) -> dict[str, Any]:
    calls = any(block["type"] == "tool_use" for block in blocks)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": blocks,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


async def _streamed(request: web.Request, message: dict[str, Any], blocks: list[Block]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)

    async def send(kind: str, **members: Any) -> None:
        event = json.dumps({"type": kind, **members})
        await response.write(f"event: {kind}\ndata: {event}\n\n".encode())

    await send("message_start", message=message | {"content": [], "stop_reason": None})
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            empty, delta = text(""), {"type": "text_delta", "text": block["text"]}
        else:
            empty = block | {"input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        await send("content_block_start", index=index, content_block=empty)
        await send("content_block_delta", index=index, delta=delta)
        await send("content_block_stop", index=index)
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    await send("message_delta", delta=stop, usage={"output_tokens": 1})
    await send("message_stop")
    return response


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    """Serve an application on loopback; yield its address."""
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
