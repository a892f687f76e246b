"""A fresh look at what people read: nothing that waits for them is hidden, and no address breaks a page."""

from __future__ import annotations

import time

import aiohttp
import pytest

from bot.core.errors import Malformed
from bot.core.strict import parse
from bot.core.terms import PersonName
from bot.services import viewing
from tests.fixtures.policy import BUNDLE
from tests.stories.test_security_who_decides import edit
from tests.world import AgentFake, Answer, World

TWO_RULES = """\
  - id: leads-too
    match: {action: db.migrate, params.env: prod}
    effect: require_approval
    stages: [{name: dba, approvers: [group:leads], quorum: 1}]
"""


async def migration(agent: AgentFake, **body: object) -> Answer:
    return await agent.asks("db.migrate", env="prod", sql="SELECT 1", rows=1, _body=body)


async def page(world: World, person: str, path: str) -> tuple[int, str]:
    """Open a page as somebody who is signed in."""
    cookie, _ = await world.running.parts.entering.become(PersonName(person))
    async with world.http.get(world.url + path, headers={"Cookie": f"assent={cookie}"}) as answer:
        return answer.status, await answer.text()


async def waiting_for(world: World, person: str) -> list[str]:
    return [one["id"] for one in await (await world.person(person)).inbox()]


async def test_what_two_rules_make_wait_for_the_people_of_both_is_in_their_inbox(small_world: World) -> None:
    await edit(small_world, BUNDLE.replace("  - id: refunds\n", f"{TWO_RULES}  - id: refunds\n"))
    request = await migration(small_world.agent)

    assert await waiting_for(small_world, "cy") == [request["id"]]  # of dba and of leads
    await edit(small_world, BUNDLE)  # no rule makes that any more, but the request was planned by two
    assert await waiting_for(small_world, "cy") == [request["id"]]
    assert await waiting_for(small_world, "ana") == []
    assert await waiting_for(small_world, "di") == []
    await (await small_world.person("cy")).approves(request)
    assert (await small_world.agent.sees(request))["state"] == "approved"


async def test_a_persons_own_requests_hide_nothing_from_their_inbox(small_world: World) -> None:
    # bo may review what `deployer` asks for anybody else; what it asks for bo is due first.
    for _ in range(55):
        await migration(small_world.agent, on_behalf_of="bo", approve_within="PT5M")
    request = await migration(small_world.agent)

    assert await waiting_for(small_world, "bo") == [request["id"]]


async def test_history_looks_at_so_many_requests_and_then_says_where_to_go_on(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "LOOK_MAX", 4)
    first = await migration(small_world.agent)
    for cents in range(9):
        await small_world.agent.asks("payments.refund", payment="p1", cents=cents)
    seeing, bo = small_world.running.parts.viewing, PersonName("bo")  # of dba, and no lead

    found, before, pages = list[str](), None, 0
    while pages == 0 or before is not None:
        some, before = await seeing.history(bo, 2, before, False)
        found += [request.id for request in some]
        pages += 1

    assert found == [first["id"]]
    assert pages == 3


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/history?before=9999-12-31T23:59:59-23:59~req_1", 400),
        ("/history?before=0001-01-01T00:00:00%2B23:59~req_1", 400),
        ("/history?before=2026-03-02T09:00:00~req_1", 400),
        ("/enter?next=//[", 200),
        ("/enter?next=/[", 200),
    ],
)
async def test_an_address_that_makes_no_sense_breaks_no_page(
    small_world: World, path: str, status: int
) -> None:
    assert (await page(small_world, "ed", path))[0] == status


async def test_an_origin_that_makes_no_sense_is_another_site(small_world: World) -> None:
    form, sent = aiohttp.FormData({"person": "ed"}), {"Origin": "http://["}
    async with small_world.http.post(f"{small_world.url}/become", data=form, headers=sent) as answer:
        assert answer.status == 403


def test_a_body_with_thousands_of_names_is_refused_at_once_for_the_one_that_stands_twice() -> None:
    names = [f'"{number:x}":0' for number in range(25_000)]
    began = time.process_time()
    with pytest.raises(Malformed, match="'61a7' stands twice"):
        parse(("{" + ",".join([*names, names[-1]]) + "}").encode())
    assert time.process_time() - began < 2  # counted name by name, it took a quarter of a minute


async def test_lists_draw_nothing_of_what_a_flood_of_large_requests_holds(small_world: World) -> None:
    nested: list[object] = [0] * 60_000
    for _ in range(28):
        nested = [nested]
    for _ in range(20):  # denied at once; admins see them among the latest
        await small_world.agent.asks("db.migrate", env="staging", sql="x", _body={"context": {"n": nested}})
    began = time.process_time()
    assert (await page(small_world, "ed", "/history"))[0] == 200
    assert time.process_time() - began < 2  # each card took a third of a second
