"""A Card becomes Block Kit: first what fits is decided here, then `templates/slack/card.json.j2` arranges it.

What an agent supplied goes only into rich text and plain text, which Slack shows literally, never into
mrkdwn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.core.card import Button, Card, Fact, QuestionLine
from bot.core.terms import Json
from handlers.fitting import Room, clip, fitted, left_out
from handlers.render import Renderer
from handlers.slack.limits import HEADER_TEXT_MAX, MESSAGE_TEXT_MAX

# Characters of one card's parts; together they stay below `limits.MESSAGE_TEXT_MAX`.
NAME_MAX = 80  # of a fact, a stage, a person, an agent
MARK_ROOM = 3  # the sign of the card's tone, and a space
ROOM = Room(text=4500, fact=180, name=NAME_MAX, places=24)  # places: so that the card stays a card
CLAIM_MAX = 500  # of the agent's own words, each
LINE_MAX = 100  # of a warning or a stage
SENTENCE_MAX = 300  # of the status, the reason why, the outcome
REASON_MAX = 200  # of a reviewer
WARNINGS_MAX = 4
STAGES_MAX = 5
REVIEWS_MAX = 3  # the latest
QUESTIONS_MAX = 2  # the latest
QUESTION_MAX, ANSWER_MAX = 200, 400  # characters of a question, of its answer
LOOKING_MAX = 2
# What stands behind the dots, so that the card stays calm; and the word that a press of it carries.
MORE = {Button.COMMENT: "comment", Button.ASK: "ask", Button.LOOK: "look", Button.DELEGATE: "delegate"}
ALIKE_MAX = 4  # identical requests named one by one

Block = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Message:
    """A card as Slack takes it: `text` is what notifications and old clients show."""

    text: str
    blocks: list[Block]


def message(card: Card, renderer: Renderer) -> Message:
    """Return the message that shows a card; questions that have no room are counted."""
    shown = fit(card)
    blocks = _blocks(card, shown, renderer)
    while shown.questions and _length(blocks) > MESSAGE_TEXT_MAX:
        shown = replace(shown, questions=shown.questions[1:])
        blocks = _blocks(card, shown, renderer)
    # No agent's words here: this text is mrkdwn, and notifications show it without its surroundings.
    return Message(escaped(f"{card.title} · {card.status}"), blocks)


def _blocks(card: Card, shown: Card, renderer: Renderer) -> list[Block]:
    blocks: list[Block] = renderer.json(
        "slack/card.json.j2",
        card=shown,
        more_buttons=[button for button in shown.buttons if button in MORE],
        words=MORE,
        **left_out(card, shown),
    )
    return blocks


def _length(node: Json) -> int:
    """Return how many characters of text are in blocks."""
    if isinstance(node, list):
        return sum(map(_length, node))
    if not isinstance(node, dict):
        return 0
    own = node.get("fallback") if node.get("type") == "date" else node.get("text")
    length = len(own) if isinstance(own, str) else 0
    return length + sum(_length(value) for name, value in node.items() if name != "confirm")


def fit(card: Card) -> Card:
    """Return as much of the card as one Slack message takes.

    A fact that has no room keeps its size and digest. When one that would run is not whole, the card is not
    complete, and offers Review full instead of Approve.
    """
    card = fitted(card, ROOM)
    return replace(
        card,
        title=clip(card.title, HEADER_TEXT_MAX - MARK_ROOM),
        agent=clip(card.agent, NAME_MAX),
        on_behalf_of=clip(card.on_behalf_of, NAME_MAX) if card.on_behalf_of else None,
        status=clip(card.status, SENTENCE_MAX),
        why=clip(card.why, SENTENCE_MAX),
        outcome=clip(card.outcome, SENTENCE_MAX) if card.outcome else None,
        claims=tuple(_head(claim) for claim in card.claims),
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
        glass=clip(card.glass, SENTENCE_MAX) if card.glass else None,
        alike=card.alike[:ALIKE_MAX],
        questions=tuple(_question(one) for one in card.questions[-QUESTIONS_MAX:]),
        looking=tuple(replace(one, person=clip(one.person, NAME_MAX)) for one in card.looking[:LOOKING_MAX]),
    )


def shows_all(card: Card) -> bool:
    """Say whether one message shows everything that would run."""
    return fit(card).complete


def escaped(text: str) -> str:
    """Return text in which Slack finds no mention, link or entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _head(claim: Fact, limit: int = CLAIM_MAX) -> Fact:
    claim = replace(claim, name=clip(claim.name, NAME_MAX))
    if len(claim.text) <= limit:
        return claim
    missing = len(claim.text) - limit
    return replace(claim, text=f"{claim.text[:limit]}\n⟨ … {missing:,} more characters … ⟩", cut=True)


def _question(asked: QuestionLine) -> QuestionLine:
    answer = _head(asked.answer, ANSWER_MAX) if asked.answer else None
    person, text = clip(asked.person, NAME_MAX), clip(asked.text, QUESTION_MAX)
    return replace(asked, person=person, text=text, answer=answer)
