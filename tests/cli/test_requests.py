"""requests and policy: what was asked is shown literally, taken back, proven, and replayed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app import parts
from bot.core.action import read_ask
from bot.core.terms import (
    SYSTEM,
    Actor,
    ActorKind,
    AgentName,
    Entry,
    EntryKind,
    ExecutorName,
    PersonName,
    Proof,
    Surface,
)
from bot.ports import RegistryEdit
from bot.settings import read
from tests.cli.conftest import Typed
from tests.fixtures.policy import BUNDLE

ROOT = Path(__file__).parent.parent.parent
MIGRATION = {"env": "prod", "sql": "ALTER TABLE t ADD c INT", "rows": 3}


def _ask(parameters: dict[str, Any]) -> str:
    """Ask as the agent `deployer`; return the request's id."""

    async def ask() -> str:
        by = Actor(ActorKind.AGENT, "deployer", Surface.API, "", Proof.KEY)
        async with parts(read()) as opened:
            if "deployer" not in (await opened.store.registry()).agents:
                await opened.admin.add_agent("deployer", PersonName("ed"), (), False, by)
            registry = await opened.store.registry()
            body = json.dumps({"action": {"name": "db.migrate", "parameters": parameters}}).encode()
            agent = registry.agents[AgentName("deployer")]
            made = await opened.intake.submit(agent, registry, read_ask(body), None, by)
            assert made.request is not None
            return made.request.id

    return asyncio.run(ask())


def test_requests_are_listed_by_state(typed: Typed) -> None:
    pending, denied = _ask(MIGRATION), _ask(MIGRATION | {"env": "staging"})
    listed = typed("requests", "list", "--state", "denied").out
    assert denied in listed
    assert pending not in listed
    assert typed("requests", "list", "--state", "lost").code == 2
    assert typed("requests", "list", "--limit", "0").code == 2


def test_a_request_is_shown_whole_literally_and_without_its_secrets(typed: Typed) -> None:
    sql = "SELECT 1; \x1b[2J\u202e[red]DROP[/red]"
    shown = typed("requests", "show", _ask(MIGRATION | {"sql": sql, "dsn": "postgres://hunter2"})).out
    assert "SELECT 1; ⟨U+001B⟩[2J⟨U+202E⟩[red]DROP[/red]" in shown
    assert "\x1b" not in shown
    assert "hunter2" not in shown
    assert typed("requests", "show", "req_" + "0" * 32).code == 1


def test_a_pending_request_is_taken_back_once(typed: Typed) -> None:
    request = _ask(MIGRATION)
    assert "cancelled" in typed("requests", "revoke", request, "--reason", "wrong one").err
    again = typed("requests", "revoke", request, "--reason", "wrong one")
    assert again.code == 1
    assert len(again.err.splitlines()) == 1


def test_what_policy_allowed_is_revoked_before_it_runs(typed: Typed) -> None:
    assert "revoked" in typed("requests", "revoke", _ask(MIGRATION | {"env": "dev"}), "--reason", "x").err


def test_no_dead_letters_is_said(typed: Typed) -> None:
    said = typed("deliveries", "list")
    assert (said.code, said.out) == (0, "")
    assert typed("deliveries", "redeliver", "17").code == 1


def _gone() -> int:
    """Let the executor's address answer 410 to a callback; return the dead letter's number."""

    async def bury() -> int:
        async with parts(read()) as opened:
            now, executor = opened.clock.now(), ExecutorName("db-runner")
            claimed = await opened.store.claim(now + timedelta(minutes=1), 10, timedelta(minutes=1))
            (row,) = (one for one in claimed if one.send.address == "executor:db-runner")
            entry = Entry(EntryKind.DEAD, now, SYSTEM, request_id=row.request_id)
            await opened.store.bury(row, "410 Gone", entry, ())
            held = (await opened.store.registry()).executors[executor]
            edit = RegistryEdit(
                replace(entry, kind=EntryKind.ADMIN), executors=(replace(held, disabled_at=now),)
            )
            await opened.store.edit(edit)
            return row.id

    return asyncio.run(bury())


def test_a_dead_letter_waits_until_its_address_takes_callbacks_again(typed: Typed) -> None:
    typed("executors", "add", "db-runner", "--url", "https://runner.example.com/assent")
    _ask(MIGRATION | {"env": "dev"})
    letter = str(_gone())
    refused = typed("deliveries", "redeliver", letter)
    assert refused.code == 1
    assert "`executors rotate db-runner`" in refused.err
    assert "410 Gone" in typed("deliveries", "list").out
    typed("executors", "rotate", "db-runner")
    assert typed("deliveries", "redeliver", letter).code == 0
    assert typed("deliveries", "list").out == ""


def test_a_proof_is_checked_without_us(typed: Typed, tmp_path: Path) -> None:
    said = typed("audit", "prove", _ask(MIGRATION), "--open", "-o", str(tmp_path / "proof.json"))
    assert said.code == 0
    key = typed("audit", "key").last
    checked = subprocess.run(
        [sys.executable, ROOT / "client/assent/proof.py", tmp_path / "proof.json", "--key", key],
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_a_new_bundle_is_replayed_over_the_past(typed: Typed, install: Path) -> None:
    request = _ask(MIGRATION)
    assert typed("policy", "diff", "policy").out == ""
    other = install / "other"
    other.mkdir()
    (other / "directory.yaml").write_text((install / "policy" / "directory.yaml").read_text())
    (other / "bundle.yaml").write_text(BUNDLE.replace("params.env: staging", "params.env: prod"))
    changed = typed("policy", "diff", str(other)).out.splitlines()[1].split("\t")
    assert changed[0] == request
    assert changed[2].startswith("require_approval by prod-migrate")
    assert changed[3].startswith("deny by no-staging")


CASE = """\
agents: {deployer: {owner: ed}}
cases:
  - name: Staging is closed
    action: db.migrate
    parameters: {env: staging, sql: SELECT 1}
    expect: {effect: EFFECT}
"""


@pytest.mark.parametrize(("effect", "code"), [("deny", 0), ("allow", 4), ("perhaps", 3)])
def test_policy_tests_exit_as_ci_wants_them(typed: Typed, install: Path, effect: str, code: int) -> None:
    (install / "policy" / "bundle_test.yaml").write_text(CASE.replace("EFFECT", effect))
    assert typed("policy", "test").code == code


def test_a_plan_is_explained(typed: Typed, install: Path) -> None:
    body = {"action": {"name": "db.migrate", "parameters": MIGRATION}}
    (install / "ask.json").write_text(json.dumps(body))
    said = typed("policy", "explain", "ask.json", "--agent", "deployer", "--owner", "ed")
    assert said.code == 0
    assert said.out.startswith("require_approval: Run a database migration")
    assert "✓ prod-migrate (require_approval): params.env is prod" in said.out
    (install / "ask.json").write_text(
        '{"action": {"name": "db.migrate", "parameters": {}, "parameters": {}}}'
    )
    assert typed("policy", "explain", "ask.json").code == 1


def test_a_plan_is_explained_for_whom_the_agent_acts_and_nobody_runs_what_is_denied(
    typed: Typed, install: Path
) -> None:
    body = {"action": {"name": "db.migrate", "parameters": MIGRATION}, "on_behalf_of": "ana"}
    (install / "ask.json").write_text(json.dumps(body))
    typing = ("policy", "explain", "ask.json", "--owner", "ed")
    assert "not registered to act for" in typed(*typing).err
    said = typed(*typing, "--acts-for", "bo", "--acts-for", "ana")
    assert said.code == 0
    assert "min to run it" in said.out
    (install / "ask.json").write_text('{"action": {"name": "no.such"}}')
    denied = typed("policy", "explain", "ask.json").out
    assert denied.startswith("deny: no.such")
    assert "to run it" not in denied


def test_the_schema_is_one_that_editors_read(typed: Typed) -> None:
    assert json.loads(typed("policy", "schema").out)["$schema"].endswith("2020-12/schema")
