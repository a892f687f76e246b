"""A Card becomes an Adaptive Card: what fits is decided here, `templates/teams/card.json.j2` arranges it.

What an agent supplied goes only into TextRuns, which Teams shows literally (see `runs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from bot.core.card import Button, Card, Fact, RoundupLine
from bot.core.terms import Json
from handlers.render import Renderer
from handlers.teams import runs
from handlers.teams.limits import ACTIONS_MAX, CARD_MAX, INPUT_MAX

# Characters of parameters and context together, names included: the first that fits in `CARD_MAX` bytes is
# taken. Text beyond ASCII takes up to four bytes a character, and JSON's own escapes more.
FACT_ROOMS = (9000, 4500, 2000, 500)
FACT_ROOM = 60  # what a fact takes beside its name and text
NAME_MAX = 80  # of a fact, a stage, a person, an agent
FACTS_MAX = 24  # facts told one by one, so that the card stays a card
CLAIM_MAX = 400  # of the agent's own words, each
LINE_MAX = 100  # of a warning or a stage
SENTENCE_MAX = 300  # of the status, the reason why, the outcome
REASON_MAX = 200  # of a reviewer
WARNINGS_MAX, STAGES_MAX, REVIEWS_MAX, QUESTIONS_MAX, LOOKING_MAX = (
    4,
    5,
    3,
    2,
    3,
)  # the latest, of the last three
ALIKE_MAX = 5
GLASS_MAX = 500
WORDS = {  # what the templates call
    "plain": runs.plain,
    "bold": runs.bold,
    "subtle": runs.subtle,
    "code": runs.code,
    "link": runs.link,
    "instant": runs.instant,
}

Content = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Message:
    """A card as Teams takes it: `summary` is what notifications show, `card` what of it was shown."""

    summary: str
    content: Content
    card: Card


def message(card: Card, renderer: Renderer) -> Message:
    """Return the message that shows a card, in at most `CARD_MAX` bytes."""
    shown = fit(card)
    content = _content(card, shown, renderer)
    for room in FACT_ROOMS[1:]:
        if len(orjson.dumps(content)) <= CARD_MAX:
            break
        shown = fit(card, room)
        content = _content(card, shown, renderer)
    # No agent's words here: notifications show it without its surroundings.
    return Message(f"{card.title} · {card.status}"[:SENTENCE_MAX], content, shown)


def roundup(lines: Sequence[RoundupLine], waiting: int, renderer: Renderer) -> Content:
    """Return the message that lists requests, those first that wait, as many as fit."""
    shown = sorted(lines, key=lambda line: not line.waits)
    while True:
        told = [
            replace(
                one,
                title=clip(one.title, LINE_MAX),
                status=clip(one.status, LINE_MAX),
                agent=clip(one.agent, NAME_MAX),
            )
            for one in shown
        ]
        content: Content = renderer.json("teams/roundup.json.j2", lines=told, waiting=waiting, **WORDS)
        if len(orjson.dumps(content)) <= CARD_MAX or len(shown) == 1:
            return content
        shown = shown[: len(shown) * 3 // 4]


def fit(card: Card, room: int = FACT_ROOMS[0]) -> Card:
    """Return as much of the card as one Teams message takes, with `room` characters of facts.

    A fact that has no room keeps its size and digest. When one that would run is not whole, the card is not
    complete, and offers Review full instead of Approve.
    """
    facts, left = _fitting(card.facts, room, FACTS_MAX)
    context, _ = _fitting(card.context, left, FACTS_MAX - len(facts))
    complete = card.complete and facts == card.facts and context == card.context
    return replace(
        card,
        agent=clip(card.agent, NAME_MAX),
        on_behalf_of=clip(card.on_behalf_of, NAME_MAX) if card.on_behalf_of else None,
        status=clip(card.status, SENTENCE_MAX),
        why=clip(card.why, SENTENCE_MAX),
        outcome=clip(card.outcome, SENTENCE_MAX) if card.outcome else None,
        facts=facts,
        context=context,
        claims=tuple(_head(claim) for claim in card.claims),
        questions=tuple(
            replace(one, text=clip(one.text, SENTENCE_MAX), answer=_head(one.answer) if one.answer else None)
            for one in card.questions[-QUESTIONS_MAX:]
        ),
        looking=card.looking[-LOOKING_MAX:],
        stages=tuple(
            replace(stage, name=clip(stage.name, NAME_MAX), who=clip(stage.who, LINE_MAX))
            for stage in card.stages[:STAGES_MAX]
        ),
        reviews=tuple(
            replace(
                review,
                person=clip(review.person, NAME_MAX),
                reason=clip(review.reason, REASON_MAX) if review.reason else None,
            )
            for review in card.reviews[-REVIEWS_MAX:]
        ),
        warnings=tuple(clip(warning, LINE_MAX) for warning in card.warnings[:WARNINGS_MAX]),
        glass=clip(card.glass, GLASS_MAX) if card.glass else None,
        alike=card.alike[:ALIKE_MAX],
        complete=complete,
        buttons=card.buttons if complete else _without_approve(card.buttons),
    )


def clip(text: str, limit: int) -> str:
    """Return at most `limit` characters, the last one an ellipsis when some are missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _content(card: Card, shown: Card, renderer: Renderer) -> Content:
    content: Content = renderer.json(
        "teams/card.json.j2",
        card=shown,
        overflow=[button for button in shown.buttons[ACTIONS_MAX - 1 :] if button is not Button.VIEW],
        longest=INPUT_MAX,
        more_facts=len(card.facts) + len(card.context) - len(shown.facts) - len(shown.context),
        earlier_reviews=len(card.reviews) - len(shown.reviews),
        earlier_questions=len(card.questions) - len(shown.questions),
        more_stages=len(card.stages) - len(shown.stages),
        more_warnings=len(card.warnings) - len(shown.warnings),
        **WORDS,
    )
    return content


def _fitting(facts: Sequence[Fact], room: int, places: int) -> tuple[tuple[Fact, ...], int]:
    """Return the facts, those beyond the room without their text, and the room that is left."""
    shown: list[Fact] = []
    for fact in facts[:places]:
        told = fact
        cost = len(fact.name) + len(fact.text) + sum(map(len, fact.warnings)) + FACT_ROOM
        if cost > room or len(fact.name) > NAME_MAX:
            warnings = ("its warnings are on the full page",) if fact.warnings else ()
            told = replace(fact, name=clip(fact.name, NAME_MAX), text="", cut=True, warnings=warnings)
            cost = len(told.name) + FACT_ROOM
        if cost > room:
            return tuple(shown), 0
        room -= cost
        shown.append(told)
    return tuple(shown), room


def _head(claim: Fact) -> Fact:
    if len(claim.text) <= CLAIM_MAX and not claim.cut and len(claim.warnings) <= WARNINGS_MAX:
        return claim
    missing = len(claim.text) - CLAIM_MAX
    text = f"{claim.text[:CLAIM_MAX]}\n⟨ … {missing:,} more characters … ⟩" if missing > 0 else claim.text
    return replace(claim, text=text, cut=True, warnings=claim.warnings[:WARNINGS_MAX])


def _without_approve(buttons: tuple[Button, ...]) -> tuple[Button, ...]:
    return tuple(Button.REVIEW_FULL if button is Button.APPROVE else button for button in buttons)
