"""Small policies, agents and asks for the tests of policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.conditions import compile_condition
from bot.core.policy import Bundle, Directory, PolicyBroken, plan, read_bundle, read_directory
from bot.core.terms import Action, Agent, AgentName, Ask, Digest, PersonName, Plan, Resource

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PEOPLE = """\
ana: {slack: [T0A/U0ANA], groups: [ops]}
bo: {groups: [ops]}
cy: {}
di: {}
ed: {admin: true}
"""
CATALOG = """\
defaults:
  stages:
    - {name: fallback, approvers: [group:ops]}
actions:
  db.migrate:
    title: Run a database migration
    executor: db-runner
    reversibility: reversible
    params:
      env: {type: enum, values: [dev, staging, prod]}
      rows: {type: int}
      force: {type: bool, optional: true}
      sql: {type: text, render: code, max: 100, optional: true}
      dsn: {type: string, show: redacted, optional: true}
      tables: {type: list, optional: true}
  db.query:
    title: Query
    executor: db-runner
    params: {}
  tool.any:
    title: Some tool
    additional: show
groups:
  dba: {members: [ana, bo, cy]}
  leads: {members: [cy, di], fallback: dba}
  remote: {slack_usergroup: S0REMOTE}
calendars:
  freeze: {from: "2026-12-18T00:00", to: "2027-01-04T08:00", tz: Europe/Paris}
rules:
"""
REQUIRE = "effect: require_approval, stages: [{name: dba, approvers: [group:dba]}]"


def a_directory(text: str = PEOPLE) -> Directory:
    """Five people."""
    return read_directory(text, "directory.yaml")


def a_bundle(*rules: str, catalog: str = CATALOG, files: Mapping[str, str] | None = None) -> Bundle:
    """The catalog above with these rules, each the inside of a flow mapping."""
    text = catalog + "".join(f"  - {{{rule}}}\n" for rule in rules)
    return read_bundle({"bundle.yaml": text, **(files or {})}, compile_condition, a_directory())


def problems(*rules: str, catalog: str = CATALOG) -> list[str]:
    """What is wrong with such a bundle, each as it is shown."""
    try:
        a_bundle(*rules, catalog=catalog)
    except PolicyBroken as broken:
        return [str(problem) for problem in broken.problems]
    return []


def an_agent(acts_for: tuple[str, ...] = ("ed",)) -> Agent:
    """An agent of ed's."""
    return Agent(
        name=AgentName("deployer"),
        owner=PersonName("ed"),
        acts_for=frozenset(map(PersonName, acts_for)),
        executes=False,
        pending_max=10,
        per_minute=60,
        created_at=NOON,
    )


def an_ask(
    action: str = "db.migrate",
    *,
    resource: tuple[str, str] | None = None,
    on_behalf_of: str | None = None,
    context: Mapping[str, Any] | None = None,
    justification: str | None = None,
    approve_within: timedelta | None = None,
    **parameters: Any,
) -> Ask:
    """An ask; a migration of no rows in dev unless it says otherwise."""
    given = {"env": "dev", "rows": 0, **parameters} if action == "db.migrate" else parameters
    return Ask(
        action=Action(action, given),
        body_digest=Digest("0" * 64),
        resource=Resource(*resource) if resource else None,
        on_behalf_of=PersonName(on_behalf_of) if on_behalf_of else None,
        justification=justification,
        context=context,
        approve_within=approve_within,
    )


def planned(
    bundle: Bundle,
    ask: Ask | None = None,
    *,
    now: datetime = NOON,
    used: Mapping[str, int] | None = None,
    agent: Agent | None = None,
) -> Plan:
    """What the bundle demands of the ask."""
    asked = ask or an_ask()
    by = agent or an_agent()
    directory = a_directory()
    return plan(bundle, directory, by, asked, now, used or {}, executes=by.executes, commit=committed)


def committed(value: bytes) -> str:
    """A commitment that shows in a test what was committed to."""
    return f"commitment of {len(value)} bytes"
