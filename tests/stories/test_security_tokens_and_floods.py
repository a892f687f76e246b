"""Replay, races, tokens, network and load: points 18 to 31 of the security index, against the whole bot."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.core.errors import Malformed
from bot.core.terms import Agent, AgentName, Entry, EntryKind, ExecutorName, PersonName
from bot.ports import RegistryEdit
from handlers import pace
from handlers.polls import POLLS_MAX
from handlers.web import live
from tests.fixtures.clock import FakeClock
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.tables import rows
from tests.world import (
    OPERATOR,
    AgentFake,
    Answer,
    Caller,
    ExecutorFake,
    Refused,
    World,
    a_world,
    jti,
    outcome,
)

ASK: dict[str, Any] = {"env": "prod", "sql": "SELECT 1", "rows": 1}


async def another_agent(world: World, **limits: int) -> AgentFake:
    admin = world.running.parts.admin
    key = await admin.add_agent("other", PersonName("ed"), [PersonName("ed")], False, OPERATOR, **limits)
    return AgentFake(world, key)


async def granted(world: World) -> tuple[Answer, Answer, ExecutorFake]:
    """Return an approved request, its callback and its executor."""
    request = await world.agent.asks("db.migrate", **ASK)
    await (await world.person("ana")).approves(request)
    await world.settle()
    runner = world.executors["db-runner"]
    return request, runner.told("request.approved")[-1], runner


# ── 18, 21, 23: once ─────────────────────────────────────────────────────────────────────────────


async def test_the_same_review_ten_times_at_once_is_one_review(world: World) -> None:
    request = await world.agent.asks("payments.refund", payment="pay_1", cents=100)
    ana = await world.person("ana")
    came = Counter(await asyncio.gather(*(outcome(ana.approves(request)) for _ in range(10))))
    assert came == {"ok": 1, "already-reviewed": 9}
    [stage] = (await world.agent.sees(request))["stages"]
    assert stage["approvals"] == 1


async def test_the_loser_of_a_race_is_told_how_it_was_decided(world: World) -> None:
    request = await world.agent.asks("db.migrate", **ASK)
    ana, bo = await world.person("ana"), await world.person("bo")
    came = sorted(await asyncio.gather(outcome(ana.approves(request)), outcome(bo.denies(request))))
    assert came == ["already-decided", "ok"]


async def test_one_of_twenty_parallel_redemptions_wins(world: World) -> None:
    request, told, runner = await granted(world)
    came = Counter(await asyncio.gather(*(outcome(runner.redeems(told)) for _ in range(20))))
    assert came == {"ok": 1, "already-redeemed": 19}
    query = f"SELECT sequence FROM entries WHERE kind = 'grant.redeemed' AND request_id = '{request['id']}'"
    assert len(await rows(world.running.parts.settings.database_url, query)) == 1


async def test_parallel_retries_with_one_key_get_one_receipt(world: World) -> None:
    _, told, runner = await granted(world)
    receipts = await asyncio.gather(*(runner.redeems(told, key="attempt-1") for _ in range(10)))
    assert all(receipt == receipts[0] for receipt in receipts)
    with pytest.raises(Refused) as other:
        await runner.redeems(told, key="attempt-2")
    assert other.value.slug == "already-redeemed"
    with pytest.raises(Refused) as changed:
        await runner.redeems(told, key="attempt-1", digest="0" * 64)
    assert changed.value.slug == "digest-mismatch"


async def test_a_grant_is_good_until_just_before_its_end_and_for_its_executor_alone(
    small_world: World,
) -> None:
    (_, early, runner), (_, late, _) = [await granted(small_world) for _ in range(2)]
    stranger = small_world.executors["payer"]
    with pytest.raises(Refused) as theirs:
        await stranger.redeems(early)
    assert (theirs.value.status, theirs.value.slug) == (404, "unknown")
    small_world.clock.advance(timedelta(minutes=5, microseconds=-1))
    assert await outcome(runner.redeems(early)) == "ok"
    small_world.clock.advance(timedelta(microseconds=1))  # and no sweep
    assert await outcome(runner.redeems(late)) == "lapsed"


async def test_a_revoked_grant_and_one_the_policy_denies_by_now_do_not_run(small_world: World) -> None:
    request, told, runner = await granted(small_world)
    policy = Path(small_world.running.parts.settings.policy)
    freeze = (
        "rules:\n  - {id: stop, match: {action: db.migrate, params.env: prod}, effect: deny, reason: x}\n"
    )
    write_policy(policy, BUNDLE.replace("rules:\n", freeze, 1))
    await small_world.running.parts.policies.check()
    assert await outcome(runner.redeems(told)) == "policy-denies"
    write_policy(policy)
    await small_world.running.parts.policies.check()
    await small_world.running.parts.withdrawing.revoke(request["id"], "no longer", OPERATOR)
    assert await outcome(runner.redeems(told)) == "revoked"


async def test_a_freeze_stops_the_grant_that_was_given_before_it(small_world: World) -> None:
    _, told, runner = await granted(small_world)
    freezing = small_world.running.parts.freezing
    await freezing.freeze("db.*", "incident 7", OPERATOR)
    assert await outcome(runner.redeems(told)) == "frozen"
    assert (await small_world.agent.asks("db.migrate", env="dev", sql="SELECT 1"))["state"] == "denied"
    await freezing.unfreeze("db.*", OPERATOR)
    assert await outcome(runner.redeems(told)) == "ok"


async def test_an_idempotency_key_is_the_agents_own_and_holds_one_body(world: World) -> None:
    first = await world.agent.asks("db.migrate", key="k1", **ASK)
    assert (await world.agent.asks("db.migrate", key="k1", **ASK))["id"] == first["id"]
    with pytest.raises(Refused) as reused:
        await world.agent.asks("db.migrate", key="k1", env="prod", sql="DROP TABLE orders")
    assert (reused.value.status, reused.value.slug) == (409, "key-reused")
    other = await another_agent(world)
    assert (await other.asks("db.migrate", key="k1", **ASK))["id"] != first["id"]


async def test_one_key_twenty_times_at_once_is_one_request(world: World) -> None:
    asked = await asyncio.gather(*(world.agent.asks("db.migrate", key="k1", **ASK) for _ in range(20)))
    assert len({request["id"] for request in asked}) == 1
    listed = await world.agent.call("GET", "/v1/requests")
    assert len(listed["requests"]) == 1


# ── 24: what you may not see does not exist ──────────────────────────────────────────────────────


def words(problem: Answer) -> Answer:
    return {name: text for name, text in problem.items() if name != "instance"}


async def test_what_is_anothers_and_what_is_nowhere_are_the_same_404(small_world: World) -> None:
    request, told, _ = await granted(small_world)
    other, di = await another_agent(small_world), await small_world.person("di")
    stranger = small_world.executors["payer"]
    nowhere = "req_" + "0" * 32
    review = {"verdict": "approve", "digest": request["digest"]}
    report = {"status": "succeeded"}

    async def asked(caller: Caller, method: str, path: str, body: object = None) -> Answer:
        with pytest.raises(Refused) as no:
            await caller.call(method, path, body)
        assert no.value.status == 404
        return words(no.value.problem)

    pairs: list[tuple[Caller, str, str, object]] = [
        (other, "GET", "/v1/requests/{}", None),
        (other, "GET", "/v1/requests/{}?wait=1", None),
        (other, "DELETE", "/v1/requests/{}", None),
        (di, "POST", "/v1/requests/{}/reviews", review),
        (stranger, "POST", "/v1/requests/{}/outcome", report),
    ]
    for caller, method, path, body in pairs:
        theirs = await asked(caller, method, path.format(request["id"]), body)
        none = await asked(caller, method, path.format(nowhere), body)
        no_id = await asked(caller, method, path.format("42"), body)
        assert theirs == none == no_id, path
    redeem = {"digest": told["digest"]}
    theirs = await asked(stranger, "POST", f"/v1/grants/{jti(told['grant'])}/redeem", redeem)
    assert theirs == await asked(stranger, "POST", f"/v1/grants/{'0' * 32}/redeem", redeem)


async def test_ids_are_128_random_bits(small_world: World) -> None:
    asked = [await small_world.agent.asks("db.migrate", **ASK) for _ in range(20)]
    ids = [request["id"].removeprefix("req_") for request in asked]
    assert {len(one) for one in ids} == {32}
    assert len({one[:8] for one in ids} | {one[-8:] for one in ids}) == 40


# ── 26, 27: the outside ──────────────────────────────────────────────────────────────────────────


async def test_a_callback_to_the_inside_is_never_made_and_ends_as_a_dead_letter(
    sqlite_url: str, tmp_path: Path
) -> None:
    policy = write_policy(tmp_path / "policy")
    async with a_world(sqlite_url, tmp_path, policy, egress_allow_private=False) as world:
        request = await world.agent.asks("db.migrate", **ASK)
        await (await world.person("ana")).approves(request)
        await world.settle()
        assert world.executors["db-runner"].received == []
        [letter] = await world.running.parts.store.letters(10)
        assert letter.address == "executor:db-runner"
        # What cannot be called can still ask.
        told = await world.executors["db-runner"].call("GET", "/v1/executions?after=0")
        assert [one["type"] for one in told["executions"]] == ["request.approved"]


@pytest.fixture
async def tarpit() -> AsyncIterator[str]:
    """A receiver that takes every callback and never answers."""
    ends = asyncio.Event()

    async def swallow(_: web.Request) -> web.Response:
        await ends.wait()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/callback", swallow)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
    ends.set()
    await runner.cleanup()


async def test_a_receiver_that_never_answers_holds_up_nobody_else(small_world: World, tarpit: str) -> None:
    world, store = small_world, small_world.running.parts.store
    payer = (await store.registry()).executors[ExecutorName("payer")]
    entry = Entry(kind=EntryKind.ADMIN, at=world.clock.now(), by=OPERATOR, facts={"command": "move"})
    await store.edit(RegistryEdit(entry, executors=(replace(payer, url=tarpit),)))
    cy, di, ana = [await world.person(name) for name in ("cy", "di", "ana")]
    refunds = [await world.agent.asks("payments.refund", payment=f"p{n}", cents=1) for n in range(80)]
    for refund in refunds:
        await asyncio.gather(cy.approves(refund), di.approves(refund))
    delivering = world.running.delivering
    async with asyncio.timeout(5):
        while await delivering.deliver():
            pass
        migration = await world.agent.asks("db.migrate", **ASK)
        await ana.approves(migration)
        while not world.executors["db-runner"].told("request.approved"):
            await delivering.deliver()
            await asyncio.sleep(0.01)
    hanging = list(delivering._sending)
    assert hanging
    for sending in hanging:
        sending.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


# ── 28: floods ───────────────────────────────────────────────────────────────────────────────────


async def answered(agent: AgentFake, number: int) -> tuple[int, str | None]:
    """Ask; return the status and when to come back."""
    body = {"action": {"name": "db.migrate", "parameters": ASK | {"sql": f"SELECT {number}"}}}
    headers = {"Authorization": f"Bearer {agent.key}"}
    async with agent.world.http.post(f"{agent.world.url}/v1/requests", json=body, headers=headers) as answer:
        return answer.status, answer.headers.get("Retry-After")


async def test_an_agent_over_its_pending_cap_is_told_when_to_come_back(world: World) -> None:
    agent = await another_agent(world, pending_max=5)
    came = await asyncio.gather(*(answered(agent, number) for number in range(20)))
    assert Counter(status for status, _ in came) == {202: 5, 429: 15}
    assert all(int(wait or "0") > 0 for status, wait in came if status == 429)
    # Others are not held up by it, and a decision makes room.
    assert (await world.agent.asks("db.migrate", **ASK))["state"] == "pending"
    [waiting, *_] = (await agent.call("GET", "/v1/requests?state=pending"))["requests"]
    await agent.cancels(waiting)
    assert (await answered(agent, 99))[0] == 202


async def test_an_agent_over_its_pace_is_told_when_to_come_back_and_may_then(small_world: World) -> None:
    agent = await another_agent(small_world, per_minute=3)
    came = [await answered(agent, number) for number in range(5)]
    assert [status for status, _ in came] == [202, 202, 202, 429, 429]
    wait = came[-1][1]
    assert wait
    small_world.clock.advance(timedelta(seconds=int(wait)))
    assert (await answered(agent, 9))[0] == 202


async def test_a_person_and_an_executor_run_wild_are_told_when_to_come_back(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "PERSON_PER_MINUTE", 3)
    monkeypatch.setattr(pace, "EXECUTOR_PER_MINUTE", 3)
    ana, runner = await small_world.person("ana"), small_world.executors["db-runner"]
    for caller, path in ((ana, "/v1/inbox"), (runner, "/v1/executions?after=0")):
        came = [await outcome(caller.call("GET", path)) for _ in range(5)]
        assert came == ["ok", "ok", "ok", "too-many", "too-many"]
    assert await outcome((await small_world.person("bo")).call("GET", "/v1/inbox")) == "ok"
    small_world.clock.advance(timedelta(seconds=20))
    assert await outcome(ana.call("GET", "/v1/inbox")) == "ok"


async def test_a_person_has_so_many_live_pages_and_the_others_work_without(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAMS_MAX", 2)
    cookies = {}
    for name in ("ana", "bo"):
        cookies[name], _ = await small_world.running.parts.entering.become(PersonName(name))

    pages: list[aiohttp.ClientResponse] = []

    async def opened(name: str) -> int:
        headers = {"Cookie": f"assent={cookies[name]}"}
        pages.append(await small_world.http.get(f"{small_world.url}/events", headers=headers))
        return pages[-1].status

    assert [await opened("ana") for _ in range(3)] == [200, 200, 429]
    assert int(pages[2].headers["Retry-After"]) > 0
    assert await opened("bo") == 200
    pages[0].close()
    status, left = 429, 100
    while status != 200 and left:  # until the server has noticed
        await asyncio.sleep(0.05)
        status, left = await opened("ana"), left - 1
    assert status == 200
    for page in pages:
        page.close()


async def test_a_paused_agent_asks_for_nothing_until_it_is_resumed(small_world: World) -> None:
    admin = small_world.running.parts.admin
    await admin.pause("deployer", OPERATOR)
    assert await outcome(small_world.agent.asks("db.migrate", **ASK)) == "agent-paused"
    await admin.resume("deployer", OPERATOR)
    assert await outcome(small_world.agent.asks("db.migrate", **ASK)) == "ok"
    assert AgentName("deployer") in (await small_world.running.parts.store.registry()).agents


# ── 30, 31: tokens of people, pages ──────────────────────────────────────────────────────────────


async def test_a_persons_token_is_short_and_nothing_makes_it_longer(small_world: World) -> None:
    admin = small_world.running.parts.admin
    with pytest.raises(Malformed):
        await admin.person_token(PersonName("ana"), timedelta(hours=12, seconds=1), OPERATOR)
    request = await small_world.agent.asks("db.migrate", **ASK)
    ana = await small_world.person("ana")
    small_world.clock.advance(timedelta(hours=12))
    with pytest.raises(Refused) as old:
        await ana.approves(request)
    assert old.value.status == 401


async def test_looking_at_a_sign_in_link_spends_nothing_and_posting_it_twice_works_once(
    small_world: World,
) -> None:
    entering = small_world.running.parts.entering
    token = await entering.invite(PersonName("ana"), OPERATOR)
    headers = {"Origin": "http://assent.test", "Sec-Fetch-Site": "same-origin"}
    for path in (f"/enter?token={token}", f"/enter/{token}", "/enter"):  # what a chat's preview fetches
        async with small_world.http.get(small_world.url + path) as _:
            pass
    came = []
    for _ in range(2):
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
            browser.post(
                f"{small_world.url}/enter", data={"token": token}, headers=headers, allow_redirects=False
            ) as answer,
        ):
            came.append((answer.status, bool(answer.cookies)))
    assert came == [(303, True), (200, False)]  # the second time a page that says so, and no session


PAGES = ("/", "/history", "/audit", "/requests/req_" + "0" * 32, "/events")


@pytest.mark.parametrize("page", PAGES)
async def test_nobody_reads_a_page_or_the_log_without_signing_in(small_world: World, page: str) -> None:
    async with small_world.http.get(small_world.url + page, allow_redirects=False) as answer:
        assert answer.status in (303, 401, 404)
        assert "script-src" in answer.headers.get("Content-Security-Policy", "script-src")
    headers = {"Authorization": f"Bearer {small_world.agent.key}"}
    async with small_world.http.get(
        small_world.url + page, headers=headers, allow_redirects=False
    ) as with_an_agents_key:
        assert with_an_agents_key.status in (303, 401, 404)


LOOKED_AT = "req_" + "0" * 32
CALLS_OF_AN_AGENT = [
    ("GET", "/v1/requests"),
    ("GET", f"/v1/requests/{LOOKED_AT}?wait=30"),
    ("POST", f"/v1/requests/{LOOKED_AT}/answers"),
    ("DELETE", f"/v1/requests/{LOOKED_AT}"),
    ("POST", "/mcp"),
    ("GET", f"/api/aap/v1/requests/{LOOKED_AT}"),
    ("DELETE", f"/api/aap/v1/requests/{LOOKED_AT}"),
    ("POST", f"/api/aap/v1/requests/{LOOKED_AT}/outcome"),
    ("GET", "/humanlayer/v1/function_calls/one"),
    ("GET", "/humanlayer/v1/contact_requests/one"),
]
OUTCOME = {"status": "succeeded"}


@pytest.mark.parametrize(("method", "path"), CALLS_OF_AN_AGENT)
async def test_an_agent_that_looks_as_fast_as_it_can_is_slowed_down_at_every_door(
    small_world: World, method: str, path: str
) -> None:
    world, admin = small_world, small_world.running.parts.admin
    key = await admin.add_agent("eager", PersonName("ed"), [], True, OPERATOR)
    agent, _, _ = await world.running.parts.knowing.agent(key)
    kept = pace.Pace.of(world.running.app, world.clock)
    for _ in range(pace.AGENT_PER_MINUTE):
        kept.keep_call(agent)
    body = OUTCOME if path.endswith("/outcome") else None
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "one"}
    async with world.http.request(method, f"{world.url}{path}", json=body, headers=headers) as answer:
        told = await answer.text()
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1"), told
    await AgentFake(world, key).asks("db.migrate", **ASK)  # which has a pace of its own
    await world.agent.call("GET", "/v1/requests")  # and others their own
    world.clock.advance(timedelta(seconds=1))
    async with world.http.request(method, f"{world.url}{path}", json=body, headers=headers) as answer:
        assert answer.status != 429


async def test_a_thousand_who_wait_anew_each_half_minute_are_never_slowed_down() -> None:
    clock = FakeClock()
    kept = pace.Pace(clock)
    agent = Agent(AgentName("fleet"), PersonName("ed"), frozenset(), False, 1000, 120, clock.now())
    for _ in range(20):  # ten minutes; and each looks once more, as after a decision
        for _ in range(2 * POLLS_MAX):
            kept.keep_call(agent)
        clock.advance(timedelta(seconds=30))
