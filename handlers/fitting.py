"""A card is made to fit a surface's message; an action that is not shown whole is not approved there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.core.card import Button, Card, Fact, RoundupLine

ELSEWHERE = ("its warnings are on the full page",)


@dataclass(frozen=True, slots=True)
class Room:
    """What a message has for a card's facts; lengths in characters.

    `text` for all of them together, `fact` what each takes beside its name and text, and all that one
    without its text takes.
    """

    text: int
    fact: int
    name: int
    places: int


def clip(text: str, limit: int) -> str:
    """Return at most `limit` characters, the last one an ellipsis when some are missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clipped(line: RoundupLine, title: int, status: int, agent: int) -> RoundupLine:
    """Return a roundup's line with its parts at most so long."""
    return replace(
        line, title=clip(line.title, title), status=clip(line.status, status), agent=clip(line.agent, agent)
    )


def fitted(card: Card, room: Room) -> Card:
    """Return the card with the facts that have room; the rest of it is for the surface to clip.

    A fact that has no room keeps its size and digest. When one that would run is not whole, the card is not
    complete, and offers Review full instead of Approve.
    """
    facts, left = _facts(card.facts, room)
    context, _ = _facts(card.context, replace(room, text=left, places=room.places - len(facts)))
    complete = card.complete and facts == card.facts and context == card.context
    buttons = card.buttons if complete else _without_approve(card.buttons)
    return replace(card, facts=facts, context=context, complete=complete, buttons=buttons)


def left_out(card: Card, shown: Card) -> dict[str, int]:
    """Count what has no room and must be told; `shown` is the card without it."""
    return {
        "more_facts": len(card.facts) + len(card.context) - len(shown.facts) - len(shown.context),
        "more_stages": len(card.stages) - len(shown.stages),
        "more_warnings": len(card.warnings) - len(shown.warnings),
        "earlier_reviews": len(card.reviews) - len(shown.reviews),
        "earlier_questions": len(card.questions) - len(shown.questions),
    }


def _facts(facts: Sequence[Fact], room: Room) -> tuple[tuple[Fact, ...], int]:
    """Return the facts, those beyond the room without their text, and the room that is left."""
    shown: list[Fact] = []
    left = room.text
    for fact in facts[: room.places]:
        told = fact
        cost = len(fact.name) + len(fact.text) + sum(map(len, fact.warnings)) + room.fact
        if cost > left or len(fact.name) > room.name:
            warnings = ELSEWHERE if fact.warnings else ()
            told = replace(fact, name=clip(fact.name, room.name), text="", cut=True, warnings=warnings)
            cost = len(told.name) + room.fact
        if cost > left:
            return tuple(shown), 0
        left -= cost
        shown.append(told)
    return tuple(shown), left


def _without_approve(buttons: tuple[Button, ...]) -> tuple[Button, ...]:
    return tuple(Button.REVIEW_FULL if button is Button.APPROVE else button for button in buttons)
