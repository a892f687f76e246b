"""The JSON of the wire as types: they parse what comes in, write what goes out, and make the OpenAPI text.

Every member of an answer is always there, null when it has no value; only `reason`, `questions` and `glass`
of a request and `errors` of a problem come and go. Instants are RFC 3339 in UTC with milliseconds and `Z`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from bot.core.action import ActionBody, ResourceBody
from bot.core.machine import QUESTIONS_MAX, WORDS_MAX
from bot.core.strict import HEX
from bot.core.terms import CallbackKind, Effect, Reversibility, State, Verdict

NOTE_MAX = 4000  # characters of a reason or a note

Instant = Annotated[
    str,
    Meta(examples=["2026-03-02T09:30:00.000Z"], extra_json_schema={"format": "date-time"}),
]
Hex = Annotated[str, Meta(pattern=HEX, description="SHA-256, lowercase hex")]
RequestId = Annotated[str, Meta(pattern="^req_[0-9a-f]{32}$")]
Jti = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Words = Annotated[str, Meta(max_length=NOTE_MAX)]
Said = Annotated[str, Meta(min_length=1, max_length=WORDS_MAX)]
OutputDigest = Annotated[
    str, Meta(min_length=1, max_length=256, description="a digest of the output, in the executor's own form")
]
Members = dict[str, Any]


class RedeemActionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The action about to run; its digest is recomputed with the request's own subject."""

    action: ActionBody
    resource: ResourceBody | None = None
    context: Members | None = None


class RedeemDigestBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The digest of the action about to run."""

    digest: Hex


class OutcomeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What became of the action."""

    status: Literal["succeeded", "failed"]
    note: Words | None = None
    output_digest: OutputDigest | None = None


class ReviewBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A person's verdict on the action with `digest`, the one they saw."""

    verdict: Verdict
    digest: Hex
    reason: Words | None = None


class QuestionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A person's question to the agent."""

    text: Said


class AnswerBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The agent's answer to the question with this number. People read it as its claim."""

    question: Annotated[float, Meta(ge=1, le=QUESTIONS_MAX, multiple_of=1)]  # in JSON, 1.0 is whole too
    text: Said


class LookBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An approver is looking: nothing more is to be said."""


class DelegationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An approver asks somebody, by their name in the directory, to decide in their place."""

    deputy: Annotated[str, Meta(min_length=1, max_length=100)]


class BreakGlassBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A person approves the action with `digest`, the one they saw, by themselves, and says why."""

    reason: Said
    digest: Hex


class GlassReviewBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What an admin found of broken glass."""

    proper: bool
    words: Said


class SubjectShape(Struct, frozen=True):
    """Who asks: an agent, perhaps for a person."""

    agent: str
    on_behalf_of: str | None


class PolicyShape(Struct, frozen=True):
    """What the policy said, and by which bundle."""

    effect: Effect
    rules: list[str]
    bundle: str
    reason: str | None


class StageShape(Struct, frozen=True):
    """How far one step of approval is: people, not clicks."""

    name: str
    state: Literal["waiting", "open", "met", "ended"]
    quorum: int
    approvals: int
    denials: int


class ReviewShape(Struct, frozen=True):
    """One verdict; `reviewer` is null unless the policy reveals names."""

    verdict: Verdict
    reason: str | None
    stage: str | None
    at: Instant
    reviewer: str | None


class QuestionShape(Struct, frozen=True):
    """What somebody wants to know of the agent; `asked_by` is null unless the policy reveals names."""

    number: int
    text: str
    asked_at: Instant
    asked_by: str | None
    answer: Annotated[str | None, Meta(description="the agent's claim; it proves nothing")]
    answered_at: Instant | None


class GrantShape(Struct, frozen=True):
    """That a grant exists, never the grant."""

    expires_at: Instant
    redeemed_at: Instant | None
    revoked_at: Instant | None


class OutcomeShape(Struct, frozen=True):
    """What the executor reported."""

    status: Literal["succeeded", "failed"]
    note: str | None
    output_digest: str | None
    at: Instant


class Links(Struct, frozen=True):
    """Where the request is: for programs, and for people."""

    self: str
    page: str


class GlassShape(Struct, frozen=True):
    """Somebody approved by themselves, in an emergency; names and the admin's words as with reviewers."""

    at: Instant
    by: str | None
    reason: str
    review_due_at: Instant
    reviewed_at: Instant | None
    reviewed_by: str | None
    proper: bool | None
    words: str | None


class RequestShape(Struct, frozen=True, kw_only=True):
    """A request as it stands.

    `reason` is there only while no quorum can be met: it says why. `questions` are there once there is one,
    `glass` if it was approved by breaking glass.
    """

    id: RequestId
    state: State
    action: ActionBody
    resource: ResourceBody | None
    digest: Hex
    code: Annotated[
        str, Meta(pattern="^[0-9a-f]{8}$", description="the digest's start, for people to compare")
    ]
    subject: SubjectShape
    on_behalf_of: str | None
    created_at: Instant
    expires_at: Instant
    policy: PolicyShape
    stages: list[StageShape]
    reviews: list[ReviewShape]
    decided_at: Instant | None
    grant: GrantShape | None
    outcome: OutcomeShape | None
    links: Links
    reason: str | UnsetType = UNSET
    questions: list[QuestionShape] | UnsetType = UNSET
    glass: GlassShape | UnsetType = UNSET


class RequestsShape(Struct, frozen=True):
    """A page of requests; `next_cursor` asks for the next one, null on the last."""

    requests: list[RequestShape]
    next_cursor: str | None


class ReviewableShape(RequestShape, frozen=True, kw_only=True):
    """A request as approvers see it: with the context that its digest binds, and the agent's own words."""

    title: Annotated[str, Meta(description="from the catalog, never from the agent")]
    reversibility: Reversibility
    context: Members | None
    justification: Annotated[str | None, Meta(description="the agent's claim; it proves nothing")]
    summary: Annotated[str | None, Meta(description="the agent's claim; it proves nothing")]


class InboxShape(Struct, frozen=True):
    """What waits for this person now, soonest deadline first."""

    requests: list[ReviewableShape]


class ReceiptShape(Struct, frozen=True):
    """Leave to run this action now, once. A retry with the same Idempotency-Key gets the same receipt."""

    id: RequestId
    jti: Jti
    state: Literal["released"]
    executor: str
    subject: SubjectShape
    action: ActionBody
    resource: ResourceBody | None
    context: Members | None
    digest: Hex
    policy: PolicyShape
    redeemed_at: Instant
    execute_before: Instant
    report_before: Instant
    links: Links


class ExecutionData(Struct, frozen=True):
    """The request, as an executor is told of it; `grant` is there while it may still be redeemed."""

    id: RequestId
    state: State
    sequence: int
    subject: SubjectShape
    action: ActionBody
    resource: ResourceBody | None
    context: Members | None
    digest: Hex
    grant: Annotated[str | None, Meta(description="a compact JWS, `typ: approval-grant+jwt`")]
    execute_before: Instant | None
    links: Links


class ExecutionShape(Struct, frozen=True):
    """One callback, as it is posted to executors that can be called."""

    type: CallbackKind
    timestamp: Instant
    data: ExecutionData


class ExecutionsShape(Struct, frozen=True):
    """Callbacks in sequence; ask again with `after` = `next_after`."""

    executions: list[ExecutionShape]
    next_after: int


class ErrorShape(Struct, frozen=True):
    """What is wrong with one member of the body."""

    pointer: Annotated[str, Meta(description="JSON pointer as a fragment (RFC 6901, section 6)")]
    detail: str


class Problem(Struct, frozen=True):
    """RFC 9457: what went wrong, and what to do."""

    type: Annotated[str, Meta(examples=["urn:assent:problem:already-redeemed"])]
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ErrorShape] | UnsetType = UNSET
