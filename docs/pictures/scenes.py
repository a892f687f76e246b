"""Every state of a Slack card, every modal, the home tab and some answers: the whole bot, on a fake Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_views import CardView
from tests.fixtures.clock import FakeClock
from tests.world import World, a_world, jti

Blocks = list[dict[str, Any]]
PEOPLE = ("ana", "bo", "cy", "di", "ed", "gil")
CHANNEL = "#prod-approvals"
SQL = """ALTER TABLE orders
  ADD COLUMN settled_at timestamptz;

CREATE INDEX CONCURRENTLY orders_settled_at
  ON orders (settled_at)
  WHERE settled_at IS NOT NULL;"""
DIFF = """--- checkout.yaml
+++ checkout.yaml
@@ -4,3 +4,3 @@
 replicas: 6
-timeout: 30s
+timeout: 5s
 retries: 2"""
DIRECTORY = """\
ana: {title: Ana Castell, slack: [T0ASSENT/U0ANA], groups: [dba], deputies: [bo]}
bo: {title: Bo Lindqvist, slack: [T0ASSENT/U0BO], groups: [dba]}
cy: {title: Cy Okafor, slack: [T0ASSENT/U0CY], groups: [dba, leads]}
di: {title: Di Marchetti, slack: [T0ASSENT/U0DI], groups: [leads], admin: true}
ed: {title: Ed Novak, slack: [T0ASSENT/U0ED]}
gil: {title: Gil Haas, slack: [T0ASSENT/U0GIL], admin: true, break_glass: true}
"""
BUNDLE = """\
defaults:
  approve_within: PT30M
  execute_within: PT5M
  report_within: PT15M
  show: [{slack: "#prod-approvals"}]
actions:
  db.migrate:
    title: Run a database migration
    executor: db-runner
    reversibility: reversible
    params:
      env: {type: enum, values: [dev, staging, prod]}
      sql: {type: text, render: code, max: 20000}
      rows: {type: int, optional: true, title: Rows touched}
      dsn: {type: string, show: redacted, optional: true}
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
  zone.delete:
    title: Delete a DNS zone
    executor: db-runner
    params:
      zone: {type: string}
groups:
  dba: {}
  leads: {}
  nobody: {members: [ed]}
rules:
  - id: prod-migrate
    match: {action: db.migrate, params.env: prod}
    effect: require_approval
    justification: {reviewer: on_deny}
    stages: [{name: dba, approvers: [group:dba], quorum: 1}]
    reason: Schema changes of production are looked at by a database administrator.
  - id: staging
    match: {action: db.migrate, params.env: staging}
    effect: deny
    reason: Staging is being rebuilt this week.
  - id: erasure
    match: {action: customer.erase}
    effect: require_approval
    stages:
      - {name: dba, approvers: [group:dba], quorum: 2}
      - {name: leads, approvers: [group:leads], quorum: 1}
  - id: config
    match: {action: config.change}
    effect: require_approval
    justification: {reviewer: required}
    stages: [{name: leads, approvers: [group:leads], quorum: 1}]
  - id: zones
    match: {action: zone.delete}
    effect: require_approval
    stages: [{name: owners, approvers: [group:nobody], quorum: 1}]
"""


@dataclass(frozen=True)
class Scene:
    """One picture: a message, a modal or a home tab."""

    name: str
    blocks: Blocks
    kind: str = "message"
    at: float = 0.0
    title: str = ""
    submit: str = ""
    close: str = ""


@dataclass
class Stage:
    """The running bot, and what was photographed."""

    world: World
    slack: FakeSlack
    scenes: list[Scene] = field(default_factory=list)
    stats: bytes = b""  # the picture that came with that answer

    async def migration(self, **parts: Any) -> dict[str, Any]:
        """Ask for a migration of production, for Ed."""
        body = {
            "resource": {"type": "database", "id": "orders"},
            "on_behalf_of": "ed",
            "justification": "OPS-42: settlement reports take nine minutes without this index.",
            "context": {"ticket": "OPS-42"},
        } | parts.pop("_body", {})
        parameters = {"env": "prod", "sql": SQL, "rows": 120000, "dsn": "postgres://x:y@z/orders"} | parts
        return await self.asked("db.migrate", _body=body, **parameters)

    async def asked(self, action: str, **parts: Any) -> dict[str, Any]:
        """Ask; its card stands when this returns."""
        request = await self.world.agent.asks(action, **parts)
        await self.world.settle()
        return request

    async def approved(self, request: dict[str, Any], *people: str) -> None:
        """Let people approve on the card."""
        for name in people:
            self.world.clock.advance(timedelta(minutes=1))
            await self.card(request).press("Approve", f"U0{name.upper()}")
            await self.world.settle()

    async def redeemed(self, request: dict[str, Any]) -> None:
        """Let the executor begin."""
        runner = self.world.executors["db-runner"]
        [told] = [one for one in runner.told("request.approved") if one["id"] == request["id"]]
        assert jti(told["grant"])
        await runner.redeems(told)
        await self.world.settle()

    async def reported(self, request: dict[str, Any], status: str, note: str) -> None:
        """Let the executor say what became of it."""
        self.world.clock.advance(timedelta(seconds=40))
        await self.world.executors["db-runner"].reports(request["id"], status, note)
        await self.world.settle()

    def card(self, request: dict[str, Any]) -> CardView:
        """Return a request's card in the channel."""
        for message in self.slack.channel(CHANNEL).conversation.messages:
            if message.thread_ts is None and request["id"] in str(message.metadata or ""):
                return CardView(self.slack, message)
        raise LookupError(request["id"])

    def take(self, name: str, request: dict[str, Any]) -> None:
        """Photograph a card as it stands."""
        self.message(name, self.card(request).blocks)

    def message(self, name: str, blocks: Blocks) -> None:
        """Photograph a message."""
        self.scenes.append(Scene(name, blocks, at=self.world.clock.now().timestamp()))

    def view(self, name: str, view: dict[str, Any]) -> None:
        """Photograph a modal or a home tab."""
        texts = {part: view.get(part, {}).get("text", "") for part in ("title", "submit", "close")}
        self.scenes.append(
            Scene(name, view["blocks"], view["type"], self.world.clock.now().timestamp(), **texts)
        )


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Start the bot in a workspace where everybody is."""
    clock = FakeClock()
    slack = FakeSlack(clock.now)
    await slack.start()
    slack.add_channel(CHANNEL)
    for name in PEOPLE:
        slack.add_user(name)
    policy = folder / "policy"
    policy.mkdir(parents=True)
    (policy / "bundle.yaml").write_text(BUNDLE, "utf-8")
    (policy / "directory.yaml").write_text(DIRECTORY, "utf-8")
    settings = {
        "slack_bot_token": slack.state.token,
        "slack_signing_secret": slack.signing_secret,
        "slack_api_url": slack.api_url,
    }
    async with a_world(f"sqlite:///{folder}/assent.db", folder, policy, **settings) as world:
        slack.app, slack.state.now = f"{world.url}/slack/events", world.clock.now
        yield Stage(world, slack)
    slack.state.conversations.clear()
    slack.state.modals.clear()
    slack.state.whispers.clear()
    await slack.stop()
