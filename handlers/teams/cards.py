"""A Card becomes an Adaptive Card: what fits is decided here, `templates/teams/card.json.j2` arranges it.

What an agent supplied goes only into TextRuns, which Teams shows literally (see `runs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from bot.core.card import Button, Card, Fact, QuestionLine, RoundupLine
from bot.core.terms import Json, RequestId
from handlers.fitting import Room, clip, clipped, fitted, left_out
from handlers.render import Renderer
from handlers.teams import runs
from handlers.teams.limits import ACTIONS_MAX, CARD_MAX, INPUT_MAX

FACT_ROOM = 60  # characters that a fact takes beside its name and text
FACTS_MAX = 24  # facts told one by one, so that the card stays a card
WARNINGS_MAX, STAGES_MAX, ALIKE_MAX = 4, 5, 5
REVIEWS_MAX, QUESTIONS_MAX, LOOKING_MAX = 3, 2, 3  # the latest
OWN_WARNINGS_MAX = 2  # of a claim or an answer
SUMMARY_MAX = 300  # characters of what notifications show


@dataclass(frozen=True, slots=True)
class Sizes:
    """Characters at most: of parameters and context together, and of single texts."""

    facts: int
    name: int  # of a fact, a stage, a person, an agent
    claim: int  # of the agent's own words, each
    line: int  # of a warning or a stage
    sentence: int  # of the title, the status, the reason why, the outcome
    reason: int  # of a reviewer


# The first with which a card fits in `CARD_MAX` bytes is taken: text beyond ASCII takes up to four bytes a
# character.
SIZES = (
    Sizes(facts=9000, name=80, claim=400, line=100, sentence=300, reason=200),
    Sizes(facts=4500, name=80, claim=400, line=100, sentence=300, reason=200),
    Sizes(facts=2000, name=60, claim=200, line=60, sentence=150, reason=100),
    Sizes(facts=300, name=20, claim=48, line=24, sentence=48, reason=32),
)
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
    for sizes in SIZES[1:]:
        if len(orjson.dumps(content)) <= CARD_MAX:
            break
        shown = fit(card, sizes)
        content = _content(card, shown, renderer)
    # No agent's words here: notifications show it without its surroundings.
    return Message(f"{card.title} · {card.status}"[:SUMMARY_MAX], content, shown)


def roundup(lines: Sequence[RoundupLine], waiting: int, leader: RequestId, renderer: Renderer) -> Content:
    """Return the message that lists requests, those first that wait, as many as fit.

    It is kept under the request `leader`.
    """
    shown = sorted(lines, key=lambda line: not line.waits)
    while True:
        told = [clipped(one, SIZES[0].line, SIZES[0].line, SIZES[0].name) for one in shown]
        values = {"lines": told, "waiting": waiting, "leader": leader}
        content: Content = renderer.json("teams/roundup.json.j2", **values, **WORDS)
        if len(orjson.dumps(content)) <= CARD_MAX or len(shown) == 1:
            return content
        shown = shown[: len(shown) * 3 // 4]


def fit(card: Card, sizes: Sizes = SIZES[0]) -> Card:
    """Return as much of the card as one Teams message takes.

    A fact that has no room keeps its size and digest. When one that would run is not whole, the card is not
    complete, and offers Review full instead of Approve.
    """
    card = fitted(card, Room(sizes.facts, FACT_ROOM, sizes.name, FACTS_MAX))
    return replace(
        _clipped(card, sizes),
        claims=tuple(_head(claim, sizes) for claim in card.claims),
        questions=tuple(_question(one, sizes) for one in card.questions[-QUESTIONS_MAX:]),
    )


def _clipped(card: Card, sizes: Sizes) -> Card:
    """Return the card with its sentences and names as long as they may be."""

    def sentence(text: str | None) -> str | None:
        return clip(text, sizes.sentence) if text else None

    def name(text: str) -> str:
        return clip(text, sizes.name)

    return replace(
        card,
        title=clip(card.title, sizes.sentence),
        agent=name(card.agent),
        on_behalf_of=name(card.on_behalf_of) if card.on_behalf_of else None,
        status=clip(card.status, sizes.sentence),
        why=clip(card.why, sizes.sentence),
        outcome=sentence(card.outcome),
        glass=sentence(card.glass),
        looking=tuple(replace(one, person=name(one.person)) for one in card.looking[-LOOKING_MAX:]),
        alike=card.alike[:ALIKE_MAX],
        stages=tuple(
            replace(one, name=name(one.name), who=clip(one.who, sizes.line))
            for one in card.stages[:STAGES_MAX]
        ),
        reviews=tuple(
            replace(
                one, person=name(one.person), reason=clip(one.reason, sizes.reason) if one.reason else None
            )
            for one in card.reviews[-REVIEWS_MAX:]
        ),
        warnings=tuple(clip(one, sizes.line) for one in card.warnings[:WARNINGS_MAX]),
    )


def _content(card: Card, shown: Card, renderer: Renderer) -> Content:
    content: Content = renderer.json(
        "teams/card.json.j2",
        card=shown,
        overflow=[button for button in shown.buttons[ACTIONS_MAX - 1 :] if button is not Button.VIEW],
        longest=INPUT_MAX,
        **WORDS,
        **left_out(card, shown),
    )
    return content


def _question(one: QuestionLine, sizes: Sizes) -> QuestionLine:
    answer = _head(one.answer, sizes) if one.answer else None
    return replace(
        one, person=clip(one.person, sizes.name), text=clip(one.text, sizes.sentence), answer=answer
    )


def _head(claim: Fact, sizes: Sizes) -> Fact:
    """Return the beginning of the agent's words; what is missing is said, and the warnings stay two lines."""
    warnings = tuple(clip(one, sizes.line) for one in claim.warnings[:OWN_WARNINGS_MAX])
    claim = replace(claim, name=clip(claim.name, sizes.name), warnings=warnings)
    missing = len(claim.text) - sizes.claim
    if missing <= 0:
        return claim
    text = f"{claim.text[: sizes.claim]}\n⟨ … {missing:,} more characters … ⟩"
    return replace(claim, text=text, cut=True)
