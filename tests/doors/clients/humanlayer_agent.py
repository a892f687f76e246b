"""A function behind HumanLayer's own decorator, sync or async; one variable says where the service is."""

import asyncio
import json
import os
import sys
from pathlib import Path

told = json.loads(sys.argv[1])
os.environ |= {"HUMANLAYER_API_BASE": f"{told['url']}/humanlayer/v1", "HUMANLAYER_API_KEY": told["token"]}

from humanlayer import AsyncHumanLayer, HumanLayer  # noqa: E402  # reads the variables when imported


def wrote():
    with Path(told["effects"]).open("a") as file:
        file.write("ran\n")


def blocking():
    layer = HumanLayer(verbose=False)

    @layer.require_approval()
    def mail_send(to: str) -> str:
        """Send a mail."""
        wrote()
        return f"sent to {to}"

    return layer.human_as_tool()("Which Zoe?") if told.get("ask") else mail_send(to="zoe@example.com")


async def awaiting():
    layer = AsyncHumanLayer(verbose=False)

    @layer.require_approval()
    async def mail_send(to: str) -> str:
        """Send a mail."""
        wrote()
        return f"sent to {to}"

    return await (layer.human_as_tool()("Which Zoe?") if told.get("ask") else mail_send(to="zoe@example.com"))


said = blocking() if told["mode"] == "sync" else asyncio.run(awaiting())
sys.stdout.write("\n" + json.dumps({"said": said}))
