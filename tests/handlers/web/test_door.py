"""Signing in and out, and what keeps a session from being misused."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.core.terms import PersonName, State
from handlers.web.shield import local_path
from tests.fixtures.clock import FakeClock
from tests.handlers.web.world import DIRECTORY, OPERATOR, Browser, World, a_browser, signed_in, world_at

STRICT = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-ancestors 'none'",
    "form-action 'self'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
)


async def test_a_link_signs_in_once(world: World, stack: AsyncExitStack) -> None:
    token = await world.parts.entering.invite(PersonName("ana"), OPERATOR)
    first, second = await a_browser(stack, world), await a_browser(stack, world)

    entered = await first.post("/enter", {"token": token, "next": "/history"})
    again = await second.post("/enter", {"token": token, "next": "/"})

    assert entered.url.endswith("/history")
    assert "Ana Castell" in entered.text
    assert "This link was used already" in again.text
    assert (await second.get("/")).url.endswith("/enter?next=/")


async def test_the_whole_link_may_be_pasted(world: World, stack: AsyncExitStack) -> None:
    token = await world.parts.entering.invite(PersonName("ana"), OPERATOR)
    browser = await a_browser(stack, world)

    assert (await browser.post("/enter", {"token": f" {world.url}/enter#{token} "})).status == 200
    assert "Ana Castell" in (await browser.get("/")).text


async def test_looking_at_a_link_spends_nothing(world: World, stack: AsyncExitStack) -> None:
    token = await world.parts.entering.invite(PersonName("ana"), OPERATOR)
    preview = await a_browser(stack, world)
    for path in ("/enter", f"/enter?token={token}", f"/enter#{token}"):
        assert "Set-Cookie" not in (await preview.get(path)).headers

    assert "Ana Castell" in (await preview.post("/enter", {"token": token})).text


async def test_a_link_is_too_old_after_ten_minutes(
    world: World, stack: AsyncExitStack, clock: FakeClock
) -> None:
    token = await world.parts.entering.invite(PersonName("ana"), OPERATOR)
    clock.advance(timedelta(minutes=10))

    page = await (await a_browser(stack, world)).post("/enter", {"token": token})

    assert "older than ten minutes" in page.text


async def test_a_session_ends_by_itself_and_nothing_typed_is_lost(
    world: World, ana: Browser, clock: FakeClock
) -> None:
    request = await world.asked()
    page = await ana.get(f"/requests/{request.id}")
    clock.advance(timedelta(hours=12))

    fields = {"csrf": page.hidden("csrf"), "digest": request.digest, "verdict": "deny", "reason": "my words"}
    answer = await ana.post(f"/requests/{request.id}", fields)

    assert answer.status == 401
    assert "my words" in answer.text
    assert (await world.now(request)).reviews == ()


async def test_signing_out_ends_the_session_itself(world: World, ana: Browser) -> None:
    cookie = ana.cookie("assent").value
    page = await ana.get("/")

    await ana.post("/leave", {"csrf": page.hidden("csrf")})

    assert await world.parts.entering.who(cookie) is None
    assert (await ana.get("/")).url.endswith("/enter?next=/")


async def test_after_signing_in_one_is_where_one_wanted_to_go(world: World, stack: AsyncExitStack) -> None:
    request = await world.asked()
    browser = await a_browser(stack, world)
    door = await browser.get(f"/requests/{request.id}")
    token = await world.parts.entering.invite(PersonName("ana"), OPERATOR)

    entered = await browser.post("/enter", {"token": token, "next": door.hidden("next")})

    assert entered.url.endswith(f"/requests/{request.id}")


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "javascript:1",
        "",
        "/\n",
        "/\tx",
        "evil",
        "/é",
        "///x",
    ],
)
def test_signing_in_never_leads_elsewhere(path: str) -> None:
    assert local_path(path) == "/"


@pytest.mark.parametrize("path", ["/", "/history?mine=1", "/requests/req_1#decision"])
def test_signing_in_leads_to_our_pages(path: str) -> None:
    assert local_path(path) == path


# ── headers and cookies ──────────────────────────────────────────────────────────────────────────


async def test_every_page_is_strict(world: World, ana: Browser) -> None:
    request = await world.asked()
    for path in ("/", f"/requests/{request.id}", "/history", "/enter", "/requests/none", "/nowhere"):
        page = await ana.get(path, Accept="text/html")
        policy = page.headers["Content-Security-Policy"].split("; ")
        assert set(STRICT) <= set(policy), path
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] in ("no-referrer", "same-origin" if path == "/enter" else "")
        assert " style=" not in page.text
        assert "<style" not in page.text
        assert not any(f" on{event}=" in page.text for event in ("click", "load", "error", "submit"))


async def test_static_files_are_cached_under_their_digest(ana: Browser) -> None:
    page = await ana.get("/")
    href = page.text.partition('<link rel="stylesheet" href="')[2].partition('"')[0]

    css, old = await ana.get(href), await ana.get("/static/old/assent.css")

    assert css.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert css.headers["Content-Type"] == "text/css; charset=utf-8"
    assert old.headers["Cache-Control"] == "no-store"
    assert (await ana.get("/static/x/..%2f..%2fpyproject.toml")).status == 404


async def test_the_cookie_is_strict_and_out_of_reach_of_scripts(world: World, stack: AsyncExitStack) -> None:
    ana = await signed_in(stack, world, "ana")
    morsel = ana.cookie("assent")

    assert morsel["httponly"]
    assert morsel["samesite"] == "Strict"
    assert morsel["path"] == "/"
    assert morsel["max-age"] == str(12 * 3600)


async def test_over_https_the_cookie_is_bound_to_the_host(tmp_path: Path, stack: AsyncExitStack) -> None:
    async with world_at(tmp_path / "https", public_url="https://assent.test") as world:
        browser = await a_browser(stack, world)
        token = await world.parts.entering.invite(PersonName("ana"), OPERATOR)
        page = await browser.post("/enter", {"token": token}, follow=False, Origin="https://assent.test")

    assert page.status == 303
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-assent=")
    for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


# ── forms from elsewhere ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, {}),
        ({"Sec-Fetch-Site": "same-site"}, {}),
        ({"Origin": "https://evil.test"}, {}),
        ({"Origin": "http://evil.test:{port}", "Host": "evil.test:{port}"}, {}),
        ({}, {"csrf": "guessed"}),
        ({}, {"csrf": ""}),
    ],
)
async def test_a_form_from_elsewhere_decides_nothing(
    world: World, ana: Browser, headers: dict[str, str], field: dict[str, str]
) -> None:
    request = await world.asked()
    page = await ana.get(f"/requests/{request.id}")
    fields = {"csrf": page.hidden("csrf"), "digest": request.digest, "verdict": "approve"} | field
    port = world.url.rpartition(":")[2]
    sent = {name: value.format(port=port) for name, value in headers.items()}

    answer = await ana.post(f"/requests/{request.id}", fields, True, **sent)

    assert answer.status == 403
    assert (await world.now(request)).state is State.PENDING


@pytest.mark.parametrize("origin", ["null", "https://evil.test"])
async def test_nobody_is_signed_in_by_a_form_from_elsewhere(
    world: World, stack: AsyncExitStack, origin: str
) -> None:
    browser = await a_browser(stack, world)
    token = await world.parts.entering.invite(PersonName("ana"), OPERATOR)

    answer = await browser.post("/enter", {"token": token}, Origin=origin)

    assert answer.status == 403
    assert (await browser.post("/enter", {"token": token})).status == 200


async def test_another_sessions_token_is_no_token(world: World, ana: Browser, stack: AsyncExitStack) -> None:
    bo = await signed_in(stack, world, "bo")
    request = await world.asked()
    page = await bo.get(f"/requests/{request.id}")
    fields = {"csrf": page.hidden("csrf"), "digest": request.digest, "verdict": "approve"}

    assert (await ana.post(f"/requests/{request.id}", fields)).status == 403


# ── the demo's door ──────────────────────────────────────────────────────────────────────────────


async def test_who_left_the_directory_is_out_at_once_and_no_link_of_theirs_lets_them_in_again(
    tmp_path: Path, world: World, ana: Browser, stack: AsyncExitStack
) -> None:
    request = await world.asked()
    page = await ana.get(f"/requests/{request.id}")
    form = {"csrf": page.hidden("csrf"), "digest": page.hidden("digest"), "verdict": "approve"}
    link = await world.parts.entering.invite(PersonName("ana"), OPERATOR)
    (tmp_path / "world/policy/directory.yaml").write_text(DIRECTORY.replace("ana: {", "al: {"))
    await world.parts.policies.check()

    assert (await ana.get(f"/requests/{request.id}")).url.endswith(f"/enter?next=/requests/{request.id}")
    await ana.post(f"/requests/{request.id}", form)
    late = await a_browser(stack, world)
    assert "This link was used already" in (await late.post("/enter", {"token": link})).text
    assert (await late.get("/")).url.endswith("/enter?next=/")

    # What was refused is spent, also for whoever is called so again later.
    (tmp_path / "world/policy/directory.yaml").write_text(DIRECTORY)
    await world.parts.policies.check()
    assert (await late.post("/enter", {"token": link})).url.endswith("/enter")
    assert (await late.get("/")).url.endswith("/enter?next=/")
    assert (await world.now(request)).reviews == ()


async def test_in_production_nobody_becomes_anybody(world: World, stack: AsyncExitStack) -> None:
    browser = await a_browser(stack, world)

    assert (await browser.post("/become", {"person": "ana"}, Accept="text/html")).status == 404
    assert "Ana Castell" not in (await browser.get("/enter")).text


async def test_in_the_demo_one_chooses_whom_to_be(tmp_path: Path, stack: AsyncExitStack) -> None:
    async with world_at(tmp_path / "demo", development=True) as world:
        browser = await a_browser(stack, world)
        door = await browser.get("/")

        assert all(name in door.text for name in ("Ana Castell", "Ed Novak", "dba, leads"))
        inside = await browser.post("/become", {"person": "cy", "next": door.hidden("next")})
        assert "Cy Okafor" in inside.text
        assert "Demo: anyone here can be anyone" in inside.text
        foreign = await a_browser(stack, world)
        assert (await foreign.post("/become", {"person": "cy"}, Origin="http://evil.test")).status == 403
        stranger = await foreign.post("/become", {"person": "zed"})
        assert "belongs to nobody in the directory" in stranger.text
        assert isinstance(foreign.session, aiohttp.ClientSession)
