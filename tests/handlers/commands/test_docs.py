"""docs/slack.md tells of exactly the words that there are."""

from __future__ import annotations

import re
from pathlib import Path

from handlers.commands import Role
from tests.handlers.commands.conftest import Counter

DOCS = Path(__file__).parents[3] / "docs" / "slack.md"
HEADINGS = {
    "Everybody": Role.ANYONE,
    "Auditors (and admins)": Role.AUDITOR,
    "Admins": Role.ADMIN,
    "Holders of break-glass": Role.BREAK_GLASS,
}


def test_the_table_of_commands_is_the_vocabulary(counter: Counter) -> None:
    told, role = [], None
    for line in DOCS.read_text("utf-8").splitlines():
        if found := re.fullmatch(r"\| \*\*(.*)\*\* \| \|", line):
            role = HEADINGS[found[1]]
        elif role is not None and (found := re.fullmatch(r"\| `/assent ([^`]*)` \| (.*) \|", line)):
            told.append((role, found[1].replace("\\|", "|"), found[2].replace("\\|", "|")))
        elif not line.startswith("|"):
            role = None
    words = counter.desk.vocabulary.words
    assert told == [(role, w.usage, w.does) for role in HEADINGS.values() for w in words if w.role is role]
