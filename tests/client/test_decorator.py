"""`@approved`: a function that waits for people, then runs once with what they approved."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from assent import (
    Agent,
    Cancelled,
    Denied,
    Expired,
    Misused,
    Refused,
    Unreachable,
    approved,
)
from tests.client.proxy import a_network
from tests.client.world import Assent, until


@pytest.fixture
def agent(server: Assent) -> Agent:
    """The agent `shell`, which executes for itself."""
    return Agent(server.url, server.key, patience=5)


async def test_an_async_function_runs_once_with_what_was_approved(server: Assent, agent: Agent) -> None:
    ran: list[Any] = []

    @approved("db.migrate", agent=agent, justification="OPS-42", on_behalf_of="bo")
    async def migrate(env: str, sql: str, rows: int = 7) -> str:
        ran.append((env, sql, rows))
        return "done"

    task = asyncio.create_task(migrate("prod", sql="SELECT 1"))
    request = await server.decide("approve")
    assert await task == "done"
    assert ran == [("prod", "SELECT 1", 7)]
    assert request["action"]["parameters"] == {"env": "prod", "sql": "SELECT 1", "rows": 7}
    assert (request["justification"], request["on_behalf_of"]) == ("OPS-42", "bo")
    assert (await server.seen(request))["state"] == "succeeded"


async def test_a_plain_function_too(server: Assent, monkeypatch: pytest.MonkeyPatch, agent: Agent) -> None:
    monkeypatch.setenv("ASSENT_URL", server.url)
    monkeypatch.setenv("ASSENT_KEY", server.key)
    ran: list[str] = []

    @approved("db.migrate")
    def migrate(**parameters: str) -> int:
        ran.append(parameters["sql"])
        return 3

    task = asyncio.create_task(asyncio.to_thread(migrate, env="prod", sql="SELECT 1"))
    request = await server.decide("approve")
    assert (await task, ran) == (3, ["SELECT 1"])
    assert (await server.seen(request))["state"] == "succeeded"


async def test_denied_expired_and_cancelled_run_nothing(server: Assent, agent: Agent) -> None:
    ran: list[str] = []

    @approved("db.migrate", agent=agent)
    async def migrate(env: str, sql: str) -> None:
        ran.append(sql)

    @approved("db.migrate", agent=agent, approve_within=timedelta(seconds=1))
    async def hurried(env: str, sql: str) -> None:
        ran.append(sql)

    task = asyncio.create_task(migrate("prod", "DROP TABLE t"))
    await server.decide("deny", "not today")
    with pytest.raises(Denied, match="not today"):
        await task
    with pytest.raises(Expired):
        await hurried("prod", "DROP TABLE t")
    task = asyncio.create_task(migrate("prod", "DROP TABLE t"))
    await asyncio.to_thread(agent.cancel, (await server.pending())["id"])
    with pytest.raises(Cancelled):
        await task
    assert ran == []


async def test_what_the_function_raises_is_raised_and_reported_by_its_name_alone(
    server: Assent, agent: Agent
) -> None:
    @approved("db.migrate", agent=agent)
    async def migrate(env: str, sql: str) -> None:
        raise LookupError("hunter2")

    task = asyncio.create_task(migrate("prod", "SELECT 1"))
    request = await server.decide("approve")
    with pytest.raises(LookupError, match="hunter2"):
        await task
    outcome = (await server.seen(request))["outcome"]
    assert (outcome["status"], outcome["note"]) == ("failed", "LookupError")


async def test_a_cancelled_task_withdraws_its_request(server: Assent, agent: Agent) -> None:
    @approved("db.migrate", agent=agent)
    async def migrate(env: str, sql: str) -> None:
        raise AssertionError("it ran")

    task = asyncio.create_task(migrate("prod", "SELECT 1"))
    request = await server.pending()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await server.seen(request))["state"] == "cancelled"


async def test_a_task_cancelled_while_it_redeems_reports_that_it_did_not_run(server: Assent) -> None:
    async with a_network(server.url) as network:
        network.lose["/redeem"] = 3

        @approved("db.migrate", agent=Agent(network.url, server.key, patience=10))
        async def migrate(env: str, sql: str) -> None:
            raise AssertionError("it ran")

        task = asyncio.create_task(migrate("prod", "SELECT 1"))
        request = await server.decide("approve")

        async def released() -> bool:
            return bool((await server.seen(request))["state"] == "released")

        await until(released)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        async def failed() -> bool:
            return bool((await server.seen(request))["state"] == "failed")

        await until(failed)
    assert (await server.seen(request))["outcome"]["note"] == "not run: the caller had gone"


async def test_another_executors_action_is_refused(server: Assent, agent: Agent) -> None:
    @approved("mail.send", agent=agent)
    async def send(to: str) -> None:
        raise AssertionError("it ran")

    task = asyncio.create_task(send("you@example.com"))
    await server.decide("approve")
    with pytest.raises(Refused, match="another executor"):
        await task


async def test_nobody_there_is_unreachable(server: Assent, agent: Agent) -> None:
    await server.stop()

    @approved("db.migrate", agent=Agent(server.url, server.key, patience=0.3))
    async def migrate(env: str, sql: str) -> None:
        raise AssertionError("it ran")

    with pytest.raises(Unreachable):
        await migrate("prod", "SELECT 1")


async def test_an_outcome_that_cannot_be_told_does_not_lose_the_result(server: Assent) -> None:
    agent, up = Agent(server.url, server.key, patience=0.3), threading.Event()

    @approved("db.migrate", agent=agent)
    async def migrate(env: str, sql: str) -> str:
        await server.stop()
        up.set()
        return "done"

    task = asyncio.create_task(migrate("prod", "SELECT 1"))
    await server.decide("approve")
    assert await task == "done"
    assert up.is_set()


def test_what_has_no_name_cannot_be_approved() -> None:
    with pytest.raises(Misused, match="without names"):

        @approved("x")
        def many(*rest: int) -> None: ...


async def test_what_is_no_json_cannot_be_asked(agent: Agent) -> None:
    @approved("db.migrate", agent=agent)
    async def migrate(env: object) -> None: ...

    for value in (object(), float("nan"), {1, 2}):
        with pytest.raises(Misused, match="JSON"):
            await migrate(value)


def test_a_key_is_never_shown() -> None:
    agent = Agent("https://assent.example", "assent_agent_secret")
    assert "secret" not in repr(agent) + repr(agent.line) + str(vars(agent))
    for url, key in (("ftp://x", "k"), ("https://x", "two\nlines"), ("nonsense", "k")):
        with pytest.raises(Misused) as caught:
            Agent(url, key)
        assert key not in str(caught.value) or len(key) < 2
