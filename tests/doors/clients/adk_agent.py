"""A Google ADK agent with a scripted model; its one tool writes a line."""

import asyncio
import json
import sys
from pathlib import Path

from agentapprovalprotocol.adk import ApprovalPlugin, check_coverage
from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types

told = json.loads(sys.argv[1])
answers = []


class Scripted(BaseLlm):
    """Calls the tool once, then stops."""

    async def generate_content_async(self, llm_request, stream=False):
        parts = [part for content in llm_request.contents for part in content.parts or []]
        results = [part.function_response.response for part in parts if part.function_response]
        if results:
            answers.extend(str(result.get("result") or result.get("error")) for result in results)
            part = types.Part(text="Done.")
        else:
            call = types.FunctionCall(id="call-1", name="mail_send", args={"to": "zoe@example.com"})
            part = types.Part(function_call=call)
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def mail_send(to: str) -> str:
    """Send a mail."""
    with Path(told["effects"]).open("a") as file:
        file.write("ran\n")
    return f"sent to {to}"


async def main():
    plugin = ApprovalPlugin(told["url"], told["token"])
    agent = LlmAgent(name="mailer", model=Scripted(model="scripted"), tools=[mail_send])
    app = App(name="mailer", root_agent=agent, plugins=[plugin])
    check_coverage(app, plugin)
    runner = InMemoryRunner(app=app)
    session = await runner.session_service.create_session(app_name="mailer", user_id="ed")
    asked = types.Content(role="user", parts=[types.Part(text="Write to Zoe.")])
    async for _ in runner.run_async(user_id="ed", session_id=session.id, new_message=asked):
        pass


asyncio.run(main())
sys.stdout.write("\n" + json.dumps({"answers": answers}))
