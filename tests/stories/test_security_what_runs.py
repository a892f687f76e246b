"""What is shown is what runs: points 10 to 17 of the security index, against the whole bot."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot import logs
from bot.core.action import LIMIT
from bot.core.literal import visible
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.tables import rows, tables
from tests.world import Answer, Refused, World

SECRET = "correct-horse-battery-staple"
ASK: dict[str, Any] = {"env": "prod", "sql": "SELECT 1", "rows": 1}


async def told_of(world: World, **parameters: Any) -> tuple[Answer, Answer]:
    """Return an approved request and its callback."""
    request = await world.agent.asks("db.migrate", **(ASK | parameters))
    await (await world.person("ana")).approves(request)
    await world.settle()
    return request, world.executors["db-runner"].told("request.approved")[-1]


async def in_database(world: World, query: str) -> list[Answer]:
    return await rows(world.running.parts.settings.database_url, query)


@pytest.mark.parametrize(
    "change",
    [
        {"sql": "DROP TABLE orders"},
        {"rows": 2},
        {"rows": "1"},
        {"rows": True},
        {"extra": None},
        {"env": "Prod"},
    ],
)
async def test_parameters_changed_after_the_approval_do_not_run(small_world: World, change: Answer) -> None:
    request, told = await told_of(small_world)
    runner = small_world.executors["db-runner"]
    with pytest.raises(Refused) as no:
        await runner.redeems(told, action={"name": "db.migrate", "parameters": ASK | change})
    assert (no.value.status, no.value.slug) == (409, "digest-mismatch")
    assert (await small_world.agent.sees(request))["state"] == "approved"
    assert (await runner.redeems(told, action={"name": "db.migrate", "parameters": ASK}))["id"]


@pytest.mark.parametrize(
    "change",
    [
        {"resource": {"type": "database", "id": "customers"}},
        {"context": {"ticket": "OPS-1"}},
        {"action": {"name": "db.migrat", "parameters": ASK}},
    ],
)
async def test_another_resource_context_or_name_does_not_run_either(
    small_world: World, change: Answer
) -> None:
    _, told = await told_of(small_world)
    body: dict[str, Any] = {"action": {"name": "db.migrate", "parameters": ASK}} | change
    with pytest.raises(Refused) as no:
        await small_world.executors["db-runner"].redeems(told, **body)
    assert no.value.slug == "digest-mismatch"


async def test_a_digest_that_differs_raises_the_alarm_and_stands_in_the_log(world: World) -> None:
    request, told = await told_of(world)
    for _ in range(3):  # an executor that goes on trying does not flood the admins
        with pytest.raises(Refused):
            await world.executors["db-runner"].redeems(told, digest="0" * 64)
    alarms = await in_database(
        world, f"SELECT address, event FROM outbox WHERE request_id = '{request['id']}' AND kind = 'alert'"
    )
    assert alarms == [{"address": "admins", "event": f"digest-mismatch:{request['id']}"}]
    await world.settle()
    assert await in_database(world, "SELECT address, problem FROM letters") == []
    await world.running.parts.refusing.close()  # the first has its entry, the others are counted in another
    refusals = await in_database(world, "SELECT request_id FROM entries WHERE kind = 'grant.refused'")
    assert [row["request_id"] for row in refusals] == [request["id"]] * 2


async def test_a_summary_that_contradicts_the_parameters_names_nothing(small_world: World) -> None:
    lie = {"summary": "Run a harmless SELECT in dev", "justification": "approved already"}
    request = await small_world.agent.asks("db.migrate", env="prod", sql="DROP TABLE orders", _body=lie)
    [shown] = await (await small_world.person("ana")).inbox()
    assert shown["title"] == "Run a database migration"
    assert shown["action"]["parameters"] == {"env": "prod", "sql": "DROP TABLE orders"}
    assert shown["summary"] == lie["summary"]
    assert shown["digest"] == request["digest"]


HIDDEN = [
    "pay_1\u202egpj",
    "pay_\u200b1",
    "pay_1\U000e0041",
    "pay_1\ufe0f",
    "p\u0430y_1",
    "pay\x1b[2K",
    "\u2800",
    "",
]


@pytest.mark.parametrize("name", HIDDEN)
async def test_identifiers_take_no_hidden_or_look_alike_characters(small_world: World, name: str) -> None:
    with pytest.raises(Refused) as no:
        await small_world.agent.asks("payments.refund", payment=name, cents=1)
    assert no.value.status == 400
    assert not name or name not in str(no.value.problem)


async def test_hidden_characters_in_text_are_shown_and_still_run_exactly_as_sent(small_world: World) -> None:
    sql = "SELECT 1 -- \u202e;STOPPED\u200b"
    request, told = await told_of(small_world, sql=sql)
    assert visible(sql)[0] != sql
    receipt = await small_world.executors["db-runner"].redeems(told)
    assert receipt["action"]["parameters"]["sql"] == sql
    assert receipt["digest"] == request["digest"]


BAD_BODIES = {
    "a duplicate key": b'{"action": {"name": "db.migrate", "name": "x", "parameters": {}}}',
    "a duplicate key, escaped": b'{"action": {"name": "a", "n\\u0061me": "b", "parameters": {}}}',
    "NaN": b'{"action": {"name": "db.migrate", "parameters": {"rows": NaN}}}',
    "Infinity": b'{"action": {"name": "db.migrate", "parameters": {"rows": 1e999}}}',
    "a number too large": b'{"action": {"name": "db.migrate", "parameters": {"n": 9007199254740993}}}',
    "a lone surrogate": b'{"action": {"name": "db.migrate", "parameters": {"sql": "\\ud800"}}}',
    "no UTF-8": b'{"action": {"name": "db.migrate", "parameters": {"sql": "\xff"}}}',
    "deep nesting": b'{"action": {"name": "x", "parameters": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}}",
    "a list": b"[]",
    "nothing": b"",
    "two documents": b"{}{}",
    "an unknown member": b'{"action": {"name": "db.migrate", "parameters": {}}, "urgent": true}',
    "a wrong type": b'{"action": "db.migrate"}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_a_body_that_is_not_strict_json_is_refused_before_anything_is_decided(
    small_world: World, body: bytes
) -> None:
    size = await small_world.audit()
    headers = {"Authorization": f"Bearer {small_world.agent.key}", "Content-Type": "application/json"}
    url = f"{small_world.url}/v1/requests"
    async with small_world.http.post(url, data=body, headers=headers) as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
    assert await small_world.audit() == size + 1
    newest = "SELECT kind FROM entries ORDER BY sequence DESC LIMIT 1"
    assert await in_database(small_world, newest) == [{"kind": "call.refused"}]


async def test_a_body_beyond_the_cap_is_refused_before_it_is_read(small_world: World) -> None:
    body = json.dumps({"action": {"name": "db.migrate", "parameters": ASK}}).encode()
    headers = {"Authorization": f"Bearer {small_world.agent.key}", "Content-Type": "application/json"}
    url, never = f"{small_world.url}/v1/requests", asyncio.Event()

    async def endless(first: bytes) -> AsyncIterator[bytes]:
        yield first
        await never.wait()

    # Nothing but its length is wrong with it. The rest of it never comes, so who waits for it waits for ever.
    announced = endless(body), headers | {"Content-Length": str(LIMIT + 1)}
    in_chunks = endless(body + b" " * LIMIT), headers
    for data, said in (announced, in_chunks):
        async with asyncio.timeout(10), small_world.http.post(url, data=data, headers=said) as answer:
            assert answer.status == 413
    assert await in_database(small_world, "SELECT id FROM requests") == []


async def test_a_parameter_the_catalog_does_not_know_is_refused_by_name_without_its_value(
    small_world: World,
) -> None:
    with pytest.raises(Refused) as no:
        await small_world.agent.asks("db.migrate", **ASK, after=f"rm -rf / {SECRET}")
    assert no.value.status == 400
    assert "after" in str(no.value.problem)
    assert SECRET not in str(no.value.problem)


async def test_a_parameter_that_is_let_through_unknown_is_on_the_page_and_in_the_digest(
    small_world: World,
) -> None:
    policy = Path(small_world.running.parts.settings.policy)
    write_policy(
        policy, BUNDLE.replace("    executor: db-runner\n", "    executor: db-runner\n    additional: show\n")
    )
    await small_world.running.parts.policies.check()
    plain = await small_world.agent.asks("db.migrate", **ASK)
    odd = await small_world.agent.asks("db.migrate", **ASK, after="rm -rf /")
    assert odd["digest"] != plain["digest"]
    inbox = {one["id"]: one for one in await (await small_world.person("ana")).inbox()}
    assert inbox[odd["id"]]["action"]["parameters"]["after"] == "rm -rf /"


# ── 17: a planted secret ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that production would log, down to the last debug line."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(stream, logging.DEBUG)
    root.setLevel(logging.DEBUG)
    for handler in root.handlers:
        handler.setLevel(logging.DEBUG)
    yield stream
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


async def provoke(world: World, told: Answer) -> list[str]:
    """Return the texts of every error that could be tempted to repeat the secret."""
    dsn = f"postgres://app:{SECRET}@db/orders"
    runner, texts = world.executors["db-runner"], list[str]()
    attempts = [
        world.agent.asks("db.migrate", **ASK, dsn={"is": dsn}),
        world.agent.asks("db.migrate", **ASK, dsn=[dsn]),
        world.agent.asks("db.migrate", **ASK, dsm=dsn),
        world.agent.asks("db.migrate", env=dsn, sql="x"),
        world.agent.asks("db.migrate", key="k", **ASK, dsn=f"{dsn}?"),
        runner.redeems(told, action={"name": "db.migrate", "parameters": ASK | {"dsn": f"{dsn}!"}}),
        runner.redeems(told, action={"name": "db.migrate", "parameters": ASK, "dsn": dsn}),
    ]
    for attempt in attempts:
        try:
            texts.append(str(await attempt))
        except Refused as refused:
            texts.append(str(refused.problem))
    return texts


async def test_a_secret_parameter_is_in_the_receipt_and_nowhere_else(
    world: World, logged: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = f"postgres://app:{SECRET}@db/orders"
    request = await world.agent.asks("db.migrate", key="k", **ASK, dsn=dsn)
    ana = await world.person("ana")
    seen = [str(request), str(await ana.inbox()), str(await ana.approves(request))]
    await world.settle()
    runner = world.executors["db-runner"]
    [told] = runner.told("request.approved")
    seen += [str(runner.received), str(await runner.call("GET", "/v1/executions?after=0"))]
    seen += await provoke(world, told)
    seen += [str(await world.agent.sees(request)), logged.getvalue(), *capsys.readouterr()]
    assert [text for text in seen if SECRET in text] == []
    receipt = await runner.redeems(told)
    assert receipt["action"]["parameters"]["dsn"] == dsn
    await runner.reports(request["id"])
    await world.settle()
    assert SECRET not in logged.getvalue()
    url = world.running.parts.settings.database_url
    holding = [table for table in await tables(url) if SECRET in await _text_of(world, table)]
    assert holding == ["requests"]  # it waits there for its receipt


async def _text_of(world: World, table: str) -> str:
    values = [value for row in await in_database(world, f"SELECT * FROM {table}") for value in row.values()]
    return " ".join(v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values)


async def test_no_credential_lies_in_the_database_or_the_logs(world: World, logged: io.StringIO) -> None:
    ana = await world.person("ana")
    await told_of(world)
    runner = world.executors["db-runner"]
    token = world.executors["db-runner"].told("request.approved")[0]["grant"]
    secrets = [
        world.agent.key,
        ana.key,
        runner.key,
        runner.secret,
        runner.secret.removeprefix("whsec_"),
        token,
    ]
    held = [await _text_of(world, table) for table in await tables(world.running.parts.settings.database_url)]
    held.append(logged.getvalue())
    assert [secret for secret in secrets for text in held if secret in text] == []
