"""What Microsoft's own renderer makes of our cards, in Chromium: every word as it is, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from handlers.teams.cards import message
from tests.fixtures.adaptive import page_of
from tests.handlers.slack.cards import RENDERER, a_card
from tests.handlers.teams.test_cards import HOSTILE

pytestmark = pytest.mark.browser
CODE = "IF x:\n    DROP  TABLE a -- b\nEND"


async def drawn(page: Page, content: dict[str, Any]) -> str:
    """Show a card and return what stands on the screen."""
    await page.set_content(page_of([content], "light"))
    return (await page.locator(".card").inner_text()).replace("\u00a0", " ")


async def test_hostile_words_stand_on_the_screen_as_they_are(chromium: str) -> None:
    values = {"env": HOSTILE, "sql": CODE}
    card = a_card(values, summary=HOSTILE, justification=HOSTILE, context={"a": HOSTILE})
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page()
        text = await drawn(page, message(card, RENDERER).content)
        assert text.count(HOSTILE) == 4
        assert CODE in text
        assert await page.locator(".card a, .card img, .card b, .card strong, .card em").count() == 0
        buttons = await page.get_by_role("button").all_inner_texts()
        assert buttons[:3] == ["Approve", "Deny", "Comment"]
        await browser.close()


async def test_a_denial_opens_its_form_on_the_card(chromium: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page()
        await drawn(page, message(a_card(), RENDERER).content)
        assert await page.locator("textarea:visible").count() == 0
        await page.get_by_role("button", name="Deny").first.click()
        assert await page.locator("textarea:visible").count() == 1
        await browser.close()
