"""A bot that serves on a port with the real clock, for clients that have a clock of their own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.app import Running, built
from bot.core.terms import PersonName
from tests.world import OPERATOR, settings_at

EXAMPLES = Path(__file__).parents[2] / "examples" / "claude-code"
CLIENTS = Path(__file__).with_name("clients")
QUIET = {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true", "CREWAI_TRACING_ENABLED": "false"}
POLICY = """\
defaults:
  approve_within: PT30M
  execute_within: PT5M
  stages: [{name: ops, approvers: [group:ops]}]
actions:
  note.add: {title: Add a note, reversibility: reversible, params: {text: {type: text}}}
  mail.send: {title: Send a mail, params: {to: {type: string}, body: {type: text, optional: true}}}
  mail_send: {title: Send a mail, params: {to: {type: string}}}
  humanlayer.ask:
    title: Answer a question
    params: {message: {type: text}, subject: {type: string, optional: true}}
  disk.wipe: {title: Wipe a disk, params: {disk: {type: string}}}
  Bash: {title: Run a command, additional: show, params: {command: {type: text}}}
  db.migrate: {title: Migrate, executor: db-runner, params: {sql: {type: text}}}
groups:
  ops: {members: [ana, bo]}
rules:
  - {id: notes, match: {action: note.add}, effect: allow}
  - {id: disks, match: {action: disk.wipe}, effect: deny, reason: Disks are wiped by hand}
  - id: mails
    match: {action: [mail.send, mail_send, humanlayer.ask]}
    effect: require_approval
    stages: [{name: ops, approvers: [group:ops]}]
"""
DIRECTORY = "ana: {}\nbo: {}\ned: {admin: true}\n"


@dataclass
class Ground:
    """The running bot, its address, an agent's key and people who decide."""

    running: Running
    url: str
    http: aiohttp.ClientSession
    agent: str
    tokens: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, token: str, body: object = None) -> Any:
        """Call our own API."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.request(method, f"{self.url}{path}", json=body, headers=headers) as response:
            return await response.json()

    async def waiting(self, person: str = "ana", count: int = 1) -> list[Any]:
        """Return what waits for a person, once that many do."""
        async with asyncio.timeout(60):  # a framework takes its time to import
            while True:
                found = (await self.call("GET", "/v1/inbox", self.tokens[person]))["requests"]
                if len(found) >= count:
                    return list(found)
                await asyncio.sleep(0.15)  # one person may make 600 calls a minute

    async def decide(self, verdict: str, reason: str = "so be it", person: str = "ana") -> Any:
        """Give a verdict on the one request that waits."""
        [request] = await self.waiting(person)
        body = {"verdict": verdict, "reason": reason, "digest": request["digest"]}
        return await self.call("POST", f"/v1/requests/{request['id']}/reviews", self.tokens[person], body)

    async def mine(self) -> list[Any]:
        """Return the agent's requests, newest first."""
        return list((await self.call("GET", "/v1/requests", self.agent))["requests"])

    async def token(self, name: str) -> str:
        """Return a person's token."""
        admin = self.running.parts.admin
        return await admin.person_token(PersonName(name), timedelta(hours=12), OPERATOR)


@asynccontextmanager
async def a_ground(
    database_url: str, folder: Path, port: int, policy: str = POLICY, agent: str | None = None
) -> AsyncIterator[Ground]:
    """Serve a bot on a port; `agent` is the key of one that is registered in the database already."""
    (folder / "policy").mkdir(parents=True, exist_ok=True)
    (folder / "policy" / "bundle.yaml").write_text(policy, "utf-8")
    (folder / "policy" / "directory.yaml").write_text(DIRECTORY, "utf-8")
    shutil.copy(EXAMPLES / "claude-code.yaml", folder / "policy")
    settings = settings_at(database_url, folder, folder / "policy")
    async with built(settings) as running, aiohttp.ClientSession() as http:
        runner = web.AppRunner(running.app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            running.loops.start()
            if agent is None:
                agent = await running.parts.admin.add_agent("helper", PersonName("ed"), (), True, OPERATOR)
            ground = Ground(running, f"http://127.0.0.1:{port}", http, agent)
            ground.tokens = {name: await ground.token(name) for name in ("ana", "bo")}
            yield ground
        finally:
            await running.loops.stop()
            await runner.cleanup()


@dataclass
class Client:
    """A program of somebody else's client library, running."""

    process: asyncio.subprocess.Process

    async def said(self) -> Any:
        """Return what it says at its end, as JSON."""
        async with asyncio.timeout(90):
            out, problems = await self.process.communicate()
        assert self.process.returncode == 0, problems.decode()[-4000:]
        return json.loads(out.decode().splitlines()[-1])


async def start(python: Path, program: str, **arguments: Any) -> Client:
    """Start a program of `clients/` with these arguments."""
    process = await asyncio.create_subprocess_exec(
        python,
        CLIENTS / program,
        json.dumps(arguments),
        env=os.environ | QUIET,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return Client(process)
