"""What people say of themselves on the web, whom they let decide, and accounts that become theirs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.core.terms import Actor, ActorKind, Proof, Surface
from tests.handlers.web.world import DIRECTORY, Browser, World, a_browser, signed_in, world_at

NEW = "T0ASSENT/U0NEW"
STRANGER = Actor(ActorKind.PERSON, "", Surface.SLACK, NEW, Proof.SIGNATURE)
DEPUTIES = DIRECTORY.replace("ana: {", "ana: {deputies: [di], ")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Where di may stand in for ana."""
    async with world_at(tmp_path, directory=DEPUTIES) as made:
        yield made


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as held:
        yield held


@pytest.fixture
async def ana(stack: AsyncExitStack, world: World) -> Browser:
    return await signed_in(stack, world, "ana")


async def said(browser: Browser, **fields: str) -> str:
    """Send a form of the page about oneself; return what stands there then."""
    page = await browser.get("/me")
    answer = await browser.post("/me", {"csrf": page.hidden("csrf"), **fields})
    return answer.text


async def begun(world: World) -> str:
    """The token of a link for an account that is nobody's."""
    return await world.parts.linking.begin("slack", NEW, "<b>new</b>", STRANGER)


async def test_an_absence_is_said_shown_and_taken_back(ana: Browser, world: World) -> None:
    year = world.parts.clock.now().year
    shown = await said(ana, do="away", until=f"{year}-12-30T18:00", zone="Europe/Paris", deputy="di")
    assert "di may decide in your place" in shown
    absence = (await world.parts.store.registry()).absences["ana"]  # type: ignore[index]
    assert (absence.until_at.month, absence.until_at.hour) == (12, 17)
    assert "While you are away nobody reminds you" in await said(ana, do="back")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"do": "away", "until": "soon", "zone": "UTC"}, "as a date and a time"),
        ({"do": "away", "until": "2000-01-01T00:00", "zone": "UTC"}, "in the future"),
        ({"do": "away", "until": "2999-01-01T00:00", "zone": "Mars/Base"}, "no time zone Mars/Base"),
        ({"do": "away", "until": "2999-01-01T00:00", "zone": ""}, "in which time zone"),
        ({"do": "quiet", "from": "22:00", "until": "22:00", "zone": "UTC"}, "another time"),
        ({"do": "quiet", "from": "22:00", "until": "07:00", "zone": "../etc/passwd"}, "no time zone"),
        ({"do": "unlink", "account": f"slack {NEW}"}, "no such account"),
        ({"do": "everything"}, "another version"),
    ],
)
async def test_what_is_wrong_is_said_on_the_page(ana: Browser, fields: dict[str, str], why: str) -> None:
    assert why in await said(ana, **fields)


@pytest.mark.parametrize("do", ["away", "quiet"])
async def test_a_time_zone_is_offered_and_a_wrong_one_is_refused_at_its_field(
    ana: Browser, world: World, do: str
) -> None:
    page = (await ana.get("/me")).text
    offered = re.findall(r'<option value="([^"]+)">', page[page.index('<datalist id="zones">') :])
    assert offered[0] == "UTC"
    assert {"Europe/Paris", "America/Argentina/Buenos_Aires", "Asia/Kolkata"} <= set(offered)
    assert not {"localtime", "Factory", "posixrules"} & set(offered)
    assert page.count('list="zones"') == 2
    fields = {"until": "07:15" if do == "quiet" else f"{world.parts.clock.now().year}-12-30T18:00"}
    shown = await said(ana, do=do, zone="Europe/Pari", **{"from": "21:45"}, **fields)
    assert (
        f'value="Europe/Pari" list="zones" autocomplete="off" spellcheck="false" required '
        f'aria-invalid="true" aria-describedby="{do}-zone-wrong"'
    ) in shown
    assert "There is no time zone Europe/Pari; did you mean Europe/Paris?" in shown
    assert f'value="{fields["until"]}"' in shown
    assert shown.count('aria-invalid="true"') == 1
    registry = await world.parts.store.registry()
    assert (registry.quiet, registry.absences) == ({}, {})


@pytest.mark.parametrize("name", ["localtime", "Factory", "posixrules", "zone.tab", "../Europe/Paris", "Etc"])
async def test_what_is_no_places_time_is_no_time_zone(ana: Browser, name: str) -> None:
    shown = await said(ana, do="quiet", zone=name, until="07:00", **{"from": "22:30"})
    assert f"There is no time zone {name}" in shown


async def test_a_time_zone_in_other_capitals_is_that_time_zone(ana: Browser, world: World) -> None:
    await said(ana, do="quiet", zone=" europe/paris ", until="07:00", **{"from": "22:30"})
    assert (await world.parts.store.registry()).quiet["ana"].tz == "Europe/Paris"  # type: ignore[index]


async def test_quiet_hours_are_set_and_ended(ana: Browser, world: World) -> None:
    shown = await said(ana, do="quiet", zone="Europe/Paris", until="07:00", **{"from": "22:30"})
    assert 'value="22:30"' in shown
    assert (await world.parts.store.registry()).quiet["ana"].tz == "Europe/Paris"  # type: ignore[index]
    assert "End them" not in await said(ana, do="loud")


async def test_a_form_from_elsewhere_changes_nothing(ana: Browser, world: World) -> None:
    for path in ("/me", "/link/confirm"):
        answer = await ana.post(path, {"csrf": "wrong", "do": "loud", "token": "x"})
        assert answer.status == 403
    token = await begun(world)
    evil = "https://evil.example"
    assert (await ana.post("/link", {"token": token}, Origin=evil)).status == 403
    assert (await world.parts.store.registry()).absences == {}


async def test_an_approver_lets_their_deputy_decide_who_then_finds_the_request(
    stack: AsyncExitStack, ana: Browser, world: World
) -> None:
    request = await world.asked()
    page = await ana.get(f"/requests/{request.id}")
    assert '<option value="di">' in page.text
    await ana.post(f"/requests/{request.id}/delegate", {"csrf": page.hidden("csrf"), "deputy": "di"})
    di = await signed_in(stack, world, "di")
    assert (await di.decide(request, "approve")).status == 200
    assert [(one.person, one.giver) for one in (await world.now(request)).reviews] == [("di", "ana")]
    assert "Di Marchetti approved for Ana Castell" in (await ana.get(f"/requests/{request.id}")).text


async def test_a_delegation_is_taken_back_on_the_requests_page(
    stack: AsyncExitStack, ana: Browser, world: World
) -> None:
    request = await world.asked()
    at = f"/requests/{request.id}"
    page = await ana.get(at)
    assert f'action="{at}/reclaim"' not in page.text
    await ana.post(f"{at}/delegate", {"csrf": page.hidden("csrf"), "deputy": "di"})
    page = await ana.get(at)
    assert f'action="{at}/reclaim"' in page.text
    assert "Di Marchetti may decide in your place" in page.text
    assert (await ana.post(f"{at}/reclaim", {"csrf": "wrong"})).status == 403
    assert (await ana.post(f"{at}/reclaim", {"csrf": page.hidden("csrf")})).status == 200
    assert f'action="{at}/reclaim"' not in (await ana.get(at)).text
    assert (await ana.post(f"{at}/reclaim", {"csrf": page.hidden("csrf")})).status == 404
    entries = await world.parts.store.entries(0, 1000)
    assert [entry.kind for entry in entries].count("review.reclaimed") == 1
    di = await signed_in(stack, world, "di")
    assert (await di.decide(request, "approve")).status == 403


async def test_ones_own_delegations_stand_on_the_page_about_oneself_and_end_there(
    stack: AsyncExitStack, ana: Browser, world: World
) -> None:
    request = await world.asked()
    assert "Decisions in somebody" not in (await ana.get("/me")).text
    page = await ana.get(f"/requests/{request.id}")
    await ana.post(f"/requests/{request.id}/delegate", {"csrf": page.hidden("csrf"), "deputy": "di"})
    assert "Di Marchetti may decide it in your place" in (await ana.get("/me")).text
    di = await signed_in(stack, world, "di")
    theirs = (await di.get("/me")).text
    assert "You may decide it in Ana Castell's place" in theirs
    assert 'value="reclaim"' not in theirs
    assert "asked nobody" in await said(di, do="reclaim", request=request.id)
    csrf = (await ana.get("/me")).hidden("csrf")
    for unknown in ("req_0", "req_" + "0" * 32, ""):
        answer = await ana.post("/me", {"csrf": csrf, "do": "reclaim", "request": unknown})
        assert answer.status == 404
    assert "may decide it in your place" not in await said(ana, do="reclaim", request=request.id)
    assert (await world.now(request)).delegations == ()


async def test_who_cannot_stand_in_is_refused_on_the_page(ana: Browser, world: World) -> None:
    request = await world.asked()
    page = await ana.get(f"/requests/{request.id}")
    answer = await ana.post(f"/requests/{request.id}/delegate", {"csrf": page.hidden("csrf"), "deputy": "ed"})
    assert answer.status == 403
    assert "cannot stand in for you" in answer.text


async def test_a_deputy_nobody_knows_is_named_and_what_was_typed_stays(ana: Browser, world: World) -> None:
    fields = {"until": f"{world.parts.clock.now().year}-12-30T18:00", "zone": "Asia/Tokyo", "deputy": "zed"}
    shown = await said(ana, do="away", **fields)
    assert "zed is not in the directory" in shown
    assert "This account belongs to nobody" not in shown
    for text in fields.values():
        assert f'value="{text}"' in shown


async def test_an_account_is_linked_in_the_browser_that_opened_the_link(ana: Browser, world: World) -> None:
    token = await begun(world)
    assert "Look at the account" in (await ana.get("/link")).text
    opened = await ana.post("/link", {"token": f"{world.url}/link#{token}"})
    assert NEW in opened.text
    assert "<b>new" not in opened.text
    done = await ana.post("/link/confirm", {"csrf": opened.hidden("csrf"), "token": opened.hidden("token")})
    [code] = re.findall(r'class="code big">([A-Z2-9]{8})<', done.text)
    assert await world.parts.linking.finish("slack", NEW, code, STRANGER) == "ana"
    assert NEW in (await ana.get("/me")).text
    assert NEW not in await said(ana, do="unlink", account=f"slack {NEW}")
    assert await world.parts.linking.person("slack", NEW) is None


async def test_looking_at_the_address_of_a_link_spends_and_shows_nothing(ana: Browser, world: World) -> None:
    token = await begun(world)
    for path in ("/link", f"/link?token={token}", "/link"):
        assert NEW not in (await ana.get(path)).text
    assert NEW in (await ana.post("/link", {"token": token})).text


async def test_another_browser_can_do_nothing_with_a_link_that_was_opened(
    stack: AsyncExitStack, ana: Browser, world: World
) -> None:
    token = await begun(world)
    await ana.post("/link", {"token": token})
    for person in ("bo", "ana"):  # not even another browser of the same person
        other = await signed_in(stack, world, person)
        assert "opened in another browser" in (await other.post("/link", {"token": token})).text
        csrf = (await other.get("/me")).hidden("csrf")
        assert (await other.post("/link/confirm", {"csrf": csrf, "token": token})).status == 404


async def test_who_is_not_signed_in_opens_no_link(stack: AsyncExitStack, ana: Browser, world: World) -> None:
    token = await begun(world)
    nobody = await a_browser(stack, world)
    assert (await nobody.post("/link", {"token": token})).status == 401
    assert NEW in (await ana.post("/link", {"token": token})).text  # it is as good as before
