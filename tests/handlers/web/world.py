"""The web surface over a real store, policy and services, on a real server; only the clock is ours."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http.cookies import Morsel
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.app.parts import TEMPLATES, Parts, parts
from bot.core.action import read_ask
from bot.core.terms import (
    Actor,
    ActorKind,
    AgentName,
    ExecutorName,
    PersonName,
    Proof,
    Request,
    State,
    Surface,
    Verdict,
)
from bot.ports import Clock
from bot.services.admin import Admin
from bot.settings import Settings
from handlers import problems
from handlers import web as surface
from handlers.record import Record
from handlers.render import Renderer
from tests.fixtures.clock import FakeClock

OPERATOR = Actor(ActorKind.OPERATOR, "root", Surface.CLI, "root", Proof.SHELL)
DIRECTORY = """\
ana: {title: Ana Castell, groups: [dba]}
bo: {title: Bo Lindqvist, groups: [dba]}
cy: {title: Cy Okafor, groups: [dba, leads]}
di: {title: Di Marchetti, groups: [leads]}
ed: {title: Ed Novak, admin: true}
"""
BUNDLE = """\
defaults: {approve_within: PT30M, execute_within: PT5M, report_within: PT15M}
actions:
  db.migrate:
    title: Run a database migration
    executor: db-runner
    reversibility: reversible
    params:
      env: {type: enum, values: [dev, staging, prod]}
      sql: {type: text, render: code, optional: true}
      rows: {type: int, optional: true, title: Rows touched}
      dsn: {type: string, show: redacted, optional: true}
    additional: show
  customer.erase:
    title: Erase a customer for good
    executor: db-runner
    params:
      customer: {type: string}
      tables: {type: list, of: string, optional: true}
  config.change:
    title: Change a service's configuration
    executor: db-runner
    reversibility: externally_reversible
    params:
      service: {type: string}
      change: {type: text, render: diff}
groups:
  dba: {}
  leads: {}
rules:
  - id: dev-auto
    match: {action: db.migrate, params.env: dev}
    effect: allow
  - id: prod-migrate
    match: {action: db.migrate, params.env: prod}
    effect: require_approval
    justification: {reviewer: on_deny}
    stages: [{name: dba, approvers: [group:dba], quorum: 1}]
  - id: erasure
    match: {action: customer.erase}
    effect: require_approval
    stages:
      - {name: dba, approvers: [group:dba], quorum: 2}
      - {name: leads, approvers: [group:leads], quorum: 1}
  - id: config
    match: {action: config.change}
    effect: require_approval
    stages: [{name: leads, approvers: [group:leads], quorum: 1}]
"""


@dataclass(frozen=True, slots=True)
class World:
    """Everyone; `ana`, `bo`, `cy` are dba, `cy` and `di` are leads, `ed` is an admin and owns the agents."""

    url: str
    parts: Parts

    async def asked(self, action: str = "db.migrate", *, by: str = "deployer", **body: Any) -> Request:
        """Let an agent ask; `parameters` of a migration on prod unless given."""
        body.setdefault("parameters", {"env": "prod", "sql": "ALTER TABLE orders ADD note text"})
        parameters = body.pop("parameters")
        ask = read_ask(json.dumps({"action": {"name": action, "parameters": parameters}, **body}).encode())
        registry = await self.parts.store.registry()
        actor = Actor(ActorKind.AGENT, by, Surface.API, by, Proof.KEY)
        committed = await self.parts.intake.submit(registry.agents[AgentName(by)], registry, ask, None, actor)
        assert committed.request is not None
        return committed.request

    async def reviewed(
        self, request: Request, person: str, verdict: Verdict = Verdict.APPROVE, reason: str | None = None
    ) -> Request:
        """Let someone decide through another door."""
        actor = Actor(ActorKind.PERSON, person, Surface.SLACK, "T0/U0", Proof.SIGNATURE)
        return await self.parts.reviewing.decide(
            request.id, PersonName(person), verdict, reason, request.digest, actor, complete=True
        )

    async def ran(self, request: Request, status: State = State.SUCCEEDED, note: str | None = None) -> None:
        """Let the executor redeem and report."""
        executor = (await self.parts.store.registry()).executors[ExecutorName("db-runner")]
        actor = Actor(ActorKind.EXECUTOR, "db-runner", Surface.API, "db-runner", Proof.KEY)
        await self.parts.granting.redeem(executor, request.grant_id, request.digest, None, actor)
        await self.parts.granting.report(executor, request.id, status, note, None, actor)

    async def now(self, request: Request) -> Request:
        """Return the request as it stands."""
        return await self.parts.store.get(request.id)


@dataclass(slots=True)
class Page:
    """What came back."""

    status: int
    text: str
    headers: dict[str, str]
    url: str

    def hidden(self, name: str) -> str:
        """Return a hidden field's value."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, f"no field {name} in {self.text}"
        return found[1]


class Browser:
    """A person's browser without scripts."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def get(self, path: str, **headers: str) -> Page:
        """Open a page; redirects are followed."""
        async with self.session.get(self.url + path, headers=headers) as answer:
            return Page(answer.status, await answer.text(), dict(answer.headers), str(answer.url))

    async def post(self, path: str, fields: dict[str, str], follow: bool = True, **headers: str) -> Page:
        """Send a form as a browser does that lies about nothing."""
        sent = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"} | headers
        async with self.session.post(
            self.url + path, data=fields, headers=sent, allow_redirects=follow
        ) as answer:
            return Page(answer.status, await answer.text(), dict(answer.headers), str(answer.url))

    async def post_bytes(self, path: str, body: bytes, **headers: str) -> Page:
        """Send a form's bytes as they are."""
        sent = {"Origin": self.url, "Content-Type": "application/x-www-form-urlencoded"} | headers
        async with self.session.post(self.url + path, data=body, headers=sent) as answer:
            return Page(answer.status, await answer.text(), dict(answer.headers), str(answer.url))

    def cookie(self, name: str) -> Morsel[str]:
        """Return a cookie with its attributes."""
        return next(morsel for morsel in self.session.cookie_jar if morsel.key == name)

    async def decide(self, request: Request, verdict: str, reason: str = "") -> Page:
        """Open the request's page and press one of its buttons."""
        page = await self.get(f"/requests/{request.id}")
        fields = {
            "csrf": page.hidden("csrf"),
            "digest": page.hidden("digest"),
            "reason": reason,
            "verdict": verdict,
        }
        return await self.post(f"/requests/{request.id}", fields)


async def a_browser(stack: AsyncExitStack, world: World) -> Browser:
    """Return a browser in which nobody is signed in."""
    jar = aiohttp.CookieJar(unsafe=True)  # it would not keep cookies of a bare address
    return Browser(await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar)), world.url)


async def signed_in(stack: AsyncExitStack, world: World, person: str) -> Browser:
    """Return a browser in which a person has signed in by a one-time link."""
    browser = await a_browser(stack, world)
    token = await world.parts.entering.invite(PersonName(person), OPERATOR)
    page = await browser.post("/enter", {"token": token, "next": "/"})
    assert page.status == 200, page.text
    return browser


@asynccontextmanager
async def world_at(
    folder: Path,
    *,
    clock: Clock | None = None,
    development: bool = False,
    public_url: str | None = None,
    bundle: str = BUNDLE,
    directory: str = DIRECTORY,
) -> AsyncIterator[World]:
    """Serve the pages on a free port of loopback, which is also their public address unless told else."""
    (folder / "policy").mkdir(parents=True)
    (folder / "policy" / "directory.yaml").write_text(directory)
    (folder / "policy" / "bundle.yaml").write_text(bundle)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]  # pydantic-settings' own argument
            database_url=f"sqlite:///{folder}/assent.db",
            policy=folder / "policy",
            keys=folder / "keys",
            checkpoints=folder / "checkpoints",
            public_url=public_url or url,
        )
        async with parts(settings, clock or FakeClock()) as made:
            app = _app(made, development)
            runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=5)
            await runner.setup()
            try:
                await web.SockSite(runner, taken).start()
                await _peopled(made.admin)
                yield World(url, made)
            finally:
                await runner.cleanup()


def _app(made: Parts, development: bool) -> web.Application:
    app = web.Application()
    problems.install(app, made.ids, Record(made.knowing.holder, made.refusing.record))
    surface.install(
        app,
        viewing=made.viewing,
        reviewing=made.reviewing,
        breaking=made.breaking,
        absences=made.absences,
        linking=made.linking,
        entering=made.entering,
        auditing=made.auditing,
        store=made.store,
        policies=made.policies,
        clock=made.clock,
        renderer=Renderer(TEMPLATES),
        public_url=made.public_url,
        development=development,
    )
    return app


async def _peopled(admin: Admin) -> None:
    for agent in ("deployer", "janitor"):
        await admin.add_agent(agent, PersonName("ed"), [PersonName("ed"), PersonName("bo")], False, OPERATOR)
    await admin.add_executor("db-runner", None, OPERATOR)
