"""A real server on its real clock, the installed command in real processes, and people who decide."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bot.app import Running, built
from bot.app.server import listening
from bot.core.terms import Actor, ActorKind, PersonName, Proof, RequestId, Surface
from bot.settings import Settings
from tests.fixtures.policy import DIRECTORY, write_policy

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 30  # seconds; the machine may be busy
OPERATOR = Actor(ActorKind.OPERATOR, "root", Surface.CLI, "root", Proof.SHELL)
Answer = dict[str, Any]

BUNDLE = """\
defaults: {unknown_action: deny, no_match: require_approval, approve_within: PT30M, execute_within: PT5M}
actions:
  shell.run:
    title: Run a command
    params:
      argv: {type: list, of: text}
      cwd: {type: text}
      host: {type: text}
      env: {type: object, optional: true}
      ticket: {type: text, optional: true}
  echo.freely:
    title: Run a harmless command
    params: {argv: {type: list, of: text}, cwd: {type: text}, host: {type: text}}
  disk.wipe:
    title: Wipe a disk
    params: {argv: {type: list, of: text}, cwd: {type: text}, host: {type: text}}
  db.migrate:
    title: Run a database migration
    params:
      env: {type: enum, values: [dev, prod]}
      sql: {type: text, render: code}
      rows: {type: int, optional: true}
  mail.send:
    title: Send mail
    executor: mailer
    params: {to: {type: text}, password: {type: text, show: redacted, optional: true}}
groups:
  dba: {members: [ana, bo]}
rules:
  - {id: freely, match: {action: echo.freely}, effect: allow}
  - {id: never, match: {action: disk.wipe}, effect: deny, reason: Disks are wiped by hand}
  - id: ask
    match: {action: [shell.run, db.migrate, mail.send]}
    effect: require_approval
    stages: [{name: dba, approvers: [group:dba], quorum: 1}]
"""


@dataclass
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Started:
    """A command under way."""

    process: Process

    async def ends(self, within: float = PATIENCE) -> Ran:
        """Wait for its end."""
        async with asyncio.timeout(within):
            out, err = await self.process.communicate()
        assert b"Traceback" not in err, err.decode()
        assert self.process.returncode is not None
        return Ran(self.process.returncode, out.decode(), err.decode())


@dataclass
class Assent:
    """The server; `stop` and `start` keep its address and its database."""

    settings: Settings
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    running: Running | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    key: str = ""

    @property
    def url(self) -> str:
        """Return where it listens."""
        return self.settings.public_url

    async def start(self) -> None:
        """Serve."""
        self.running = await self.stack.enter_async_context(built(self.settings, development=True))
        await self.stack.enter_async_context(listening(self.running))

    async def stop(self) -> None:
        """Close the door and the database."""
        await self.stack.aclose()
        self.running = None

    @property
    def parts(self) -> Any:
        """Return the server's parts."""
        assert self.running is not None
        return self.running.parts

    async def person(self, name: str) -> str:
        """Return a person's token."""
        if name not in self.tokens:
            life = timedelta(hours=1)
            self.tokens[name] = await self.parts.admin.person_token(PersonName(name), life, OPERATOR)
        return self.tokens[name]

    async def call(self, key: str, method: str, path: str, body: object = None) -> Any:
        """Call the API."""
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, self.url + path, json=body, headers=headers) as answer,
        ):
            assert answer.status < 400, await answer.text()
            return await answer.json()

    async def pending(self, name: str = "ana") -> Answer:
        """Wait until something waits for a person; return it."""
        token = await self.person(name)
        waiting: list[Answer] = []

        async def found() -> list[Answer]:
            waiting[:] = (await self.call(token, "GET", "/v1/inbox"))["requests"]
            return waiting

        await until(found)
        return waiting[0]

    async def decide(self, verdict: str, reason: str | None = None, name: str = "ana") -> Answer:
        """Decide what waits for a person; return the request as it was."""
        request = await self.pending(name)
        body = {"verdict": verdict, "reason": reason, "digest": request["digest"]}
        await self.call(await self.person(name), "POST", f"/v1/requests/{request['id']}/reviews", body)
        return request

    async def seen(self, request: Answer | str, key: str | None = None) -> Answer:
        """Return a request as its agent sees it."""
        request_id = request if isinstance(request, str) else request["id"]
        answer: Answer = await self.call(key or self.key, "GET", f"/v1/requests/{request_id}")
        return answer

    async def revoke(self, request: Answer) -> None:
        """Take an unused grant back."""
        await self.parts.withdrawing.revoke(RequestId(request["id"]), "changed our mind", OPERATOR)

    async def agent(self, name: str, *, executes: bool) -> str:
        """Register an agent of ed's; return its key."""
        key: str = await self.parts.admin.add_agent(
            name, PersonName("ed"), [PersonName("ed"), PersonName("bo")], executes, OPERATOR
        )
        return key

    def environment(self, **more: str) -> dict[str, str]:
        """Return what the command runs with."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSENT_")}
        own = {"ASSENT_URL": self.url, "ASSENT_KEY": self.key, "PYTHONPATH": str(ROOT / "client")}
        return {**inherited, **own, **more}

    async def begin(self, *words: str, cwd: Path | None = None, **env: str) -> Started:
        """Start `assent WORDS`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "assent",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=cwd,
            env=self.environment(**env),
        )
        return Started(process)

    async def run(self, *words: str, cwd: Path | None = None, **env: str) -> Ran:
        """Run `assent WORDS` to its end."""
        return await (await self.begin(*words, cwd=cwd, **env)).ends()


async def until(true: Callable[[], Awaitable[object]] | Callable[[], object]) -> None:
    """Wait for something to come true. What is awaited calls the server as somebody, at whose pace."""
    ends_at = time.monotonic() + PATIENCE
    while True:
        found, pause = true(), 0.02
        if isinstance(found, Awaitable):
            found, pause = await found, 0.1
        if found:
            return
        assert time.monotonic() < ends_at, "it never came true"
        await asyncio.sleep(pause)


@asynccontextmanager
async def an_assent(
    database_url: str, folder: Path, port: int, bundle: str = BUNDLE, agent: str = "shell"
) -> AsyncIterator[Assent]:
    """Serve on a port, with an agent of ed's that executes for itself."""
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic-settings' own argument
        database_url=database_url,
        policy=write_policy(folder / "policy", bundle, DIRECTORY),
        keys=folder / "keys",
        checkpoints=folder / "checkpoints",
        port=port,
        public_url=f"http://127.0.0.1:{port}",
        egress_allow_private=True,
    )
    assent = Assent(settings)
    await assent.start()
    try:
        assent.key = await assent.agent(agent, executes=True)
        yield assent
    finally:
        await assent.stop()
