"""The whole bot on real sockets and a real database, and the people and machines around it.

async def test_…(world: World) -> None:
    request = await world.agent.asks("db.migrate", env="prod", sql="SELECT 1")
    await world.person("ana").approves(request)
    await world.advance(minutes=5)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from freezegun import freeze_time
from standardwebhooks import Webhook

from bot.app import Running, built
from bot.core.terms import Actor, ActorKind, PersonName, Proof, Surface
from bot.settings import Settings
from storage.schema import migrate
from tests.fixtures.clock import FakeClock

OPERATOR = Actor(ActorKind.OPERATOR, "root", Surface.CLI, "root", Proof.SHELL)
Answer = dict[str, Any]


class Refused(Exception):
    """The server answered with a problem."""

    def __init__(self, status: int, problem: Answer) -> None:
        super().__init__(f"{status} {problem.get('title')}: {problem.get('detail')}")
        self.status = status
        self.problem = problem
        self.slug = str(problem.get("type", "")).rpartition(":")[2].rpartition("/")[2]


async def outcome(awaited: Awaitable[Answer]) -> str:
    """Return what came of a call: `ok` or the problem's slug."""
    try:
        await awaited
    except Refused as refused:
        return refused.slug
    return "ok"


@dataclass
class Caller:
    """Someone with a key."""

    world: World
    key: str

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Call the API; raises `Refused` for a problem."""
        sent = {"Authorization": f"Bearer {self.key}", **headers}
        url = f"{self.world.url}{path}"
        async with self.world.http.request(method, url, json=body, headers=sent) as response:
            answer: Answer = await response.json(content_type=None)
            if response.status >= 400:
                raise Refused(response.status, answer)
            return answer


class AgentFake(Caller):
    """An agent."""

    async def asks(self, action: str, *, key: str | None = None, **parameters: Any) -> Answer:
        """Ask for an action with these parameters; members of the body go in `_body`."""
        extra = parameters.pop("_body", {})
        body = {"action": {"name": action, "parameters": parameters}, **extra}
        headers = {"Idempotency-Key": key} if key else {}
        return await self.call("POST", "/v1/requests", body, **headers)

    async def sees(self, request: Answer, wait: int = 0) -> Answer:
        """Return the request as it stands for the agent."""
        return await self.call("GET", f"/v1/requests/{request['id']}" + (f"?wait={wait}" if wait else ""))

    async def cancels(self, request: Answer) -> Answer:
        """Withdraw a request."""
        return await self.call("DELETE", f"/v1/requests/{request['id']}")


class PersonFake(Caller):
    """A person with a token."""

    async def reviews(
        self, request: Answer, verdict: str, reason: str | None = None, digest: str | None = None
    ) -> Answer:
        """Give a verdict on the action as this request's answer showed it."""
        body = {"verdict": verdict, "reason": reason, "digest": digest or request["digest"]}
        return await self.call("POST", f"/v1/requests/{request['id']}/reviews", body)

    async def approves(self, request: Answer) -> Answer:
        """Approve."""
        return await self.reviews(request, "approve")

    async def denies(self, request: Answer, reason: str = "not today") -> Answer:
        """Deny with a reason."""
        return await self.reviews(request, "deny", reason)

    async def inbox(self) -> list[Answer]:
        """Return what waits for this person."""
        return list((await self.call("GET", "/v1/inbox"))["requests"])


@dataclass
class ExecutorFake(Caller):
    """An executor: a receiver of callbacks on loopback, checked by an independent verifier, and its key."""

    name: str = ""
    secret: str = ""
    received: list[Answer] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # statuses to give first; then 204

    async def receive(self, request: web.Request) -> web.Response:
        """Take a callback, as a receiver in production would."""
        body = await request.read()
        with freeze_time(self.world.clock.now()):  # the verifier is not ours and reads the wall clock
            payload: Answer = Webhook(self.secret).verify(body, dict(request.headers))
        if self.answers:
            return web.Response(status=self.answers.pop(0))
        self.received.append(payload)
        return web.Response(status=204)

    def told(self, kind: str) -> list[Answer]:
        """Return the data of every callback of a kind."""
        return [payload["data"] for payload in self.received if payload["type"] == kind]

    async def redeems(self, told: Answer, *, key: str | None = None, **changes: Any) -> Answer:
        """Redeem the grant of a callback with its digest, or with what `changes` say."""
        body = changes or {"digest": told["digest"]}
        headers = {"Idempotency-Key": key} if key else {}
        return await self.call("POST", f"/v1/grants/{jti(told['grant'])}/redeem", body, **headers)

    async def reports(self, request_id: str, status: str = "succeeded", note: str | None = None) -> Answer:
        """Say what became of it."""
        return await self.call("POST", f"/v1/requests/{request_id}/outcome", {"status": status, "note": note})


def jti(token: str) -> str:
    """Read the grant's id from its token, as an executor does after it verified it."""
    import base64
    import json

    payload = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"])


@dataclass
class World:
    """The running bot and everyone around it."""

    running: Running
    clock: FakeClock
    url: str
    http: aiohttp.ClientSession
    agent: AgentFake
    executors: dict[str, ExecutorFake]
    people: dict[str, PersonFake]

    async def person(self, name: str) -> PersonFake:
        """Return someone of the directory with a fresh token."""
        if name not in self.people:
            admin = self.running.parts.admin
            token = await admin.person_token(PersonName(name), timedelta(hours=12), OPERATOR)
            self.people[name] = PersonFake(self, token)
        return self.people[name]

    async def settle(self) -> None:
        """Let everything that is due by now happen, and everything it causes."""
        while True:
            stepped = await self.running.parts.sweeping.sweep()
            sent = await self.running.delivering.deliver()
            await self.running.delivering.settle()
            if not stepped and not sent and not await self._wait_for_room():
                return

    async def _wait_for_room(self) -> bool:
        """Let time pass until an address that was full takes what is due there."""
        now, until = self.clock.now(), self.running.delivering._full.values()
        due_at = await self.running.parts.store.next_send()
        if due_at is None or due_at > now or not any(one > now for one in until):
            return False
        self.clock.advance(min(one for one in until if one > now) - now)
        return True

    async def advance(self, **by: float) -> None:
        """Let time pass: `minutes=30`."""
        await self.settle()
        self.clock.advance(timedelta(**by))
        await self.settle()

    async def audit(self) -> int:
        """Verify the whole log and return its size."""
        return (await self.running.parts.auditing.verify()).size


def settings_at(database_url: str, folder: Path, policy: Path, **settings: Any) -> Settings:
    """Return what a replica in `folder` runs with."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic-settings' own argument
        database_url=database_url,
        policy=policy,
        keys=folder / "keys",
        checkpoints=folder / "checkpoints",
        port=0,
        public_url="http://assent.test",
        **({"egress_allow_private": True} | settings),
    )


@asynccontextmanager
async def a_world(database_url: str, folder: Path, policy: Path, **settings: Any) -> AsyncIterator[World]:
    """Start the bot on a database with a fake clock, an agent `deployer` of ed's and two executors."""
    clock = FakeClock()
    options = settings_at(database_url, folder, policy, **settings)
    await migrate(database_url)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(built(options, clock=clock, development=True))
        url = await _served(stack, running.app)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        world = World(running, clock, url, http, None, {}, {})  # type: ignore[arg-type]  # filled next
        admin = running.parts.admin
        owner, acts_for = PersonName("ed"), [PersonName("ed"), PersonName("bo")]
        world.agent = AgentFake(world, await admin.add_agent("deployer", owner, acts_for, False, OPERATOR))
        for name in ("db-runner", "payer"):
            await _add_executor(stack, world, name)
        yield world
        await running.delivering.settle()


@asynccontextmanager
async def a_replica(world: World, clock: FakeClock | None = None) -> AsyncIterator[World]:
    """Start the bot once more on the world's database: the same people and machines, another door."""
    clock = clock or world.clock
    async with AsyncExitStack() as stack:
        options = world.running.parts.settings
        running = await stack.enter_async_context(built(options, clock=clock, development=True))
        url = await _served(stack, running.app)
        replica = replace(world, running=running, clock=clock, url=url, executors={}, people={})
        replica.agent = AgentFake(replica, world.agent.key)
        for name, executor in world.executors.items():
            # Callbacks go to the one receiver; `received` is shared.
            replica.executors[name] = replace(executor, world=replica)
        yield replica
        await running.delivering.settle()


async def _add_executor(stack: AsyncExitStack, world: World, name: str) -> None:
    executor = ExecutorFake(world, "", name)
    app = web.Application()
    app.router.add_post("/callback", executor.receive)
    address = await _served(stack, app)
    admin = world.running.parts.admin
    executor.secret, executor.key = await admin.add_executor(name, f"{address}/callback", OPERATOR)
    world.executors[name] = executor


async def _served(stack: AsyncExitStack, app: web.Application) -> str:
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


__all__ = ["FakeClock", "Refused", "World", "a_replica", "a_world", "asyncio", "jti", "settings_at"]
