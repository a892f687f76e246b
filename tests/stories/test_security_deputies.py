"""Separation holds for who gives and for who stands in; loops end: point 8, against the whole bot."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import Malformed, NotADeputy, Unknown
from bot.core.terms import Actor, ActorKind, PersonName, Proof, RequestId, Surface
from tests.fixtures.policy import BUNDLE, DIRECTORY, write_policy
from tests.fixtures.tables import rows
from tests.world import Answer, Refused, World

# fay and gil stand in for others, and approve nothing by themselves.
DEPUTIES = (
    DIRECTORY.replace("ana: {", "ana: {deputies: [fay], ")
    .replace("bo: {", "bo: {deputies: [fay, gil], ")
    .replace("ed: {", "ed: {deputies: [fay], ")
    + "fay: {email: fay@example.com, deputies: [gil, ana]}\ngil: {email: gil@example.com, deputies: [fay]}\n"
)
TWO = BUNDLE.replace(
    "{name: dba, approvers: [group:dba], quorum: 1}", "{name: dba, approvers: [group:dba], quorum: 2}"
)


def by(name: str) -> Actor:
    return Actor(ActorKind.PERSON, name, Surface.SLACK, f"T0ASSENT/U0{name.upper()}", Proof.SIGNATURE)


async def people(world: World, bundle: str = TWO) -> None:
    write_policy(Path(world.running.parts.settings.policy), bundle, DEPUTIES)
    await world.running.parts.policies.check()


async def away(world: World, person: str, deputy: str | None, hours: float = 24) -> None:
    until_at = world.clock.now() + timedelta(hours=hours)
    stand_in = None if deputy is None else PersonName(deputy)
    await world.running.parts.absences.away(PersonName(person), until_at, stand_in, by(person))


async def delegates(world: World, request: Answer, giver: str, deputy: str) -> None:
    """Somebody asks somebody else to decide here."""
    reviewing = world.running.parts.reviewing
    await reviewing.delegate(RequestId(request["id"]), PersonName(giver), PersonName(deputy), by(giver))


async def a_request(world: World, **body: object) -> Answer:
    return await world.agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1, _body=body)


async def refused(world: World, request: Answer, person: str) -> str:
    """Return with which words an approval is refused; nothing may have changed."""
    before = await world.agent.sees(request)
    with pytest.raises(Refused) as no:
        await (await world.person(person)).approves(request)
    assert await world.agent.sees(request) == before
    return no.value.slug


async def test_a_deputy_stands_in_for_who_is_away_and_is_one_voice(world: World) -> None:
    await people(world)
    await away(world, "ana", "fay")
    request = await a_request(world)
    fay = await world.person("fay")
    assert [one["id"] for one in await fay.inbox()] == [request["id"]]
    assert (await fay.approves(request))["state"] == "pending"
    assert await refused(world, request, "fay") == "already-reviewed"
    assert await refused(world, request, "ana") == "already-reviewed"  # her voice is given
    assert (await (await world.person("bo")).approves(request))["state"] == "approved"
    stored = await world.running.parts.store.get(RequestId(request["id"]))
    assert [(one.person, one.giver) for one in stored.reviews] == [("fay", "ana"), ("bo", None)]
    assert await world.audit() > 0


async def test_the_givers_own_voice_leaves_none_for_their_deputy(small_world: World) -> None:
    await people(small_world)
    await away(small_world, "ana", "fay")
    request = await a_request(small_world)
    await (await small_world.person("ana")).approves(request)
    assert await refused(small_world, request, "fay") == "already-reviewed"


async def test_two_absences_with_one_deputy_do_not_meet_a_quorum_of_two(small_world: World) -> None:
    await people(small_world)
    await away(small_world, "ana", "fay")
    await away(small_world, "bo", "fay")
    request = await a_request(small_world)
    assert (await (await small_world.person("fay")).approves(request))["state"] == "pending"
    assert await refused(small_world, request, "fay") == "already-reviewed"


async def test_whom_separation_bars_lends_nothing(small_world: World) -> None:
    bundle = TWO.replace("dba: {members: [ana, bo, cy]}", "dba: {members: [ana, bo, ed]}")
    await people(small_world, bundle)
    await away(small_world, "ed", "fay")  # whose agent asks
    request = await a_request(small_world)
    assert await refused(small_world, request, "fay") in ("not-an-approver", "unknown")
    with pytest.raises(Exception, match="Nobody may review"):
        await delegates(small_world, request, "ed", "fay")


@pytest.mark.parametrize("how", ["absence", "here"])
async def test_whom_separation_bars_stands_in_for_nobody(small_world: World, how: str) -> None:
    await people(small_world)
    directory = DEPUTIES.replace("ana: {deputies: [fay]", "ana: {deputies: [ed, bo]")
    write_policy(Path(small_world.running.parts.settings.policy), TWO, directory)
    await small_world.running.parts.policies.check()
    request = await a_request(small_world, on_behalf_of="bo")
    for barred in ("ed", "bo"):  # the agent's owner, and for whom it asks
        if how == "absence":
            await away(small_world, "ana", barred)
        else:
            with pytest.raises(NotADeputy):
                await delegates(small_world, request, "ana", barred)
        assert await refused(small_world, request, barred) == "own-request"


async def test_separation_cuts_a_chain_in_the_middle(small_world: World) -> None:
    await people(small_world)
    directory = DEPUTIES.replace("ana: {deputies: [fay]", "ana: {deputies: [ed]")
    write_policy(Path(small_world.running.parts.settings.policy), TWO, directory)
    await small_world.running.parts.policies.check()
    await away(small_world, "ana", "ed")
    await away(small_world, "ed", "fay")
    request = await a_request(small_world)
    assert await refused(small_world, request, "fay") in ("not-an-approver", "unknown")


async def test_a_chain_of_deputies_is_followed_and_is_one_voice(small_world: World) -> None:
    await people(small_world)
    await away(small_world, "ana", "fay")
    await away(small_world, "fay", "gil")
    request = await a_request(small_world)
    gil = await small_world.person("gil")
    assert len(await gil.inbox()) == 1
    assert (await gil.approves(request))["state"] == "pending"
    for other in ("ana", "fay"):
        assert await refused(small_world, request, other) == "already-reviewed"


async def test_a_loop_ends_with_nobody_and_each_keeps_their_own_voice(small_world: World) -> None:
    await people(small_world)
    await away(small_world, "ana", "fay")
    with pytest.raises(NotADeputy):  # said before it is made
        await away(small_world, "fay", "ana")
    await away(small_world, "fay", "gil")
    write_policy(
        Path(small_world.running.parts.settings.policy),
        TWO,
        DEPUTIES.replace("gil: {", "gil: {deputies: [fay], title: Gil, ").replace(
            ", deputies: [fay]}\n", "}\n"
        ),
    )
    request = await a_request(small_world)
    with pytest.raises(NotADeputy):
        await delegates(small_world, request, "ana", "ana")
    assert (await (await small_world.person("ana")).approves(request))["state"] == "pending"
    assert await refused(small_world, request, "gil") in ("already-reviewed", "unknown")


async def test_nobody_is_asked_here_whom_the_directory_does_not_name(small_world: World) -> None:
    await people(small_world)
    request = await a_request(small_world)
    with pytest.raises(NotADeputy, match="directory"):
        await delegates(small_world, request, "ana", "gil")
    with pytest.raises(NotADeputy, match="There is no nobody"):
        await delegates(small_world, request, "ana", "nobody")
    kind = "review.refused"
    query = f"SELECT sequence FROM entries WHERE request_id = '{request['id']}' AND kind = '{kind}'"
    # Both are refusals of one kind within a minute: one entry, and its count.
    assert len(await rows(small_world.running.parts.settings.database_url, query)) == 1


async def test_who_is_asked_here_finds_it_in_their_inbox_and_decides_once(world: World) -> None:
    await people(world)
    request, other = await a_request(world), await a_request(world)
    await delegates(world, request, "ana", "fay")
    fay = await world.person("fay")
    assert [one["id"] for one in await fay.inbox()] == [request["id"]]
    await fay.approves(request)
    assert await refused(world, other, "fay") == "unknown"
    assert await refused(world, request, "ana") == "already-reviewed"


async def test_an_absence_ends_by_itself_and_by_coming_back(small_world: World) -> None:
    await people(small_world)
    await away(small_world, "ana", "fay", hours=0.2)
    await away(small_world, "bo", "gil")
    request = await a_request(small_world)
    await small_world.advance(minutes=12)
    assert await refused(small_world, request, "fay") == "unknown"
    await small_world.running.parts.absences.back(PersonName("bo"), by("bo"))
    assert await refused(small_world, request, "gil") == "unknown"
    with pytest.raises(Unknown):
        await small_world.running.parts.absences.back(PersonName("bo"), by("bo"))


@pytest.mark.parametrize("deputy", ["ana", "gil", "di"])
async def test_nobody_is_away_to_somebody_who_could_not_stand_in(small_world: World, deputy: str) -> None:
    await people(small_world)
    with pytest.raises(NotADeputy):
        await away(small_world, "ana", deputy)


@pytest.mark.parametrize("hours", [0, -1, 24 * 367])
async def test_an_absence_ends_in_the_future_and_within_a_year(small_world: World, hours: float) -> None:
    await people(small_world)
    with pytest.raises(Malformed):
        await away(small_world, "ana", None, hours)


async def test_taking_a_deputy_out_of_the_directory_works_at_the_next_click(small_world: World) -> None:
    await people(small_world)
    await away(small_world, "ana", "fay")
    request = await a_request(small_world)
    write_policy(
        Path(small_world.running.parts.settings.policy),
        TWO,
        DEPUTIES.replace("ana: {deputies: [fay]", "ana: {deputies: []"),
    )
    await small_world.running.parts.policies.check()
    assert await refused(small_world, request, "fay") == "unknown"
