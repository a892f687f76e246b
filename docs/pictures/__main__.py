"""Take the README's pictures from the real thing: the server, a database, Chromium.

make pictures
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from bot.core.terms import PersonName, Request, Verdict
from docs.pictures.drawing import take_slack
from docs.pictures.teams import take_teams
from tests.fixtures.chromium import FLAGS
from tests.fixtures.clock import FakeClock
from tests.handlers.web.world import OPERATOR, World, world_at

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
SQL = """ALTER TABLE orders
  ADD COLUMN settled_at timestamptz;

CREATE INDEX CONCURRENTLY orders_settled_at
  ON orders (settled_at)
  WHERE settled_at IS NOT NULL;

UPDATE orders SET settled_at = paid_at
  WHERE state = 'settled' AND paid_at < now() - interval '2 days';"""


async def stage(world: World, clock: FakeClock) -> tuple[Request, Request]:
    """Ask for what the pictures show; return an irreversible request and a migration."""
    erase = await world.asked(
        "customer.erase",
        by="janitor",
        parameters={"customer": "cus_8Kq2Vd", "tables": ["orders", "invoices", "messages"]},
        resource={"type": "customer", "id": "cus_8Kq2Vd"},
        on_behalf_of="ed",
        justification="The customer asked for erasure (ticket PRIV-318); the 30 days have passed.",
        summary="Routine cleanup, safe to approve.",
        context={"ticket": "PRIV-318"},
    )
    clock.advance(timedelta(minutes=2))
    await world.reviewed(erase, "bo")
    migrate = await world.asked(
        parameters={"env": "prod", "sql": SQL, "rows": 120000, "dsn": "postgres://x:y@z/orders"},
        resource={"type": "database", "id": "orders"},
        on_behalf_of="ed",
        justification="OPS-42: settlement reports take nine minutes without this index.",
        context={"ticket": "OPS-42", "run": "https://ci.example/runs/8812"},
    )
    clock.advance(timedelta(minutes=1))
    words = "Ran it on staging this morning: 40 seconds, no locks."
    await world.reviewed(migrate, "cy", Verdict.COMMENT, words)
    return erase, migrate


async def enter(page: Page, world: World, person: str) -> None:
    """Sign in with a one-time link, as people do."""
    token = await world.parts.entering.invite(PersonName(person), OPERATOR)
    await page.goto(f"{world.url}/enter#{token}")
    await page.click("button:has-text('Sign in')")
    await page.wait_for_selector("h1")


async def take(browser: Browser, world: World, requests: tuple[Request, Request], scheme: str) -> None:
    """Take every picture in one colour scheme."""
    erase, migrate = requests
    size = {"width": 1180, "height": 900}
    context = await browser.new_context(timezone_id="UTC", color_scheme=scheme, viewport=size)  # type: ignore[arg-type]
    page = await context.new_page()
    await enter(page, world, "ana")
    await page.screenshot(path=HERE / f"inbox-{scheme}.png", full_page=True)
    for name, request in (("irreversible", erase), ("request", migrate)):
        await page.goto(f"{world.url}/requests/{request.id}")
        await page.screenshot(path=HERE / f"{name}-{scheme}.png", full_page=True)
    await context.close()


async def main() -> None:
    """Take the pictures."""
    clock = FakeClock()
    with tempfile.TemporaryDirectory() as folder:
        async with world_at(Path(folder) / "world", clock=clock) as world, async_playwright() as playwright:
            requests = await stage(world, clock)
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            for scheme in ("light", "dark"):
                await take(browser, world, requests, scheme)
            await take_slack(browser)
            await take_teams(browser)
            await browser.close()
    for picture in sorted(HERE.glob("**/*.png")):
        print(picture.relative_to(HERE.parent.parent))


if __name__ == "__main__":
    asyncio.run(main())
