"""A running API: real store, policy and services behind a real server on loopback; only the clock is ours."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.app.parts import Parts, parts
from bot.core.terms import Actor, ActorKind, PersonName, Proof, Surface
from bot.settings import Settings
from handlers import api, problems
from handlers.polls import Polls
from handlers.record import Record

OPERATOR = Actor(ActorKind.OPERATOR, "test", Surface.CLI, "", Proof.SHELL)
HOUR = timedelta(hours=1)

DIRECTORY = """\
ana: {}
bo: {groups: [dba]}
cy: {groups: [dba]}
di: {}
ed: {admin: true}
"""
POLICY = """\
defaults: {approve_within: PT30M, execute_within: PT5M, report_within: PT15M}
actions:
  db.migrate:
    title: Run a database migration
    executor: db-runner
    reversibility: reversible
    params:
      env: {type: enum, values: [dev, staging, prod]}
      sql: {type: text, render: code, optional: true}
      dsn: {type: string, show: redacted, optional: true}
  db.backup: {title: Back a database up, executor: db-runner}
  db.restore: {title: Restore a database, executor: db-runner}
  disk.check: {title: Check a disk}
groups:
  dba: {}
rules:
  - {id: dev-auto, match: {action: db.migrate, params.env: dev}, effect: allow}
  - id: no-staging
    match: {action: db.migrate, params.env: staging}
    effect: deny
    reason: Staging is closed
  - id: disks
    match: {action: disk.check}
    effect: require_approval
    stages: [{name: dba, approvers: [group:dba], quorum: 1}]
  - id: prod-migrate
    match: {action: db.migrate, params.env: prod}
    effect: require_approval
    stages: [{name: dba, approvers: [group:dba], quorum: 1}]
  - id: backup
    match: {action: db.backup}
    effect: require_approval
    reveal_reviewers: true
    stages: [{name: dba, approvers: [group:dba], quorum: 2}]
"""

PROD = {"action": {"name": "db.migrate", "parameters": {"env": "prod", "sql": "ALTER TABLE t"}}}
DEV = {"action": {"name": "db.migrate", "parameters": {"env": "dev"}}}
STAGING = {"action": {"name": "db.migrate", "parameters": {"env": "staging"}}}
BACKUP = {"action": {"name": "db.backup", "parameters": {}}}


class FakeClock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def advance(self, **length: float) -> None:
        self.at += timedelta(**length)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: Any
    text: str

    @property
    def slug(self) -> str:
        """Return the end of a problem's type."""
        return str(self.body["type"]).removeprefix("urn:assent:problem:")


@dataclass(frozen=True, slots=True)
class Client:
    """Someone with a key."""

    session: aiohttp.ClientSession
    key: str | None

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        headers = {
            **({"Authorization": f"Bearer {self.key}"} if self.key else {}),
            **options.pop("headers", {}),
        }
        async with self.session.request(method, path, headers=headers, **options) as answer:
            text = await answer.text()
            is_json = answer.content_type.endswith("json")
            body = await answer.json() if is_json else None
            return Answer(answer.status, dict(answer.headers), body, text)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: object, **options: Any) -> Answer:
        return await self.call("POST", path, json=body, **options)

    async def ask(self, body: object = PROD, **options: Any) -> Answer:
        return await self.post("/v1/requests", body, **options)

    async def review(self, request: dict[str, Any], verdict: str = "approve", **more: Any) -> Answer:
        body = {"verdict": verdict, "digest": request["digest"], **more}
        return await self.post(f"/v1/requests/{request['id']}/reviews", body)


@dataclass(frozen=True, slots=True)
class World:
    """Everyone, and the server they talk to: `bo` and `cy` approve, `di` may nothing, `ana` owns agents."""

    url: str
    parts: Parts
    clock: FakeClock
    app: web.Application
    runner: web.AppRunner
    polls: Polls
    agent: Client
    other_agent: Client
    executor: Client
    other_executor: Client
    ana: Client
    bo: Client
    cy: Client
    di: Client
    nobody: Client

    async def approved(self, body: object = PROD) -> tuple[dict[str, Any], str]:
        """Return an approved request and its grant's id."""
        asked = (await self.agent.ask(body)).body
        assert (await self.bo.review(asked)).status == 200
        request = await self.parts.store.get(asked["id"])
        assert request.grant is not None
        return asked, request.grant.id


@asynccontextmanager
async def world_at(folder: Path, database_url: str) -> AsyncIterator[World]:
    """Serve the API on a free port, with everybody registered."""
    policy = folder / "policy"
    policy.mkdir()
    (policy / "directory.yaml").write_text(DIRECTORY)
    (policy / "policy.yaml").write_text(POLICY)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = Settings(
            database_url=database_url,
            policy=policy,
            keys=folder / "keys",
            checkpoints=folder / "checkpoints",
            public_url="https://assent.example",
        )
        clock = FakeClock()
        async with (
            parts(settings, clock) as made,
            _served(made, taken) as (app, runner, polls, url),
            aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session,
        ):
            yield await _peopled(made, clock, app, runner, polls, url, session)


@asynccontextmanager
async def _served(
    made: Parts, taken: socket.socket
) -> AsyncIterator[tuple[web.Application, web.AppRunner, Polls, str]]:
    app = web.Application()
    problems.install(app, made.ids, Record(made.knowing.holder, made.refusing.record))
    polls = api.install(
        app,
        knowing=made.knowing,
        intake=made.intake,
        granting=made.granting,
        reviewing=made.reviewing,
        breaking=made.breaking,
        viewing=made.viewing,
        clock=made.clock,
        signer=made.keys,
        public_url=made.public_url,
    )
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=5)
    await runner.setup()
    await web.SockSite(runner, taken, backlog=2048).start()
    try:
        yield app, runner, polls, f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        await runner.cleanup()


async def _peopled(
    made: Parts,
    clock: FakeClock,
    app: web.Application,
    runner: web.AppRunner,
    polls: Polls,
    url: str,
    session: aiohttp.ClientSession,
) -> World:
    admin, ana = made.admin, PersonName("ana")
    _, runs = await admin.add_executor("db-runner", None, OPERATOR)
    _, other_runs = await admin.add_executor("other-runner", None, OPERATOR)
    agents = [
        await admin.add_agent(name, ana, [ana], False, OPERATOR, pending_max=2000, per_minute=6000)
        for name in ("deployer", "other")
    ]
    people = [
        await admin.person_token(PersonName(name), HOUR, OPERATOR) for name in ("ana", "bo", "cy", "di")
    ]
    clients = [Client(session, key) for key in (*agents, runs, other_runs, *people, None)]
    return World(url, made, clock, app, runner, polls, *clients)
