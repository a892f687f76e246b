"""Probes and figures."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from bot.app.readings import Kept, readings
from handlers.api import health
from handlers.api.health import Check, install_health, install_metrics
from handlers.api.meters import Meters
from tests.handlers.api.world import World
from tests.world import OPERATOR


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[aiohttp.ClientSession]:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        yield session
    await runner.cleanup()


async def well() -> None:
    return None


async def unwell() -> str:
    return "the disk is full"


async def raising() -> None:
    raise ConnectionRefusedError("db.internal:5432")


async def ready(checks: Mapping[str, Check], soft: Mapping[str, Check]) -> tuple[int, dict[str, object]]:
    app = web.Application()
    install_health(app, checks, soft)
    async with serving(app) as client, client.get("/readyz") as answer:
        return answer.status, await answer.json()


async def test_a_process_that_answers_is_alive_whatever_is_not_well() -> None:
    app = web.Application()
    install_health(app, {"database": unwell}, {})
    async with serving(app) as client, client.get("/livez") as answer:
        assert answer.status == 200


async def test_it_is_ready_while_all_checks_are_well() -> None:
    told = {"status": "ready", "checks": {"database": None}, "others": {"policy": None}}
    assert await ready({"database": well}, {"policy": well}) == (200, told)


async def test_a_check_that_is_not_well_takes_the_replica_out_and_says_why() -> None:
    status, told = await ready({"database": well, "log": unwell}, {})
    assert (status, told["checks"]) == (503, {"database": None, "log": "the disk is full"})


async def test_a_surface_that_is_not_well_is_reported_and_takes_nothing_out() -> None:
    status, told = await ready({"database": well}, {"slack": unwell})
    assert (status, told["others"]) == (200, {"slack": "the disk is full"})


async def test_a_check_that_fails_is_not_well_and_tells_no_address() -> None:
    status, told = await ready({"database": raising}, {})
    assert (status, told["checks"]) == (503, {"database": "failed: ConnectionRefusedError"})


async def test_a_check_that_hangs_is_not_well() -> None:
    async def hanging() -> None:
        await asyncio.sleep(60)

    status, told = await ready({"database": health.patient(hanging)}, {"messages": hanging})
    assert (status, told["checks"]) == (503, {"database": "failed: TimeoutError"})
    assert told["others"] == {"messages": "failed: TimeoutError"}


async def test_a_check_that_was_well_a_moment_ago_has_time_under_load_but_not_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = asyncio.Event()

    async def waiting() -> None:
        await held.wait()

    monkeypatch.setattr(health, "CHECK_MAX", timedelta(seconds=0.1))
    monkeypatch.setattr(health, "SLOW_MAX", timedelta(seconds=0.5))
    check = {"database": health.patient(waiting)}
    slow = {"database": "failed: TimeoutError"}
    assert await health.problems(check) == slow  # it never was well
    held.set()
    assert await health.problems(check) == {"database": None}
    held.clear()
    assert await health.problems(check) == {"database": None}
    await asyncio.sleep(0.5)
    assert await health.problems(check) == slow


async def test_a_loop_whose_one_turn_is_longer_than_every_limit_is_under_load_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def soon() -> None:
        await asyncio.sleep(0.01)

    monkeypatch.setattr(health, "CHECK_MAX", timedelta(seconds=0.05))
    check = {"database": health.patient(soon)}
    assert await health.problems(check) == {"database": None}
    asyncio.get_running_loop().call_soon(time.sleep, 0.3)
    assert await health.problems(check) == {"database": None}


async def test_a_check_that_says_what_is_wrong_is_given_no_time() -> None:
    said: list[str | None] = [None, "the disk is full"]

    async def saying() -> str | None:
        return said.pop(0)

    check = {"database": health.patient(saying)}
    assert await health.problems(check) == {"database": None}
    assert await health.problems(check) == {"database": "the disk is full"}


async def test_answers_are_timed_by_route_and_outsiders_add_no_labels() -> None:
    async def fine(_: web.Request) -> web.Response:
        return web.Response()

    async def three() -> float:
        return 3

    app = web.Application()
    app.router.add_get("/things/{id}", fine)
    install_metrics(app, Meters(), {"pending": three})
    async with serving(app) as client:
        for path in ("/things/1", "/things/2", "/nowhere/1", "/nowhere/2"):
            await client.get(path)
        await client.request("NONSENSE", "/things/1")
        async with client.get("/metrics") as answer:
            text = await answer.text()
    route = 'method="GET",route="/things/{id}",status="200"'
    assert f"assent_http_answer_seconds_count{{{route}}} 2.0" in text
    assert 'assent_reading{name="pending"} 3.0' in text
    assert "nowhere" not in text
    assert "NONSENSE" not in text


async def test_changes_are_counted_and_decisions_timed(world: World) -> None:
    meters = Meters()
    world.parts.store.on_commit(meters.committed)
    world.parts.store.on_entries(meters.logged)
    asked = (await world.agent.ask()).body
    world.clock.advance(seconds=5)
    await world.bo.review(asked)
    text = meters.text().decode()
    assert 'assent_entries_total{decision="require_approval",kind="request.planned"} 1.0' in text
    assert 'assent_entries_total{decision="approve",kind="review.given"} 1.0' in text
    assert 'assent_decision_seconds_sum{state="approved"} 5.0' in text


async def test_what_no_request_changes_for_is_counted_too(world: World) -> None:
    meters = Meters()
    world.parts.store.on_entries(meters.logged)
    await world.parts.admin.add_executor("payer", None, OPERATOR)
    assert 'assent_entries_total{decision="",kind="admin.command"} 1.0' in meters.text().decode()


async def test_the_outbox_is_read_with_the_age_of_its_oldest_row(world: World) -> None:
    assert await outbox_of(world) == (0, 0)
    asked = (await world.agent.ask()).body
    await world.bo.review(asked)  # so the executor is to be called
    world.clock.advance(seconds=90)
    rows, age = await outbox_of(world)
    assert (rows >= 1, age) == (True, 90)


async def outbox_of(world: World) -> tuple[float, float]:
    """The outbox's rows and age, read anew."""
    fresh = readings(world.parts)
    return await fresh["outbox"](), await fresh["outbox_age"]()


async def test_what_is_slow_to_read_is_read_once_for_all_and_kept_a_hundred_times_as_long() -> None:
    now, reads = 0.0, 0

    async def read() -> int:
        nonlocal now, reads
        reads += 1
        await asyncio.sleep(0)
        now += 0.02
        return reads

    kept = Kept(read, lambda: now)
    assert set(await asyncio.gather(kept.look(), kept.look(), kept.look())) == {1}
    now = 2.01
    assert await kept.look() == 1
    now = 2.02
    assert set(await asyncio.gather(kept.look(), kept.look())) == {2}


async def test_what_could_not_be_read_is_read_again_by_the_next_who_asks() -> None:
    answers = [OSError("down"), 5]

    async def read() -> object:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    kept = Kept(read, lambda: 0.0)
    with pytest.raises(OSError, match="down"):
        await kept.look()
    assert await kept.look() == 5
