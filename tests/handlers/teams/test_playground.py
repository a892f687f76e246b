"""End to end in a Teams of Microsoft's own: two approvers in two Agents Playgrounds, token checks on.

Chromium clicks; a signing proxy in a process of its own plays the Bot Service; nothing is patched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from tests.fakes.teams_state import APP_ID, APP_SECRET, TENANT, account
from tests.fixtures.playground import playground, signing_proxy
from tests.fixtures.policy import BUNDLE, write_policy
from tests.fixtures.ports import free_port
from tests.world import World, a_world

TWO_OF_THEM = (
    BUNDLE.replace("quorum: 1}", "quorum: 2}", 1)
    .replace('{slack: "#ops"}, ', "")
    .replace("dba: {members: [ana, bo, cy]}", "dba: {members: [cy, di]}")
    .replace("leads: {members: [cy, di]}", "leads: {members: [ana, bo]}")
)
DIRECTORY = "cy: {}\ndi: {}\ned: {}\n" + "".join(
    f"{name}: {{teams: [{account(name)}]}}\n" for name in ("ana", "bo")
)
SEEN_WITHIN = 20.0  # seconds, on a busy machine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
async def world(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole bot, which knows the Bot Service by the proxy's keys alone."""
    policy = write_policy(tmp_path / "policy", TWO_OF_THEM, DIRECTORY)
    port = free_port()
    settings = {
        "teams_app_id": APP_ID,
        "teams_app_secret": APP_SECRET,
        "teams_tenant_id": TENANT,
        "teams_openid_metadata_url": f"http://127.0.0.1:{port}/v1/.well-known/openidconfiguration",
        "teams_login_url": f"http://127.0.0.1:{port}",
    }
    async with a_world(sqlite_url, tmp_path, policy, **settings) as made:
        with ExitStack() as stack:
            address = f"{made.url}/teams/messages"
            await asyncio.to_thread(stack.enter_context, signing_proxy(address, tmp_path, port))
            made.clock.advance(timedelta(minutes=1))  # the bot was up before there were keys
            yield made


@pytest.fixture
async def pages(world: World, tmp_path: Path, chromium: str) -> AsyncIterator[dict[str, Page]]:
    """Ana's and bo's Playgrounds, each in a window of its own."""
    endpoint = f"{world.running.parts.settings.teams_login_url}/teams/messages"
    with ExitStack() as stack:
        opened = {}
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name in ("ana", "bo"):
                run = playground(name, endpoint, tmp_path / name)
                address = await asyncio.to_thread(stack.enter_context, run)
                opened[name] = await browser.new_page(viewport={"width": 1300, "height": 1000})
                await opened[name].goto(address)
            yield opened
            await browser.close()


async def until(world: World, look: Callable[[], Awaitable[bool]], what: str) -> None:
    """Let the bot send what is due until somebody sees it."""
    for _ in range(int(SEEN_WITHIN / 0.25)):
        await world.settle()
        if await look():
            return
        await asyncio.sleep(0.25)
    pytest.fail(f"nobody ever saw {what}")


async def reads(world: World, page: Page, text: str) -> None:
    """Wait until a page shows a text."""

    async def shown() -> bool:
        return text in await page.inner_text("body")

    await until(world, shown, f"{text!r}")


async def write(page: Page, text: str) -> None:
    """Write to the bot in one's own chat."""
    await page.locator("[contenteditable=true]").first.click()
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")


async def test_two_approvers_decide_in_two_playgrounds(world: World, pages: dict[str, Page]) -> None:
    for page in pages.values():
        await write(page, "help")
        await reads(world, page, "What you can say")
    request = await world.agent.asks("db.migrate", env="prod", sql="ALTER TABLE orders ADD x int", rows=3)
    await world.advance(minutes=10)  # nobody was quick: the leads are added, with a card of their own
    for page in pages.values():
        await reads(world, page, "ALTER TABLE orders ADD x int")
    await pages["ana"].get_by_role("button", name="Approve", exact=True).first.click()
    for page in pages.values():
        await reads(world, page, "1 of 2")
    assert (await world.agent.sees(request))["state"] == "pending"
    await pages["bo"].get_by_role("button", name="Approve", exact=True).first.click()
    for page in pages.values():
        await reads(world, page, "Approved by ana and bo")
    assert (await world.agent.sees(request))["state"] == "approved"
    accounts = {review.by.account for review in (await world.running.parts.store.get(request["id"])).reviews}
    assert accounts == {account("ana"), account("bo")}


async def test_a_denial_with_its_reason_typed_on_the_card(world: World, pages: dict[str, Page]) -> None:
    page = pages["ana"]
    await write(page, "inbox")
    await reads(world, page, "Nothing waits for you")
    request = await world.agent.asks("db.migrate", env="prod", sql="DROP TABLE orders", rows=3)
    await world.advance(minutes=10)
    await reads(world, page, "DROP TABLE orders")
    await page.get_by_role("button", name="Deny", exact=True).first.click()
    await page.locator("textarea").first.fill("We *still* need it")
    await page.get_by_role("button", name="Deny", exact=True).last.click()
    await reads(world, page, "We *still* need it")
    seen = await world.agent.sees(request)
    assert (seen["state"], seen["reviews"][0]["reason"]) == ("denied", "We *still* need it")
