"""An OpenAI Agents SDK agent with a scripted model; its one tool writes a line."""

import asyncio
import json
import sys
from pathlib import Path

from agentapprovalprotocol.openai_agents import Approvals
from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

told = json.loads(sys.argv[1])
set_tracing_disabled(True)
answers = []


class Scripted(Model):
    """Calls the tool once, then stops."""

    async def get_response(self, system_instructions, input, *rest, **options):
        results = [
            item for item in input if isinstance(item, dict) and item.get("type") == "function_call_output"
        ]
        answers.extend(str(item["output"]) for item in results)
        if results:
            text = ResponseOutputText(text="Done.", type="output_text", annotations=[])
            said = ResponseOutputMessage(
                id="m1", content=[text], role="assistant", status="completed", type="message"
            )
        else:
            said = ResponseFunctionToolCall(
                call_id="call-1",
                name="mail_send",
                arguments='{"to": "zoe@example.com"}',
                type="function_call",
            )
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    async def stream_response(self, *rest, **options):
        raise NotImplementedError
        yield


@function_tool(name_override="mail_send")
def send(to: str) -> str:
    """Send a mail."""
    with Path(told["effects"]).open("a") as file:
        file.write("ran\n")
    return f"sent to {to}"


async def main():
    approvals = Approvals(told["url"], told["token"])
    agent = approvals.protect(Agent(name="Mailer", model=Scripted(), tools=[send]))
    await Runner.run(agent, "Write to Zoe.")


asyncio.run(main())
sys.stdout.write(json.dumps({"answers": answers}))
