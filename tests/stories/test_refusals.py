"""Whatever is refused to somebody we know leaves an audit entry, and a flood of it leaves few."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.app import built
from bot.app.server import listening
from bot.core.errors import Malformed, NotReady
from bot.core.terms import Actor, ActorKind, KeyKind, PersonName, Proof, Surface
from storage.schema import migrate
from tests.fixtures.clock import FakeClock
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.ports import free_port
from tests.fixtures.tables import rows
from tests.stories.test_security_who_decides import edit
from tests.world import OPERATOR, AgentFake, Answer, Caller, Refused, World, jti, settings_at

ASK: dict[str, Any] = {"env": "prod", "sql": "SELECT 1", "rows": 1}
NOWHERE = "req_" + "0" * 32


async def on_record(world: World, kind: str = "call.refused") -> list[Answer]:
    """Return the entries of what was refused to whom."""
    query = f"SELECT body FROM entries WHERE kind = '{kind}' ORDER BY sequence"
    found = await rows(world.running.parts.settings.database_url, query)
    return [json.loads(bytes(row["body"])) for row in found]


async def facts(world: World) -> list[tuple[str, str, int]]:
    told = [entry["facts"] for entry in await on_record(world)]
    return [(one["refusal"], one["route"], int(one.get("count", 1))) for one in told]


async def refused(call: Awaitable[object]) -> str:
    with pytest.raises(Refused) as no:
        await call
    return no.value.slug


async def test_an_ask_the_catalog_does_not_take_stands_in_the_log_with_its_action_and_digest(
    world: World,
) -> None:
    assert await refused(world.agent.asks("db.migrate", env="moon", sql="SELECT 1")) == "malformed"
    [entry] = await on_record(world)
    assert entry["facts"] == {
        "refusal": "malformed",
        "route": "POST /v1/requests",
        "action": "db.migrate",
    }
    assert (entry["agent"], len(entry["action_digest"])) == ("deployer", 64)
    assert (entry["by"]["kind"], entry["by"]["name"], entry["by"]["proof"]) == ("agent", "deployer", "key")
    await world.audit()


async def test_every_way_of_refusing_an_ask_leaves_its_entry(small_world: World) -> None:
    world, admin = small_world, small_world.running.parts.admin
    key = await admin.add_agent("tight", PersonName("ed"), [], False, OPERATOR, pending_max=1, per_minute=5)
    tight = AgentFake(world, key)
    await tight.asks("db.migrate", key="k", **ASK)
    assert await refused(tight.asks("db.migrate", key="k", **(ASK | {"rows": 2}))) == "key-reused"
    assert await refused(tight.asks("db.migrate", **ASK)) == "too-many"  # its pending cap
    assert await refused(tight.asks("db.migrate", **ASK, _body={"on_behalf_of": "di"})) == "acts-for-nobody"
    await admin.pause("tight", OPERATOR)
    assert await refused(tight.asks("db.migrate", **ASK)) == "agent-paused"
    assert await refused(tight.asks("db.migrate", **ASK)) == "too-many"  # its pace; within the minute
    await world.running.parts.refusing.close()
    ours = "POST /v1/requests"
    assert await facts(world) == [
        ("key-reused", ours, 1),
        ("too-many", ours, 1),
        ("acts-for-nobody", ours, 1),
        ("agent-paused", ours, 1),
        ("too-many", ours, 1),
    ]
    assert {entry["agent"] for entry in await on_record(world)} == {"tight"}


async def test_a_flood_of_refusals_is_one_entry_a_minute_that_counts_them(small_world: World) -> None:
    world = small_world
    for _ in range(30):
        await refused(world.agent.asks("db.migrate", env="moon"))
    assert [count for _, _, count in await facts(world)] == [1]
    world.clock.advance(timedelta(minutes=1))
    await refused(world.agent.asks("db.migrate", env="moon"))
    assert [count for _, _, count in await facts(world)] == [1, 30]
    for _ in range(5):
        await refused(world.agent.asks("db.migrate", env="moon"))
    world.clock.advance(timedelta(seconds=59))
    await world.running.parts.refusing.catch_up()
    assert [count for _, _, count in await facts(world)] == [1, 30]
    world.clock.advance(timedelta(seconds=1))
    await world.running.parts.refusing.catch_up()  # nobody has come since, and they are told of all the same
    await world.running.parts.refusing.catch_up()
    assert [count for _, _, count in await facts(world)] == [1, 30, 5]


async def test_a_hundred_at_once_are_one_entry_and_their_count(small_world: World) -> None:
    asks = [refused(small_world.agent.asks("db.migrate", env="moon")) for _ in range(100)]
    await asyncio.gather(*asks)
    await small_world.running.parts.refusing.close()
    assert [count for _, _, count in await facts(small_world)] == [1, 99]


async def test_what_the_database_did_not_take_is_counted_once_it_does(small_world: World) -> None:
    world, refusing = small_world, small_world.running.parts.refusing
    actor, refusal = Actor(ActorKind.AGENT, "deployer", Surface.API, "key:1", Proof.KEY), Malformed("no")
    path = world.running.parts.settings.database_url.removeprefix("sqlite:///")
    async with shut(path):
        with pytest.raises(NotReady):
            await refusing.record(actor, refusal, "POST /v1/requests")
    await refusing.record(actor, refusal, "POST /v1/requests")
    assert await facts(world) == []  # the first of this minute was lost on its way, and counts
    world.clock.advance(timedelta(minutes=1))
    async with shut(path):
        with pytest.raises(NotReady):
            await refusing.catch_up()
    await refusing.record(actor, refusal, "POST /v1/requests")
    await refusing.close()
    assert sum(count for _, _, count in await facts(world)) == 3


@asynccontextmanager
async def shut(path: str) -> AsyncIterator[None]:
    """Keep everybody else from writing to a database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as held:
        held.execute("BEGIN IMMEDIATE")
        yield


async def test_what_is_refused_while_the_server_ends_is_counted_too(sqlite_url: str, tmp_path: Path) -> None:
    called, go_on, port = asyncio.Event(), asyncio.Event(), free_port()

    async def slow(_: web.Request) -> web.Response:
        called.set()
        await go_on.wait()
        return web.Response(status=204)

    await migrate(sqlite_url)
    options = settings_at(sqlite_url, tmp_path, write_policy(tmp_path / "policy"))
    options = options.model_copy(update={"port": port, "public_url": f"http://127.0.0.1:{port}"})
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as http:
        running = await stack.enter_async_context(built(options))
        key = await running.parts.admin.add_agent("hasty", PersonName("ed"), [], False, OPERATOR)
        receiver = web.Application()
        receiver.router.add_post("/", slow)
        served = await stack.enter_async_context(TestServer(receiver))
        await running.parts.admin.add_executor("db-runner", str(served.make_url("/")), OPERATOR)
        server = AsyncExitStack()
        url = await server.enter_async_context(listening(running))
        world = World(running, FakeClock(), url, http, None, {}, {})  # type: ignore[arg-type]  # no agent yet
        agent = AgentFake(world, key)
        await agent.asks("db.migrate", env="dev", sql="SELECT 1")
        await called.wait()
        assert await refused(agent.asks("db.migrate", env="moon")) == "malformed"
        ending = asyncio.create_task(server.aclose())  # which waits for the callback
        await asyncio.sleep(0.3)
        for _ in range(3):
            assert await refused(agent.asks("db.migrate", env="moon")) == "malformed"
        go_on.set()
        await ending
        assert sum(count for _, _, count in await facts(world)) == 4


async def test_what_executors_and_people_are_refused_is_on_record_and_nothing_twice(
    small_world: World,
) -> None:
    world, runner = small_world, small_world.executors["db-runner"]
    request = await world.agent.asks("db.migrate", **ASK)
    ana = await world.person("ana")
    review = {"verdict": "perhaps", "digest": request["digest"]}
    assert await refused(ana.call("POST", f"/v1/requests/{request['id']}/reviews", review)) == "malformed"
    assert (
        await refused(runner.call("POST", f"/v1/grants/{'0' * 32}/redeem", {"digest": "0" * 64})) == "unknown"
    )
    await ana.approves(request)
    assert await refused(runner.reports(request["id"])) == "not-released"
    await world.settle()
    told = runner.told("request.approved")[-1]
    assert await refused(runner.redeems(told, digest="0" * 64)) == "digest-mismatch"  # has its own entry
    assert await refused(ana.approves(request)) == "already-decided"  # likewise
    assert [
        (slug, entry["by"]["kind"])
        for (slug, _, _), entry in zip(await facts(world), await on_record(world), strict=True)
    ] == [("malformed", "person"), ("unknown", "executor"), ("not-released", "executor")]
    assert (await on_record(world))[-1]["action_digest"] == request["digest"]
    assert jti(told["grant"])


async def test_clicking_on_at_what_one_may_not_review_is_one_entry_a_minute(
    small_world: World,
) -> None:
    world = small_world
    request, di = await world.agent.asks("db.migrate", **ASK), await world.person("ed")
    other = await world.agent.asks("db.migrate", **(ASK | {"rows": 2}))
    for _ in range(30):
        await refused(di.approves(request))
    await refused(di.approves(other))  # another request is another matter
    await world.running.parts.refusing.close()
    told = [entry["facts"] for entry in await on_record(world, "review.refused")]
    assert [(one["refusal"], one.get("count")) for one in told] == [
        ("own-request", None),
        ("own-request", None),
        ("own-request", "29"),
    ]


async def test_a_key_of_another_kind_and_a_revoked_one_have_a_name_in_the_log(small_world: World) -> None:
    world, admin = small_world, small_world.running.parts.admin
    assert await refused(world.agent.call("GET", "/v1/inbox")) == "forbidden"
    await admin.revoke_all(KeyKind.AGENT, "deployer", OPERATOR)
    assert await refused(world.agent.asks("db.migrate", **ASK)) == "unauthenticated"
    assert [slug for slug, _, _ in await facts(world)] == ["forbidden", "unauthenticated"]
    assert {entry["agent"] for entry in await on_record(world)} == {"deployer"}


async def test_nobody_fills_the_log_without_a_key(small_world: World) -> None:
    size = await small_world.audit()
    for key in ("assent_agent_" + "x" * 43, "", "é"):
        stranger = Caller(small_world, key)
        with pytest.raises((Refused, ValueError)):
            await stranger.call("POST", "/v1/requests", {"action": {"name": "db.migrate"}})
    async with small_world.http.post(small_world.url + "/v1/requests", data=b"{") as answer:
        assert answer.status == 401
    await small_world.running.parts.refusing.close()
    assert await small_world.audit() == size


@pytest.mark.parametrize(
    "path", ["/api/aap/v1/requests", "/v1/hooks/claude-code", "/humanlayer/v1/function_calls"]
)
async def test_the_other_doors_put_their_refusals_on_record_too(small_world: World, path: str) -> None:
    admin = small_world.running.parts.admin
    key = await admin.add_agent("worker", PersonName("ed"), [], True, OPERATOR)
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k"}
    async with small_world.http.post(small_world.url + path, json={"no": "such"}, headers=headers) as answer:
        assert answer.status in (200, 400)  # the hook's `deny` is a 200
    assert await facts(small_world) == [("malformed", f"POST {path}", 1)]


async def test_a_form_from_elsewhere_is_on_record_under_the_name_of_the_session(small_world: World) -> None:
    world, entering = small_world, small_world.running.parts.entering
    cookie, _ = await entering.become(PersonName("ana"))
    request = await world.agent.asks("db.migrate", **ASK)
    form = {"verdict": "approve", "digest": request["digest"], "csrf": "not-hers"}
    headers = {"Cookie": f"assent={cookie}"}
    url = f"{world.url}/requests/{request['id']}"
    async with aiohttp.ClientSession() as browser, browser.post(url, data=form, headers=headers) as answer:
        assert answer.status == 403
    assert await facts(world) == [("foreign-form", "POST /requests/{id}", 1)]
    assert [entry["by"]["surface"] for entry in await on_record(world)] == ["web"]


# ── replays ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_replayed_key_gets_its_request_though_the_policy_would_refuse_it_by_now(world: World) -> None:
    first = await world.agent.asks("db.migrate", key="k1", **ASK)
    await edit(
        world,
        BUNDLE.replace("values: [dev, staging, prod]", "values: [dev, staging]").replace(
            "match: {action: db.migrate, params.env: prod}", "match: {action: db.migrate}"
        ),
    )
    assert await refused(world.agent.asks("db.migrate", **ASK)) == "malformed"
    assert (await world.agent.asks("db.migrate", key="k1", **ASK))["id"] == first["id"]
    assert await refused(world.agent.asks("db.migrate", key="k1", **(ASK | {"rows": 2}))) == "key-reused"
    assert await refused(world.agent.asks("db.migrate", key="k2", **ASK)) == "malformed"


async def test_a_replayed_key_gets_its_request_though_the_agent_is_paused(small_world: World) -> None:
    first = await small_world.agent.asks("db.migrate", key="k1", **ASK)
    await small_world.running.parts.admin.pause("deployer", OPERATOR)
    assert (await small_world.agent.asks("db.migrate", key="k1", **ASK))["id"] == first["id"]
    assert await refused(small_world.agent.asks("db.migrate", key="k2", **ASK)) == "agent-paused"
