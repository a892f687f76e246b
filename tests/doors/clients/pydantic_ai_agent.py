"""A Pydantic AI agent with a scripted model; its one tool writes a line."""

import asyncio
import json
import sys
from pathlib import Path

from agentapprovalprotocol.pydantic_ai import ApprovalCapability
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.tools import Tool

told = json.loads(sys.argv[1])
answers = []


def script(messages, info):
    """Call the tool once, then stop."""
    returned = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
    if not returned and len(messages) == 1:
        call = ToolCallPart("mail.send", {"to": "zoe@example.com"}, tool_call_id="call-1")
        return ModelResponse(parts=[TextPart("I write to Zoe."), call])
    answers.extend(str(part.content) for part in messages[-1].parts if hasattr(part, "content"))
    return ModelResponse(parts=[TextPart("Done.")])


def send(to: str) -> str:
    """Send a mail."""
    with Path(told["effects"]).open("a") as file:
        file.write("ran\n")
    return f"sent to {to}"


approvals = ApprovalCapability(told["url"], told["token"])
agent = Agent(FunctionModel(script), tools=[Tool(send, name="mail.send")], capabilities=[approvals])
asyncio.run(agent.run("Write to Zoe."))
sys.stdout.write(json.dumps({"answers": answers}))
