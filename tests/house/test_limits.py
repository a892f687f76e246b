"""docs/operating.md tells the limits as they are."""

from __future__ import annotations

from pathlib import Path

from bot.core.machine.asking import QUESTIONS_MAX
from bot.core.machine.reviews import COMMENTS_MAX
from bot.services.admin import PENDING_MAX, PER_MINUTE
from handlers.pace import EXECUTOR_PER_MINUTE, PERSON_PER_MINUTE
from handlers.polls import POLLS_MAX
from handlers.web.live import STREAMS_MAX

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operating.md"


def test_the_page_for_operators_tells_the_limits_as_they_are() -> None:
    page = PAGE.read_text("utf-8").partition("## What each caller may take")[2].partition("\n## ")[0]
    for told in (
        f"pending requests ({PENDING_MAX}) and asks a minute ({PER_MINUTE})",
        f"{PERSON_PER_MINUTE} calls, forms, commands and pressed buttons a minute",
        f"{STREAMS_MAX} live pages at once",
        f"{EXECUTOR_PER_MINUTE:,} calls a minute",
        f"{POLLS_MAX:,} long polls",
        f"{COMMENTS_MAX} comments, {QUESTIONS_MAX} questions",
    ):
        assert told in page
