"""A LangChain agent on LangGraph with a scripted model; its one tool writes a line."""

import json
import sys
from pathlib import Path

from agentapprovalprotocol.langgraph import ApprovalMiddleware
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

told = json.loads(sys.argv[1])


class Scripted(GenericFakeChatModel):
    """Calls the tool once, then stops."""

    def bind_tools(self, tools, **options):
        return self


@tool("mail.send")
def send(to: str) -> str:
    """Send a mail."""
    with Path(told["effects"]).open("a") as file:
        file.write("ran\n")
    return f"sent to {to}"


call = {"name": "mail.send", "args": {"to": "zoe@example.com"}, "id": "call-1", "type": "tool_call"}
model = Scripted(messages=iter([AIMessage("I write to Zoe.", tool_calls=[call]), AIMessage("Done.")]))
agent = create_agent(model, tools=[send], middleware=[ApprovalMiddleware(told["url"], told["token"])])
result = agent.invoke({"messages": [{"role": "user", "content": "Write to Zoe."}]})
answers = [message.text for message in result["messages"] if message.type == "tool"]
sys.stdout.write(json.dumps({"answers": [str(text) for text in answers]}))
