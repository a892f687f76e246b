"""Messages as the connector takes them: a card, or a line that is shown as it is."""

from __future__ import annotations

from bot.core.terms import Json
from handlers.teams.limits import TEXT_MAX
from handlers.teams.sdk import Attachment, MessageActivityInput

CARD = "application/vnd.microsoft.card.adaptive"


def carrying(content: dict[str, Json], summary: str) -> MessageActivityInput:
    """Return a message that carries a card; `summary` is what notifications show."""
    card = Attachment(content_type=CARD, content=content)
    return MessageActivityInput.model_validate({"summary": summary, "attachments": [card]})


def saying(text: str) -> MessageActivityInput:
    """Return a message that says a line: `plain` is not read as markdown."""
    short = text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
    return MessageActivityInput(text=short, text_format="plain")
