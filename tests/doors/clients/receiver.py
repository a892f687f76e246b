"""An agent in the SDK's async mode: provisions itself, pauses, is woken by the webhook, runs once."""

import asyncio
import json
import sys
from pathlib import Path

from agentapprovalprotocol import AsyncGate, Call, Pending, Receiver, WebhookVerificationFailed

told = json.loads(sys.argv[1])
call = Call(
    key="run-1:call-1",
    tool="mail.send",
    arguments={"to": "zoe@example.com"},
    resume={"framework": "own", "run": 1},
)
woken = asyncio.Event()


async def serve(receiver, broken):
    """Serve the receiver's handler as a plain HTTP server; return its port."""

    async def answer(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        length = int({name.lower(): value for name, value in headers.items()}["content-length"])
        status, body = await receiver.handle(headers, await reader.readexactly(length))
        if broken:
            status, body = 200, b'{"challenge": "something else"}'
        writer.write(f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def main():
    receiver = Receiver(resumers={"own": lambda handle, request: woken.set()})
    server, port = await serve(receiver, told.get("broken"))
    wish = {
        "provider_url": told["url"],
        "provisioner_token": told["token"],
        "url": f"http://127.0.0.1:{port}/aap/events",
        "instance_name": "The mailer",
    }
    try:
        provisioned = await receiver.provision(**wish)
    except WebhookVerificationFailed:
        return {"provisioned": False}
    again = await receiver.provision(**wish)
    gate = AsyncGate(receiver.client, mode="async")
    first = await gate.check(call)
    assert isinstance(first, Pending), first
    sys.stdout.write("paused\n")
    sys.stdout.flush()
    await asyncio.wait_for(woken.wait(), 60)
    verdict = await gate.check(call)
    if verdict:
        with Path(told["effects"]).open("a") as file:
            file.write("ran\n")
        await verdict.report("succeeded")
    server.close()
    return {
        "provisioned": True,
        "name": provisioned.instance_name,
        "same": provisioned == again,
        "verdict": type(verdict).__name__,
        "status": getattr(verdict, "status", None),
        "token": provisioned.token,
    }


sys.stdout.write(json.dumps(asyncio.run(main())))
