"""Breaking glass through the whole bot: its own role and act, alarmed at once and until it is reviewed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.core.terms import EntryKind
from tests.fixtures.policy import BUNDLE, DIRECTORY, write_policy
from tests.fixtures.tables import rows
from tests.world import OPERATOR, Answer, PersonFake, Refused, World, a_world

HOLDERS = """\
fay: {break_glass: true}
gus: {admin: true}
"""
# ed owns the agent, bo is for whom it may act; both hold every role there is.
GREEDY = DIRECTORY.replace("bo: {", "bo: {break_glass: true, admin: true, ").replace(
    "ed: {", "ed: {break_glass: true, "
)
WHY = "The shop is down and nobody of dba answers"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole bot, with people who hold the role."""
    policy = write_policy(tmp_path / "policy", BUNDLE, GREEDY + HOLDERS)
    async with a_world(database_url, tmp_path, policy) as made:
        yield made


async def asks(world: World, **body: Any) -> Answer:
    return await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE x", rows=3, **body)


async def breaks(person: PersonFake, request: Answer, **changes: Any) -> Answer:
    body = {"reason": WHY, "digest": request["digest"]} | changes
    return await person.call("POST", f"/v1/requests/{request['id']}/break-glass", body)


async def reviews(person: PersonFake, request: Answer, proper: bool = True) -> Answer:
    body = {"proper": proper, "words": "I looked at the alarms of that hour"}
    return await person.call("POST", f"/v1/requests/{request['id']}/glass-review", body)


async def refused(person: PersonFake, request: Answer, **changes: Any) -> str:
    with pytest.raises(Refused) as caught:
        await breaks(person, request, **changes)
    return caught.value.slug


async def entries(world: World, request: Answer) -> list[str]:
    """Return the kinds of the request's audit entries, in order."""
    query = f"SELECT kind FROM entries WHERE request_id = '{request['id']}' ORDER BY sequence"
    return [row["kind"] for row in await rows(world.running.parts.settings.database_url, query)]


async def alerts(world: World) -> list[str]:
    """Return what waits to be said to the admins."""
    query = "SELECT event FROM outbox WHERE kind = 'alert' ORDER BY id"
    return [row["event"] for row in await rows(world.running.parts.settings.database_url, query)]


async def test_a_holder_approves_alone_and_it_runs_and_an_admin_reviews_it(world: World) -> None:
    request = await asks(world)
    broken = await breaks(await world.person("fay"), request)
    assert broken["state"] == "approved"
    assert broken["stages"][0] == {"name": "dba", "state": "ended", "quorum": 1, "approvals": 0, "denials": 0}
    assert broken["glass"]["by"] == "fay"
    assert broken["glass"]["reason"] == WHY
    assert (broken["glass"]["proper"], broken["glass"]["reviewed_at"]) == (None, None)
    assert await alerts(world) == ["glass"]
    seen = await world.agent.sees(request)
    assert (seen["glass"]["by"], seen["glass"]["reason"]) == (None, WHY)

    await world.settle()
    executor = world.executors["db-runner"]
    await executor.redeems(executor.told("request.approved")[0])
    await executor.reports(request["id"])
    reviewed = await reviews(await world.person("gus"), request)
    assert (reviewed["state"], reviewed["glass"]["proper"]) == ("succeeded", True)
    assert (reviewed["glass"]["reviewed_by"], reviewed["glass"]["words"]) == (
        "gus",
        "I looked at the alarms of that hour",
    )
    kinds = await entries(world, request)
    assert kinds.index("glass.broken") < kinds.index("request.approved") < kinds.index("glass.reviewed")
    await world.audit()


async def test_the_role_is_its_own_and_no_other_replaces_it(world: World) -> None:
    request = await asks(world)
    for name in ("ana", "di", "gus"):  # an approver, a lead, an admin
        slug = await refused(await world.person(name), request)
        assert slug in ("not-a-holder", "unknown")
    assert (await world.agent.sees(request))["state"] == "pending"
    assert (await entries(world, request)).count("glass.refused") == 3


async def test_the_requesters_side_breaks_no_glass_whatever_roles_it_holds(world: World) -> None:
    request = await asks(world, _body={"on_behalf_of": "bo"})
    for name in ("ed", "bo"):
        assert await refused(await world.person(name), request) == "own-request"
    with pytest.raises(Refused):
        await breaks(PersonFake(world, world.agent.key), request)
    assert (await world.agent.sees(request))["state"] == "pending"


async def test_nothing_is_broken_over_a_freeze_a_deny_or_a_denial(world: World) -> None:
    request, fay = await asks(world), await world.person("fay")
    freezing = world.running.parts.freezing
    await freezing.freeze("db.*", "restoring a backup", OPERATOR)
    assert await refused(fay, request) == "frozen"
    await freezing.unfreeze("db.*", OPERATOR)

    bundle = world.running.parts.settings.policy / "bundle.yaml"
    before = bundle.read_text()
    bundle.write_text(f"{before}  - {{id: no-more, match: {{action: db.migrate}}, effect: deny}}\n")
    await world.running.parts.policies.check()
    assert await refused(fay, request) == "policy-denies"
    bundle.write_text(before)
    await world.running.parts.policies.check()

    denied = await asks(world)
    await (await world.person("ana")).denies(denied)
    assert await refused(fay, denied) in ("already-decided", "unknown")
    assert (await world.agent.sees(request))["state"] == "pending"


async def test_a_deadline_another_digest_and_no_reason_break_nothing(world: World) -> None:
    request, fay = await asks(world), await world.person("fay")
    assert await refused(fay, request, digest="0" * 64) == "other-digest"
    assert await refused(fay, request, reason="   ") == "reason-missing"
    await world.settle()
    world.clock.advance(world.running.parts.policies.current().bundle.defaults.rule.approve_within)
    assert await refused(fay, request) == "too-late"


async def test_who_broke_it_and_the_requesters_side_do_not_review_it(world: World) -> None:
    request = await asks(world)
    await breaks(await world.person("fay"), request)
    for name, slug in (("ed", "own-request"), ("fay", "not-an-admin"), ("ana", "not-an-admin")):
        with pytest.raises(Refused) as caught:
            await reviews(await world.person(name), request)
        assert caught.value.slug == slug
    assert (await reviews(await world.person("gus"), request, proper=False))["glass"]["proper"] is False


async def test_the_admins_hear_each_day_of_what_nobody_has_reviewed(world: World) -> None:
    request = await asks(world)
    await breaks(await world.person("fay"), request)
    await world.settle()  # lapses meanwhile, which loses nothing
    for _ in range(3):
        await world.advance(hours=24, seconds=1)
    assert (await entries(world, request)).count("glass.overdue") == 3
    await reviews(await world.person("gus"), request)
    await world.advance(hours=48)
    assert (await entries(world, request)).count("glass.overdue") == 3
    assert EntryKind.LAPSED in await entries(world, request)


async def test_a_broken_glass_survives_a_directory_that_no_longer_names_its_breaker(world: World) -> None:
    request = await asks(world)
    await breaks(await world.person("fay"), request)
    (world.running.parts.settings.policy / "directory.yaml").write_text(DIRECTORY + "gus: {admin: true}\n")
    await world.running.parts.policies.check()
    reviewed = await reviews(await world.person("gus"), request)
    assert reviewed["glass"]["by"] == "fay"
