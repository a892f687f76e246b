"""Who is on call decides: from the first instant of their shift, and their fallback when nobody is known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.fixtures.policy import BUNDLE, DIRECTORY, write_policy
from tests.handlers.oncall.calendars import calendar, shift
from tests.world import Answer, Refused, World

NIGHT = BUNDLE.replace(
    "dba: {members: [ana, bo, cy]}",
    "dba: {members: [ana, bo, cy]}\n  night: {oncall: rota.ics, fallback: leads}",
).replace(
    "{name: dba, approvers: [group:dba], quorum: 1}", "{name: night, approvers: [group:night], quorum: 1}"
)
ROTA = calendar(
    shift("ana@example.com", "20260302T080000Z", "20260302T121000Z"),
    shift("bo@example.com", "20260302T121000Z", "20260302T200000Z"),
)


def folder(world: World) -> Path:
    return Path(world.running.parts.settings.policy)


@pytest.fixture
async def request_(small_world: World) -> Answer:
    """A migration that waits for whoever is on call."""
    (folder(small_world) / "rota.ics").write_bytes(ROTA)
    write_policy(folder(small_world), NIGHT, DIRECTORY)
    await small_world.running.parts.policies.check()
    assert small_world.running.parts.policies.current().problem is None
    return await small_world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1)


async def refused(world: World, request: Answer, person: str) -> str:
    with pytest.raises(Refused) as no:
        await (await world.person(person)).approves(request)
    return no.value.slug


async def test_only_who_is_on_call_approves_and_the_shift_changes_on_its_minute(
    small_world: World, request_: Answer
) -> None:
    bo = await small_world.person("bo")
    assert await refused(small_world, request_, "bo") == "unknown"
    small_world.clock.advance(timedelta(minutes=9, seconds=59))
    assert await refused(small_world, request_, "bo") == "unknown"
    assert len(await (await small_world.person("ana")).inbox()) == 1
    small_world.clock.advance(timedelta(seconds=1))
    assert await refused(small_world, request_, "ana") == "unknown"
    assert [one["id"] for one in await bo.inbox()] == [request_["id"]]
    assert (await bo.approves(request_))["state"] == "approved"


async def test_a_calendar_that_is_gone_is_good_for_half_an_hour_and_then_the_fallback_decides(
    small_world: World, request_: Answer
) -> None:
    (folder(small_world) / "rota.ics").unlink()
    small_world.clock.advance(timedelta(minutes=20))
    later = await small_world.agent.asks("db.migrate", env="prod", sql="SELECT 2", rows=1)
    assert await refused(small_world, later, "di") == "unknown"
    small_world.clock.advance(timedelta(minutes=10, seconds=1))
    last = await small_world.agent.asks("db.migrate", env="prod", sql="SELECT 3", rows=1)
    assert await refused(small_world, last, "bo") == "unknown"
    assert (await (await small_world.person("di")).approves(last))["state"] == "approved"


async def test_whom_separation_keeps_out_is_not_guessed_while_the_calendar_is_silent(
    small_world: World, request_: Answer
) -> None:
    kept_out = NIGHT.replace(
        "effect: require_approval", "effect: require_approval\n    separation: [group:night]", 1
    )
    bundle = kept_out.replace(
        "{name: night, approvers: [group:night]", "{name: night, approvers: [group:dba]"
    )
    write_policy(folder(small_world), bundle, DIRECTORY)
    await small_world.running.parts.policies.check()
    assert small_world.running.parts.policies.current().problem is None
    request = await small_world.agent.asks("db.migrate", env="prod", sql="SELECT 9", rows=1)
    assert await refused(small_world, request, "ana") == "own-request"  # it is her shift
    (folder(small_world) / "rota.ics").unlink()
    small_world.clock.advance(timedelta(minutes=29))
    assert await refused(small_world, request, "bo") == "own-request"  # it is his by now
    late = await small_world.agent.asks("db.migrate", env="prod", sql="SELECT 10", rows=1)
    small_world.clock.advance(timedelta(minutes=2))
    for person in ("ana", "bo", "cy"):  # nobody knows whose it is
        assert await refused(small_world, late, person) == "own-request"


async def test_the_admins_are_told_once_of_a_calendar_that_is_silent(
    small_world: World, request_: Answer
) -> None:
    (folder(small_world) / "rota.ics").unlink()
    small_world.clock.advance(timedelta(minutes=31))
    for _ in range(3):
        await small_world.running.loops.oncall()
        small_world.clock.advance(timedelta(minutes=1))
    sealed = await small_world.running.parts.store.entries(0, 1000)
    assert len([one for one in sealed if b"oncall.silent" in one.body]) == 1
    async with small_world.http.get(f"{small_world.url}/readyz") as answer:
        others = (await answer.json())["others"]
    assert others["on-call"] == "1 on-call calendars do not answer"


async def test_when_nobody_of_the_directory_is_on_call_the_fallback_decides(
    small_world: World, request_: Answer
) -> None:
    (folder(small_world) / "rota.ics").write_bytes(
        calendar(shift("eve@elsewhere.example", "20260101T000000Z", "20270101T000000Z"))
    )
    small_world.clock.advance(timedelta(minutes=5))
    assert await refused(small_world, request_, "ana") == "unknown"
    assert (await (await small_world.person("di")).approves(request_))["state"] == "approved"
