"""The pages in a real Chromium; whatever breaks the content security policy fails the test."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, async_playwright, expect

from bot.core.terms import PersonName, Request, State, Verdict
from tests.fixtures.chromium import FLAGS
from tests.handlers.web.world import OPERATOR, World, world_at

pytestmark = pytest.mark.browser

EVIL = "<script>window.pwned=1</script><img src=x onerror='window.pwned=1;alert(1)'><b onclick='x()'>y</b>"
BROKEN = re.compile(r"Content Security Policy|Trusted|Refused to", re.IGNORECASE)


@dataclass
class Windows:
    """Opens windows, each a browser of its own, and notes what goes wrong in them."""

    chromium: Chromium
    world: World
    faults: list[str]

    async def blank(self, **options: Any) -> Page:
        """Open a window in which nobody is signed in."""
        context = await self.chromium.new_context(**{"timezone_id": "UTC", "locale": "en-GB"} | options)
        page = await context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("dialog", lambda dialog: self.faults.append(f"{page.url}: a dialog, {dialog.message}"))
        page.on("console", lambda said: self.faults.extend([said.text] if BROKEN.search(said.text) else []))
        return page

    async def of(self, person: str, path: str = "/", **options: Any) -> Page:
        """Open a window, sign a person in by a one-time link, and go to a page."""
        page = await self.blank(**options)
        token = await self.world.parts.entering.invite(PersonName(person), OPERATOR)
        await page.goto(f"{self.world.url}/enter#{token}")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("for you")
        if path != "/":
            await page.goto(self.world.url + path)
        return page


@pytest.fixture
async def windows(chromium: str, world: World) -> AsyncIterator[Windows]:
    """Real windows; after the test nothing may have gone wrong in any."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = Windows(browser, world, [])
        yield opened
        await browser.close()
    assert opened.faults == []


def path_of(request: Request) -> str:
    return f"/requests/{request.id}"


async def settled(world: World, request: Request) -> State:
    return (await world.now(request)).state


# ── reading and deciding ─────────────────────────────────────────────────────────────────────────


async def test_somebody_reads_and_approves(world: World, windows: Windows) -> None:
    request = await world.asked(resource={"type": "database", "id": "orders"})
    page = await windows.of("ana")

    await page.get_by_role("link", name="Run a database migration").click()
    await expect(page.get_by_text("ALTER TABLE orders ADD note text")).to_be_visible()
    await expect(page.get_by_text("database orders")).to_be_visible()
    await page.get_by_role("button", name="Approve").click()

    await expect(page.locator("#live-status")).to_contain_text("Approved by ana")
    await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    assert await settled(world, request) is State.APPROVED


async def test_somebody_denies_with_a_reason_after_forgetting_it(world: World, windows: Windows) -> None:
    request = await world.asked()
    page = await windows.of("ana", path_of(request))

    await page.get_by_role("button", name="Deny").click()
    await expect(page.get_by_role("alert")).to_contain_text("This policy wants a reason")
    await page.get_by_label("Reason or comment").fill("Not during the sale")
    await page.get_by_role("button", name="Deny").click()

    await expect(page.locator("#live-status")).to_contain_text("Denied by ana: “Not during the sale”")
    assert await settled(world, request) is State.DENIED


async def test_what_became_of_a_request_is_on_the_screen_after_a_decision(
    world: World, windows: Windows
) -> None:
    request = await world.asked(parameters={"env": "prod", "sql": "ALTER TABLE t ADD c INT\n" * 200})
    page = await windows.of("ana", path_of(request), viewport={"width": 1280, "height": 900})

    await page.get_by_role("button", name="Approve").click()

    await expect(page.locator("#live-status")).to_contain_text("Approved by ana")
    head = await page.get_by_role("banner").bounding_box()
    status = await page.locator("#live-status").bounding_box()
    assert head is not None
    assert status is not None
    assert status["y"] >= head["y"] + head["height"]


async def test_a_phone_leads_to_ones_own_page_and_from_a_refusal_back_to_the_form(
    world: World, windows: Windows
) -> None:
    request = await world.asked(parameters={"env": "prod", "sql": "ALTER TABLE t ADD c INT\n" * 200})
    page = await windows.of("ana", path_of(request), viewport={"width": 390, "height": 844})

    await page.get_by_role("button", name="Deny").click()
    await page.get_by_role("alert").get_by_role("link", name="To the form").click()

    await expect(page.get_by_label("Reason or comment")).to_be_in_viewport()
    await page.get_by_role("link", name="Signed in as Ana Castell").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("How you stand")


async def test_two_people_in_two_browsers_watch_each_other_decide(world: World, windows: Windows) -> None:
    request = await world.asked("customer.erase", parameters={"customer": "cus_1"})
    ana, bo = await windows.of("ana", path_of(request)), await windows.of("bo", path_of(request))
    await bo.get_by_label("Reason or comment").fill("half a sentence")

    await ana.get_by_role("button", name="Approve").click()

    await expect(bo.locator("#live-stages")).to_contain_text("1 of 2")
    await expect(bo.locator("#live-story")).to_contain_text("Ana Castell approved")
    await expect(bo.get_by_label("Reason or comment")).to_have_value("half a sentence")
    await expect(bo.locator("#said")).to_have_text("Stage 1 of 2: waiting for 1 more of dba (ana, bo, cy)")
    await bo.get_by_role("button", name="Approve").click()
    await expect(ana.locator("#live-status")).to_contain_text("Stage 2 of 2: waiting for 1 of leads")
    assert await settled(world, request) is State.PENDING


async def test_what_is_typed_survives_a_decision_by_somebody_else(world: World, windows: Windows) -> None:
    request = await world.asked()
    ana = await windows.of("ana", path_of(request))
    await ana.get_by_label("Reason or comment").fill("a long thought")

    await world.reviewed(request, "bo", Verdict.DENY, "no")

    await expect(ana.get_by_label("What you typed")).to_have_value("a long thought")
    await expect(ana.get_by_role("button", name="Approve")).to_have_count(0)


async def test_new_requests_appear_in_an_open_inbox_and_leave_it(world: World, windows: Windows) -> None:
    page = await windows.of("ana")
    await expect(page.get_by_text("Nothing waits for you")).to_be_visible()

    request = await world.asked()
    await expect(page.get_by_role("article")).to_have_count(1)
    await expect(page).to_have_title("(1) Inbox · Assent")
    await expect(page.locator("#said")).to_have_text("1 request waits for you")

    await world.reviewed(request, "bo")
    await expect(page.get_by_role("article")).to_have_count(0)
    await expect(page.get_by_text("Approved by bo")).to_be_visible()


async def test_everything_works_without_scripts(world: World, windows: Windows) -> None:
    request = await world.asked()
    page = await windows.blank(java_script_enabled=False)
    token = await world.parts.entering.invite(PersonName("ana"), OPERATOR)

    await page.goto(f"{world.url}/enter#{token}")
    await page.get_by_label("The link").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("link", name="Run a database migration").click()
    await page.get_by_label("Reason or comment").fill("checked by hand")
    await page.get_by_role("button", name="Approve").click()

    await expect(page.locator("#live-status")).to_contain_text("Approved by ana")
    assert await settled(world, request) is State.APPROVED


async def test_the_keyboard_is_enough(world: World, windows: Windows) -> None:
    request = await world.asked()
    page = await windows.of("ana")
    await page.reload()

    await _tab_to(page, "Skip to the content")
    await page.keyboard.press("Enter")
    await _tab_to(page, "Run a database migration")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**{path_of(request)}")
    await _tab_to(page, "reason")
    await page.keyboard.type("by keyboard")
    await _tab_to(page, "Approve")
    await page.keyboard.press("Enter")

    await expect(page.locator("#live-status")).to_contain_text("Approved by ana")
    assert (await world.now(request)).reviews[0].reason == "by keyboard"


async def _tab_to(page: Page, what: str) -> None:
    for _ in range(40):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(
            "() => [document.activeElement.textContent.trim(), document.activeElement.id,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if what in focused[:2]:
            return
    raise AssertionError(f"Tab never reaches {what}")


# ── looks ────────────────────────────────────────────────────────────────────────────────────────


async def test_it_is_dark_where_people_like_it_dark(world: World, windows: Windows, tmp_path: Path) -> None:
    request = await world.asked()
    grounds = {}
    for scheme in ("light", "dark"):
        page = await windows.of("ana", path_of(request), color_scheme=scheme)
        grounds[scheme] = await page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        picture = await page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
        assert len(picture) > 10_000

    assert _light(grounds["light"]) > 600 > 120 > _light(grounds["dark"])


def _light(color: str) -> int:
    return sum(int(part) for part in re.findall(r"\d+", color)[:3])


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_nothing_is_wider_than_the_screen(world: World, windows: Windows, width: int) -> None:
    request = await world.asked(
        parameters={"env": "prod", "sql": "x" * 5000, "rows": 1},
        summary="y" * 3000,
        context={"run": "https://ci.test/" + "z" * 300},
        resource={"type": "database", "id": "orders-" + "o" * 200},
    )
    page = await windows.of("ana", viewport={"width": width, "height": 800})
    for path in ("/", path_of(request), "/history"):
        await page.goto(world.url + path)
        widths = await page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1], path


async def test_pages_are_told_well_to_screen_readers(world: World, windows: Windows) -> None:
    request = await world.asked("customer.erase", parameters={"customer": "c1"})
    page = await windows.of("ed")
    for path in ("/", path_of(request), "/history", "/audit", f"/audit/{request.id}", "/enter"):
        await page.goto(world.url + path)
        assert await page.get_by_role("main").count() == 1, path
        assert await page.get_by_role("banner").count() == 1, path
        assert await page.get_by_role("heading", level=1).count() == 1, path
        assert await page.evaluate(UNNAMED) == [], path
        assert await page.evaluate(TWICE) == [], path


UNNAMED = """() => [...document.querySelectorAll("a, button, textarea, input:not([type=hidden])")]
  .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || (e.labels && e.labels.length)))
  .map((e) => e.outerHTML)"""
TWICE = """() => { const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  return ids.filter((id, n) => ids.indexOf(id) !== n); }"""


# ── attacks ──────────────────────────────────────────────────────────────────────────────────────


async def test_hostile_markup_does_nothing_in_a_real_browser(world: World, windows: Windows) -> None:
    request = await world.asked(
        parameters={"env": "prod", "sql": EVIL, "extra": {EVIL: EVIL}}, summary=EVIL, justification=EVIL
    )
    page = await windows.of("ana", path_of(request))
    await world.reviewed(request, "cy", Verdict.COMMENT, EVIL)
    await expect(page.locator("#live-story")).to_contain_text("<script>window.pwned=1</script>")

    for path in (path_of(request), "/", "/history"):
        await page.goto(world.url + path)
        assert await page.evaluate("() => window.pwned") is None
        assert await page.locator("main img, main script, main b").count() == 0


async def test_the_token_of_a_link_never_stands_in_an_address_that_is_sent(
    world: World, windows: Windows
) -> None:
    page = await windows.blank()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.partition("#")[0]))
    token = await world.parts.entering.invite(PersonName("ana"), OPERATOR)

    await page.goto(f"{world.url}/enter#{token}")
    await expect(page.get_by_text("Your link is here")).to_be_visible()
    assert token not in page.url
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("Nothing waits for you")).to_be_visible()

    assert sent
    assert not any(token in url for url in sent)


async def test_a_foreign_page_can_neither_frame_nor_submit(
    world: World, windows: Windows, stack: AsyncExitStack
) -> None:
    request = await world.asked()
    page = await windows.of("ana", path_of(request))
    csrf = await page.locator("input[name=csrf]").first.input_value()
    fields = {"csrf": csrf, "digest": request.digest, "verdict": "approve"}
    inputs = "".join(f"<input name='{name}' value='{value}'>" for name, value in fields.items())
    url = world.url + path_of(request)
    foreign = await _a_site(
        stack,
        f"<iframe src='{url}'></iframe><form method=post action='{url}'>{inputs}<button>Win</button></form>",
    )

    await page.goto(foreign)
    framed = page.frames[1]
    assert await framed.locator("button").count() == 0
    await page.get_by_role("button", name="Win").click()
    await page.wait_for_url("**/requests/**")

    assert await settled(world, request) is State.PENDING
    assert any("frame-ancestors" in fault for fault in windows.faults)
    windows.faults.clear()


async def test_a_link_from_a_chat_finds_its_reader_still_signed_in(
    world: World, windows: Windows, stack: AsyncExitStack
) -> None:
    request = await world.asked()
    page = await windows.of("ana")
    chat = await _a_site(stack, f"<a href='{world.url}{path_of(request)}'>View full</a>")

    await page.goto(chat)
    await page.get_by_role("link", name="View full").click()

    await expect(page.get_by_role("button", name="Approve")).to_be_visible()


async def _a_site(stack: AsyncExitStack, html: str) -> str:
    """Serve a page under another name than ours; return its address."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=f"<!doctype html><title>Elsewhere</title>{html}", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://localhost:{runner.addresses[0][1]}/"


async def test_in_the_demo_one_picks_a_person_and_decides(
    tmp_path: Path, chromium: str, windows: Windows
) -> None:
    async with world_at(tmp_path / "demo", development=True) as world:
        request = await world.asked()
        page = await windows.blank()
        await page.goto(world.url + path_of(request))
        await page.get_by_role("button", name="Bo Lindqvist").click()
        await page.get_by_role("button", name="Approve").click()
        await expect(page.locator("#live-status")).to_contain_text("Approved by bo")
        await page.get_by_role("button", name="Be someone else").click()
        await expect(page.get_by_text("Who are you today?")).to_be_visible()
        await page.context.close()
