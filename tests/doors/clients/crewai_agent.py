"""A CrewAI agent with a scripted model; its one tool writes a line."""

import json
import sys
from pathlib import Path

from agentapprovalprotocol.crewai import ApprovalHooks
from crewai import Agent, BaseLLM
from crewai.tools import tool

told = json.loads(sys.argv[1])
out, sys.stdout = sys.stdout, sys.stderr  # it talks, also when all is done
answers = []


class Scripted(BaseLLM):
    """Calls the tool once, as text, then stops."""

    def call(self, messages, *rest, **options):
        told_us = [one["content"] for one in messages if one["role"] == "assistant"]
        if told_us:
            answers.append(told_us[-1].partition("Observation:")[2].strip())
            return "Thought: I know enough.\nFinal Answer: Done."
        return 'Thought: I write.\nAction: mail_send\nAction Input: {"to": "zoe@example.com"}'

    def supports_function_calling(self):
        return False


@tool("mail_send")
def send(to: str) -> str:
    """Send a mail."""
    with Path(told["effects"]).open("a") as file:
        file.write("ran\n")
    return f"sent to {to}"


with ApprovalHooks(told["url"], told["token"]):
    agent = Agent(
        role="Mailer", goal="Write", backstory="You write mails.", tools=[send], llm=Scripted(model="s")
    )
    agent.kickoff("Write to Zoe.")
out.write(json.dumps({"answers": answers}))
