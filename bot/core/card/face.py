"""The face of a request: what a Card is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.terms import Digest, RequestId, State


class Tone(StrEnum):
    """How a card is coloured."""

    WAITING = "waiting"
    DANGER = "danger"  # it waits and is irreversible, or glass was broken and nobody has reviewed that
    GOOD = "good"
    BAD = "bad"
    QUIET = "quiet"


class Button(StrEnum):
    """What a person may do with a card."""

    APPROVE = "Approve"
    DENY = "Deny"
    COMMENT = "Comment"
    ASK = "Ask for information"
    LOOK = "I'm looking"
    DELEGATE = "Delegate"
    VIEW = "View full"
    REVIEW_FULL = "Review full"  # instead of Approve when the card cannot show everything


@dataclass(frozen=True, slots=True)
class Fact:
    """One parameter or property, exactly as it would run, made visible (see `literal`).

    `text` is whole unless `cut`; then it is head, a gap and tail, and `size` (bytes of UTF-8) and `digest`
    (SHA-256) are those of the whole value. A string that reads as another JSON value (`5`, `null`,
    the empty one) wears its quotes. A redacted value has size 0, and its keyed commitment as `digest`.
    """

    name: str
    text: str
    display: str  # a `Display`
    size: int
    digest: str
    cut: bool = False
    warnings: tuple[str, ...] = ()  # "contains U+202E RIGHT-TO-LEFT OVERRIDE"


@dataclass(frozen=True, slots=True)
class StageLine:
    """A stage's progress."""

    name: str
    state: str  # waiting, open, met, closed (the request ended before it was met)
    quorum: int
    approvals: int
    who: str  # "dba (ana, bo, cy)" when known, else the references


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One review, as people read it."""

    person: str
    verdict: str
    reason: str | None
    at: datetime
    surface: str


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A question to the agent; its answer, once there is one, is a claim like its other words."""

    number: int
    person: str
    text: str
    at: datetime
    answer: Fact | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class LookLine:
    """Somebody who is looking at it, and until when reminders wait for them."""

    person: str
    until_at: datetime


@dataclass(frozen=True, slots=True)
class AlikeLine:
    """An identical request that waits behind this one, to be decided by itself."""

    request_id: RequestId
    asked_at: datetime
    expires_at: datetime
    page: str


@dataclass(frozen=True, slots=True)
class RoundupLine:
    """A request as one line of a roundup; it is decided on its own card, which its button opens."""

    request_id: RequestId
    tone: Tone
    title: str  # from the catalog, never from the agent
    status: str  # as on its card
    agent: str
    code: str
    digest: Digest
    expires_at: datetime
    waits: bool  # whether it can still be decided; only then it has a button
    alike: int  # identical requests that wait behind it
    page: str


@dataclass(frozen=True, slots=True)
class Card:
    """Everything a surface may show of a request."""

    request_id: RequestId
    version: int
    state: State
    tone: Tone
    title: str  # from the catalog, never from the agent
    action: str  # its name in the catalog: two actions may share a title
    status: str  # one sentence: "Waiting for 1 of dba", "Approved by ana", "Expired: nobody decided in time"
    code: str  # the first 8 hex digits of the digest
    digest: Digest
    agent: str
    on_behalf_of: str | None
    resource: str | None
    reversibility: str
    facts: tuple[Fact, ...]  # the action's parameters
    context: tuple[Fact, ...]
    claims: tuple[Fact, ...]  # the agent's own words: summary, justification; inert and labelled
    why: str  # which rules want this, in words
    stages: tuple[StageLine, ...]
    reviews: tuple[ReviewLine, ...]
    outcome: str | None
    created_at: datetime
    expires_at: datetime
    execute_before: datetime | None
    warnings: tuple[str, ...]
    complete: bool  # whether it shows everything that would run
    buttons: tuple[Button, ...]
    page: str  # the address of the full page
    questions: tuple[QuestionLine, ...] = ()
    looking: tuple[LookLine, ...] = ()  # only while it waits
    glass: str | None = None  # by whom glass was broken and why, and what came of its review
    alike: tuple[AlikeLine, ...] = ()  # identical requests that share this card: the oldest of them
    alike_count: int = 0  # all of them
    reasons_for: tuple[Button, ...] = ()  # which buttons want the reviewer's words, by policy
