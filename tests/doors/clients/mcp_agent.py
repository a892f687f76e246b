"""The protocol's own SDK as a client: calls tools one after another, and says what came back."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Literal

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClientExtension, ResultClaim
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Request, RequestParams, Result
from pydantic import TypeAdapter

TASKS = "io.modelcontextprotocol/tasks"
told = json.loads(sys.argv[1])
polls = []
beats = []


class Handle(Result):
    """A task in place of a result; the SDK knows the extension's place, not its shapes."""

    result_type: Literal["task"] = "task"
    task_id: str
    status: str
    poll_interval_ms: int | None = None


class TaskParams(RequestParams):
    task_id: str


class TaskRequest(Request[TaskParams, str]):
    name_param = "taskId"


async def ask(session, method, task_id):
    request = TaskRequest(method=method, params=TaskParams(task_id=task_id))
    return await session.send_request(request, TypeAdapter(dict[str, Any]))


async def resolve(handle, context):
    """Poll as the extension says, until it is done; perhaps not before the test says that we are back."""
    if "away" in told:
        Path(told["away"]).touch()
    while "away" in told and Path(told["away"]).exists():
        await asyncio.sleep(0.05)
    while True:
        task = await ask(context.session, "tasks/get", handle.task_id)
        polls.append(task["status"])
        if told.get("cancels") and task["status"] == "working":
            await ask(context.session, "tasks/cancel", handle.task_id)
            told["cancels"] = False
        elif task["status"] != "working":
            break
        else:
            await asyncio.sleep(0.05)
    result = task.get("result", {"content": [{"type": "text", "text": task["status"]}], "isError": True})
    return CallToolResult.model_validate(result)


class Tasks(ClientExtension):
    identifier = TASKS

    def claims(self):
        return [ResultClaim(result_type="task", model=Handle, resolve=resolve)]


async def heard(progress, total, message):
    beats.append(message)


async def main():
    headers = {"Authorization": f"Bearer {told['token']}"} if told.get("token") else {}
    http = httpx2.AsyncClient(headers=headers, timeout=60)
    extensions = [Tasks()] if told.get("tasks") else []
    answers, last = [], None
    if "command" in told:
        program, *rest = told["command"]
        transport = StdioServerParameters(command=program, args=rest, env=told["environment"])
    else:
        transport = streamable_http_client(told["url"], http_client=http)
    async with Client(transport, mode=told.get("mode", "auto"), extensions=extensions) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        for name, arguments in told["calls"]:
            filled = {key: last if value == "$id" else value for key, value in arguments.items()}
            try:
                result = await client.call_tool(name, filled, progress_callback=heard)
            except MCPError as error:
                answers.append({"fault": error.code, "text": error.message})
                continue
            text = result.content[0].text if result.content else ""
            answers.append({"error": result.is_error, "text": text, "told": result.structured_content})
            last = (result.structured_content or {}).get("id", last)
        said = {"version": client.protocol_version, "tools": tools, "answers": answers}
    sys.stdout.write(json.dumps(said | {"polls": polls, "beats": beats}))


asyncio.run(main())
