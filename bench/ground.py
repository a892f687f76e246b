"""What is measured: a policy of 50 rules, a directory, and bodies of about 1.9 KB."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.app.parts import parts
from bot.core.terms import Actor, ActorKind, PersonName, Proof, Surface
from bot.settings import Settings
from storage.schema import migrate

OPERATOR = Actor(ActorKind.OPERATOR, "bench", Surface.CLI, "bench", Proof.SHELL)
HOST = "127.0.0.1"
NO_LIMIT = 10**9
RULES = 50
MIGRATIONS = 20  # of them speak of the action that is asked for, and three of these match
MARK = "0000000000000000"  # sixteen digits that make each body another one
ACTION = "db.migrate"

CATALOG = """\
defaults: {unknown_action: deny, no_match: require_approval, approve_within: P1D}
actions:
  db.migrate:
    title: Run a database migration
    executor: db-runner
    reversibility: externally_reversible
    params:
      env: {type: enum, values: [dev, staging, prod]}
      sql: {type: text, render: code, max: 20000}
      rows: {type: int, min: 0}
      dsn: {type: string, show: redacted, optional: true}
  cache.flush:
    title: Flush the cache
    executor: db-runner
    params: {region: {type: identifier}}
  alarm.set:
    title: Set an alarm
    executor: db-runner
    params: {region: {type: identifier}}
  batch.end:
    title: End a batch
    executor: db-runner
    params: {region: {type: identifier}}
{elsewhere}groups:
  dba: {members: [p0, p1, p2, p3]}
  leads: {members: [p4, p5]}
  security: {members: [p6, p7, p8]}
rules:
  - {id: cache, match: {action: cache.flush}, effect: require_approval,
     stages: [{name: dba, approvers: [group:dba]}], show: [{web: inbox}]}
  - {id: alarm, match: {action: alarm.set}, effect: require_approval,
     stages: [{name: dba, approvers: [group:dba]}], show: [{web: inbox}]}
  - {id: batch, match: {action: batch.end}, effect: require_approval, approve_within: PT10M,
     stages: [{name: dba, approvers: [group:dba]}], show: [{web: inbox}]}
  - id: match-1
    match: {action: db.migrate, params.env: prod}
    when: params.rows > 100
    effect: require_approval
    justification: {reviewer: on_deny}
    stages: [{name: dba, approvers: [group:dba], quorum: 1}]
    escalate: [{after: PT30M, remind: group:dba}, {after: PT2H, add: group:leads}]
    show: [{web: inbox}]
  - id: match-2
    match: {action: "db.*", params.env: [staging, prod]}
    when: resource.type == 'database' && params.rows < 1000000
    effect: require_approval
    stages: [{name: dba, approvers: [group:dba], quorum: 1}]
  - id: match-3
    match: {action: "*", params.env: prod}
    when: on_behalf_of != '' && context.ticket != ''
    effect: require_approval
    stages: [{name: security, approvers: [group:security], quorum: 1}]
"""
# A request of these rules needs a condition each, and none of them matches.
CONDITION = """\
  - {{id: other-{number}, match: {{action: db.migrate, params.env: prod}}, when: "params.rows > {rows}",
     effect: deny, reason: Too many rows}}
"""
# These are passed by what they match, before any condition.
CLAUSE = """\
  - {{id: other-{number}, match: {{action: db.migrate, params.env: {env}, agent: agent-{number}}},
     when: "params.rows > 5", effect: require_approval, stages: [{{name: dba, approvers: [group:dba]}}]}}
"""
ELSEWHERE = """\
  - {{id: other-{number}, match: {{action: "pay{number}.*"}}, when: "agent != 'x'", effect: deny}}
"""


def bundle() -> str:
    """Return the policy of 50 rules."""
    elsewhere = "".join(
        f"  pay{number}.run: {{title: Pay, executor: db-runner}}\n" for number in range(MIGRATIONS + 3, RULES)
    )
    text = CATALOG.replace("{elsewhere}", elsewhere)
    for number in range(6, RULES):
        here = CONDITION if number % 2 else CLAUSE
        shape = here if number < MIGRATIONS + 3 else ELSEWHERE
        text += shape.format(number=number, rows=1_000_000 + number, env=("dev", "staging")[number % 4 // 2])
    return text


def directory() -> str:
    """Return a directory of twenty people."""
    people = [f"p{number}: {{email: p{number}@example.com}}\n" for number in range(20)]
    return "".join(people) + "boss: {email: boss@example.com, admin: true, auditor: true}\n"


def body() -> bytes:
    """Return an ask of about 1.9 KB that holds `MARK` once."""
    sql = f"-- migration {MARK}\n" + "\n".join(
        f"ALTER TABLE orders_{n} ADD COLUMN note_{n} text DEFAULT 'none' NOT NULL;" for n in range(20)
    )
    asked = {
        "action": {"name": ACTION, "parameters": {"env": "prod", "sql": sql, "rows": 12345}},
        "resource": {"type": "database", "id": "orders"},
        "on_behalf_of": "p9",
        "justification": "The note is needed by the release of next week; see the plan in the ticket.",
        "summary": "Adds a column to each of the order tables.",
        "context": {"ticket": "OPS-4711", "pipeline": "release", "attempt": 1, "host": "ci-7.example.com"},
    }
    return json.dumps(asked).encode()


@dataclass(frozen=True, slots=True)
class Ground:
    """A migrated database with a policy, an agent, an executor and a person's token."""

    settings: Settings
    agent_key: str
    person_token: str

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings as a server's environment."""
        own = self.settings
        return {
            "ASSENT_DATABASE_URL": own.database_url,
            "ASSENT_POLICY": str(own.policy),
            "ASSENT_KEYS": str(own.keys),
            "ASSENT_CHECKPOINTS": str(own.checkpoints),
            "ASSENT_PORT": str(own.port),
        }


async def lay(folder: Path, database_url: str, port: int, policy_text: str | None = None) -> Ground:
    """Make everything that a server needs, in a fresh folder; under another policy the agent executes."""
    policy = folder / "policy"
    policy.mkdir(parents=True)
    (policy / "bundle.yaml").write_text(policy_text or bundle(), "utf-8")
    (policy / "directory.yaml").write_text(directory(), "utf-8")
    settings = settings_at(folder, database_url, port)
    await migrate(database_url)
    async with parts(settings) as made:
        boss, asker = PersonName("boss"), PersonName("p9")
        key = await made.admin.add_agent(
            "deployer",
            boss,
            [boss, asker],
            policy_text is not None,
            OPERATOR,
            pending_max=NO_LIMIT,
            per_minute=NO_LIMIT,
        )
        await made.admin.add_executor("db-runner", None, OPERATOR)
        token = await made.admin.person_token(PersonName("p0"), timedelta(hours=12), OPERATOR)
    return Ground(settings, key, token)


def settings_at(folder: Path, database_url: str, port: int) -> Settings:
    """Return settings that take nothing from the environment."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic-settings' own argument
        database_url=database_url,
        policy=folder / "policy",
        keys=folder / "keys",
        checkpoints=folder / "checkpoints",
        host=HOST,
        port=port,
    )


def numbers(start: int) -> Iterator[bytes]:
    """Yield sixteen-digit marks, counting up from `start`."""
    while True:
        yield b"%016d" % start
        start += 1
