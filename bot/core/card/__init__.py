"""card(request, now) → Card: what people see of a request, whatever the surface.

A template arranges a Card; it never decides what is on it.
"""

from bot.core.card.draw import alike_line, card, content_digest, roundup_line
from bot.core.card.face import (
    AlikeLine,
    Button,
    Card,
    Fact,
    LookLine,
    QuestionLine,
    ReviewLine,
    RoundupLine,
    StageLine,
    Tone,
)

__all__ = [
    "AlikeLine",
    "Button",
    "Card",
    "Fact",
    "LookLine",
    "QuestionLine",
    "ReviewLine",
    "RoundupLine",
    "StageLine",
    "Tone",
    "alike_line",
    "card",
    "content_digest",
    "roundup_line",
]
