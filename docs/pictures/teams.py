"""Take the pictures of Teams: cards of the bot, drawn by Microsoft's own renderer, in Chromium.

Their marks want a font with emoji on this machine: apt-get install fonts-noto-color-emoji.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser

from bot.core.card import Card, QuestionLine, ReviewLine, StageLine, Tone
from bot.core.card.facts import fact
from bot.core.terms import Display, Reversibility, State
from handlers.teams.answers import contents
from handlers.teams.cards import message, roundup
from tests.fixtures.adaptive import page_of
from tests.fixtures.clock import NOON
from tests.handlers.slack.cards import ID, PLAN, RENDERER, a_card
from tests.handlers.teams.test_cards import roundup_line
from tests.handlers.teams.test_commands import HELP

FOLDER = Path(__file__).parent / "teams"
COLOURS = 48  # of a picture: small files that still look smooth
SQL = """ALTER TABLE orders
  ADD COLUMN settled_at timestamptz;

CREATE INDEX CONCURRENTLY orders_settled_at
  ON orders (settled_at);"""
Content = dict[str, Any]


def waiting(**changes: Any) -> Card:
    """Return a card that waits."""
    values = {"env": "prod", "sql": SQL}
    said = "OPS-42: settlement reports take nine minutes without this index."
    made = a_card(values, justification=said, context={"ticket": "OPS-42"})
    stages = (StageLine("dba", "open", 1, 0, "dba (ana, bo, cy)"),)
    return replace(made, stages=stages, status="Waiting for 1 of dba (ana, bo, cy)", **changes)


def asked() -> Card:
    """Return a card with a question, its answer and a comment."""
    answer = fact("answer to question 1", "orders-replica-2, at 03:00 UTC.", Display.TEXT, 400)
    at = NOON + timedelta(minutes=4)
    question = QuestionLine(1, "cy", "On which replica did you measure it?", NOON, answer, at)
    return waiting(questions=(question,), reviews=(ReviewLine("bo", "comment", "Locks?", at, "slack"),))


def ended(state: State, tone: Tone, status: str, person: str, verdict: str, reason: str | None) -> Card:
    """Return the card of a request that is over."""
    values = {"env": "prod", "sql": SQL}
    stage = StageLine("dba", "met" if tone is Tone.GOOD else "closed", 1, int(tone is Tone.GOOD), "dba")
    review = ReviewLine(person, verdict, reason, NOON + timedelta(minutes=3), "teams")
    made = a_card(values, state=state)
    return replace(made, tone=tone, status=status, stages=(stage,), reviews=(review,))


def scenes() -> Mapping[str, list[Content]]:
    """Return what is shown on each picture."""

    def drawn(card: Card) -> list[Content]:
        return [message(card, RENDERER).content]

    forever = replace(PLAN, reversibility=Reversibility.IRREVERSIBLE, title="Erase a customer")
    long = a_card({"env": "prod", "sql": "UPDATE orders SET paid = true; " * 900}, plan=PLAN)
    lines = [roundup_line(1), roundup_line(2, alike=3), roundup_line(3, waits=False, status="Approved by bo")]
    succeeded = ("Approved by ana; it ran and succeeded", "ana", "approve", None)
    denied = ("Denied by cy: “We still need it”", "cy", "deny", "We still need it")
    return {
        "waiting": drawn(waiting()),
        "irreversible": drawn(a_card({"env": "prod", "sql": "DELETE FROM customers"}, plan=forever)),
        "asked": drawn(asked()),
        "not-whole": drawn(long),
        "approved": drawn(ended(State.SUCCEEDED, Tone.GOOD, *succeeded)),
        "denied": drawn(ended(State.DENIED, Tone.BAD, *denied)),
        "expired": drawn(replace(a_card(state=State.EXPIRED), tone=Tone.QUIET)),
        "roundup": [roundup(lines, 2, ID, RENDERER)],
        "help": contents(HELP, RENDERER),
    }


async def take_teams(browser: Browser) -> None:
    """Take each scene in both colour schemes; `waiting` has its denial form open."""
    FOLDER.mkdir(exist_ok=True)
    size: Any = {"width": 680, "height": 400}
    for scheme in ("light", "dark"):
        context = await browser.new_context(viewport=size, device_scale_factor=1.5)
        page = await context.new_page()
        for name, cards in scenes().items():
            await page.set_content(page_of(cards, scheme))
            if name == "irreversible":
                await page.get_by_role("button", name="Approve").first.click()
            if name == "waiting":
                await page.get_by_role("button", name="Deny").first.click()
            picture = Image.open(BytesIO(await page.locator("body").screenshot())).convert("RGB")
            small = picture.quantize(COLOURS, dither=Image.Dither.NONE)
            small.save(FOLDER / f"{name}-{scheme}.png", optimize=True)
        await context.close()
