"""Real servers that are killed, and clients that remember what was acknowledged to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp

from bot.app import parts
from bot.core.terms import PersonName
from bot.settings import Settings
from storage.schema import migrate
from tests.faults.power import Disk
from tests.fixtures.policy import BUNDLE, DIRECTORY, write_policy
from tests.fixtures.ports import free_port
from tests.world import OPERATOR, jti

TOP = Path(__file__).resolve().parents[2]
DAY = timedelta(hours=12)
REVIEWERS = 2  # at a time
CROWD = [f"p{number}" for number in range(40)]  # one person alone may not review as fast as this goes
STARTS_WITHIN = 30.0  # seconds; the machine may be busy
BACKLOG_MAX = 200  # requests under way: one executor redeems them all, and a grant lasts five minutes
ENDS_WITHIN = 60.0  # seconds from the last disturbance until everything asked is decided and redeemed
Answer = dict[str, Any]
UNCLEAR = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass
class Replica:
    """One server process, which comes back at the same address."""

    nursery: asyncio.subprocess.Process
    options: dict[str, object]
    log: Path
    pid: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.options['port']}"

    async def start(self) -> None:
        """Fork it and wait until it answers."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        told = {"settings": self.options, "log": str(self.log)}
        self.nursery.stdin.write(json.dumps(told).encode() + b"\n")
        self.pid = int(await self.nursery.stdout.readline())
        async with asyncio.timeout(STARTS_WITHIN), aiohttp.ClientSession() as http:
            while True:
                with contextlib.suppress(*UNCLEAR):
                    async with http.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End it between two instructions."""
        os.kill(self.pid, signal.SIGKILL)
        while True:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return
            await asyncio.sleep(0.005)


@dataclass
class Keys:
    """What the clients call with."""

    agent: str
    executor: str
    people: list[str]


@dataclass
class Site:
    """The servers of one database, and the credentials of those who call them."""

    settings: Settings
    replicas: list[Replica]
    keys: Keys


@asynccontextmanager
async def a_site(
    database_url: str, folder: Path, replicas: int, disk: Disk | None = None
) -> AsyncIterator[Site]:
    """Start so many servers on one database, which perhaps lies on a disk that forgets."""
    options: dict[str, object] = {
        "database_url": database_url,
        "policy": str(write_policy(folder / "policy", *_crowded())),
        "keys": str(folder / "keys"),
        "checkpoints": str(folder / "checkpoints"),
    }
    settings = Settings(_env_file=None, **options)  # type: ignore[call-arg,arg-type]  # pydantic reads strings
    await migrate(database_url)
    keys = await _registered(settings)
    needed = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    environment = needed | {"PYTHONPATH": str(TOP)}
    if disk is not None:
        disk.settle()
        environment |= disk.environment()
    pipe = asyncio.subprocess.PIPE
    program = (sys.executable, str(Path(__file__).with_name("nursery.py")))
    nursery = await asyncio.create_subprocess_exec(
        *program, stdin=pipe, stdout=pipe, cwd=folder, env=environment
    )
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    try:
        assert await nursery.stdout.readline() == b"ready\n"
        made = [
            Replica(nursery, options | {"port": free_port()}, folder / f"server-{number}.log")
            for number in range(replicas)
        ]
        for replica in made:
            await replica.start()
        yield Site(settings, made, keys)
    finally:
        nursery.stdin.close()
        await nursery.wait()


def _crowded() -> tuple[str, str]:
    """Return the bundle and the directory with many more approvers."""
    before = "dba: {members: [ana, bo, cy]}"
    bundle = BUNDLE.replace(before, f"dba: {{members: [{', '.join(CROWD)}]}}")
    assert bundle != BUNDLE
    return bundle, DIRECTORY + "".join(f"{name}: {{}}\n" for name in CROWD)


async def _registered(settings: Settings) -> Keys:
    async with parts(settings) as made:
        owner = PersonName("ed")
        agent = await made.admin.add_agent("deployer", owner, [], False, OPERATOR, 10**6, 10**6)
        _, executor = await made.admin.add_executor("db-runner", None, OPERATOR)
        people = [await made.admin.person_token(PersonName(name), DAY, OPERATOR) for name in CROWD]
    return Keys(agent, executor, people)


@dataclass
class Acknowledged:
    """What the servers said that they had done."""

    requests: dict[str, str] = field(default_factory=dict)  # idempotency key → id
    reviews: dict[str, str] = field(default_factory=dict)  # id → verdict
    redeemed: set[str] = field(default_factory=set)  # ids
    denied: int = 0

    def under_way(self) -> int:
        """How many requests have not come to their end yet."""
        return len(self.requests) - self.denied - len(self.redeemed)


@dataclass
class Hammer:
    """Clients that go on until they are told to stop, and then until everything of theirs is answered."""

    site: Site
    http: aiohttp.ClientSession
    known: Acknowledged = field(default_factory=Acknowledged)
    asked: asyncio.Queue[Answer | None] = field(default_factory=asyncio.Queue)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    unclear: int = 0

    async def call(
        self, key: str, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Answer]:
        """Call any replica once; raises one of `UNCLEAR` when nobody can say what came of it."""
        url = random.choice(self.site.replicas).url + path
        sent = {"Authorization": f"Bearer {key}", **headers}
        async with self.http.request(method, url, json=body, headers=sent) as answer:
            told: Answer = await answer.json(content_type=None)
            if answer.status >= 500:
                raise aiohttp.ClientPayloadError(str(told))
            return answer.status, told

    async def insist(self, call: Callable[[], Awaitable[tuple[int, Answer]]]) -> tuple[int, Answer, bool]:
        """Call until there is an answer; say also whether an earlier attempt may have had its effect."""
        doubtful = False
        while True:
            try:
                status, told = await call()
            except UNCLEAR:
                doubtful = True
                self.unclear += 1
                await asyncio.sleep(0.03)
                continue
            return status, told, doubtful

    async def ask(self, client: int) -> None:
        """Ask on and on, each time under a key of its own."""
        number = 0
        while not self.stopping.is_set():
            if self.known.under_way() > BACKLOG_MAX:
                await asyncio.sleep(0.02)
                continue
            number += 1
            key = f"{client}-{number}"
            parameters = {"env": "prod", "sql": f"SELECT '{key}'", "rows": 1}
            body = {"action": {"name": "db.migrate", "parameters": parameters}}
            told = await self._asked(key, body)
            if number % 4 == 0:  # sent again although it was answered
                told = await self._asked(key, body)
            await self.asked.put(told)

    async def _asked(self, key: str, body: Answer) -> Answer:
        headers = {"Idempotency-Key": key}
        agent = self.site.keys.agent
        status, told, _ = await self.insist(lambda: self.call(agent, "POST", "/v1/requests", body, **headers))
        assert status in (200, 202), f"ask {key}: {status} {told}"
        assert self.known.requests.setdefault(key, told["id"]) == told["id"], f"ask {key}: {told}"
        return told

    async def review(self, keys: Sequence[str]) -> None:
        """Review what was asked, each with another person's token: every fifth is denied."""
        tokens = cycle(keys)
        while (request := await self.asked.get()) is not None:
            verdict = "deny" if len(self.known.reviews) % 5 == 4 else "approve"
            body = {"verdict": verdict, "reason": "a test", "digest": request["digest"]}
            path = f"/v1/requests/{request['id']}/reviews"
            status, told, doubtful = await self.insist(partial(self.call, next(tokens), "POST", path, body))
            expected = status == 200 or (status == 409 and doubtful)
            assert expected, f"review {request['id']}: {status} {told}"
            self.known.reviews[request["id"]] = verdict
            self.known.denied += verdict == "deny"

    async def redeem(self) -> None:
        """Redeem what is approved, in the sequence of the executor, until everything approved was seen."""
        after = 0
        key = self.site.keys.executor
        while not (self.stopping.is_set() and self._all_redeemed()):
            path = f"/v1/executions?after={after}&wait=1"
            _, told, _ = await self.insist(partial(self.call, key, "GET", path))
            for one in told["executions"]:
                assert one["data"]["sequence"] == after + 1, f"{one['data']['sequence']} after {after}"
                after += 1
                if one["type"] == "request.approved":
                    await self._redeem_one(one["data"])

    def _all_redeemed(self) -> bool:
        approved = {request for request, verdict in self.known.reviews.items() if verdict == "approve"}
        reviewed = self.known.reviews.keys() >= set(self.known.requests.values())
        return reviewed and self.known.redeemed >= approved

    async def _redeem_one(self, data: Answer) -> None:
        request, token = data["id"], data.get("grant")
        if token is None:
            return
        headers = {"Idempotency-Key": request} if data["sequence"] % 2 else {}
        path = f"/v1/grants/{jti(token)}/redeem"
        body = {"digest": data["digest"]}
        status, told, doubtful = await self.insist(
            lambda: self.call(self.site.keys.executor, "POST", path, body, **headers)
        )
        once = status == 409 and doubtful and not headers and told["type"].endswith("already-redeemed")
        assert status == 200 or once, f"redeem {request}: {status} {told}"
        self.known.redeemed.add(request)

    def missing(self) -> str:
        """Say what was acknowledged and not brought to its end."""
        known = self.known
        unreviewed = set(known.requests.values()) - known.reviews.keys()
        approved = {request for request, verdict in known.reviews.items() if verdict == "approve"}
        return f"not reviewed: {sorted(unreviewed)}, not redeemed: {sorted(approved - known.redeemed)}"


@asynccontextmanager
async def hammered(site: Site) -> AsyncIterator[Hammer]:
    """Let clients hammer the site while the body disturbs it; then let them come to their ends."""
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
        hammer = Hammer(site, http)
        async with asyncio.TaskGroup() as clients:
            askers = [clients.create_task(hammer.ask(number)) for number in range(4)]
            others = [
                clients.create_task(hammer.review(site.keys.people[number::REVIEWERS]))
                for number in range(REVIEWERS)
            ]
            others.append(clients.create_task(hammer.redeem()))
            yield hammer
            hammer.stopping.set()
            try:
                async with asyncio.timeout(ENDS_WITHIN):
                    await asyncio.gather(*askers)
                    for _ in range(REVIEWERS):
                        await hammer.asked.put(None)
                    await asyncio.gather(*others)
            except TimeoutError:
                raise AssertionError(hammer.missing()) from None
