"""The Claude Agent SDK, whose CLI talks to a scripted model; its own Bash writes the line."""

import asyncio
import json
import sys

from agentapprovalprotocol.claude_agent_sdk import ApprovalHooks
from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, query

told = json.loads(sys.argv[1])


async def main():
    approvals = ApprovalHooks(told["url"], told["token"])
    environment = {
        "HOME": told["home"],
        "ANTHROPIC_BASE_URL": told["api"],
        "ANTHROPIC_API_KEY": "none",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    options = approvals.options(ClaudeAgentOptions(cwd=told["home"], env=environment))
    results = [one async for one in query(prompt="go", options=options) if isinstance(one, ResultMessage)]
    return results[-1].result


sys.stdout.write("\n" + json.dumps({"said": asyncio.run(main())}))
