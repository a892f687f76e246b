"""card(request, now) → Card: what people see of a request, whatever the surface.

A template arranges a Card; it never decides what is on it.
"""

from bot.core.card.draw import card, content_digest
from bot.core.card.face import Button, Card, Fact, LookLine, QuestionLine, ReviewLine, StageLine, Tone

__all__ = [
    "Button",
    "Card",
    "Fact",
    "LookLine",
    "QuestionLine",
    "ReviewLine",
    "StageLine",
    "Tone",
    "card",
    "content_digest",
]
