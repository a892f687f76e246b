"""The request, and what happens to it between the ask and the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.core.terms.asks import Action, Resource, Subject
from bot.core.terms.names import Actor, Digest, ExecutorName, GrantId, GroupName, Json, PersonName, RequestId
from bot.core.terms.plans import Plan


class State(StrEnum):
    """Where a request stands: one enum, never a set of booleans."""

    PENDING = "pending"
    APPROVED = "approved"  # a grant waits to be redeemed
    DENIED = "denied"
    EXPIRED = "expired"  # nobody decided in time; never a person's denial
    CANCELLED = "cancelled"
    RELEASED = "released"  # the grant was redeemed; the action runs
    LAPSED = "lapsed"  # the grant was not redeemed in time
    REVOKED = "revoked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNREPORTED = "unreported"  # the executor's outcome is overdue


class Verdict(StrEnum):
    """What a review says."""

    APPROVE = "approve"
    DENY = "deny"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Review:
    """One person's verdict on the action with `digest`; `stage` is None for a comment.

    `giver` is in whose place a deputy spoke; None for who spoke for themselves.
    """

    person: PersonName
    verdict: Verdict
    reason: str | None
    stage: str | None
    digest: Digest
    by: Actor
    at: datetime
    giver: PersonName | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What a person wants to know of the agent, and its answer: a claim, which proves nothing."""

    number: int  # from 1, within its request
    person: PersonName
    text: str
    by: Actor
    at: datetime
    answer: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """An approver of the open stage is reading; until then, reminders wait."""

    person: PersonName
    stage: str
    at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class Delegation:
    """An approver asked somebody to decide in their place: on this request, in this stage."""

    giver: PersonName
    deputy: PersonName
    stage: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GlassBreak:
    """One person approved a request by themselves, in an emergency; an admin reviews that afterwards.

    `reminders` counts how often the review was overdue; `proper` is what the admin found.
    """

    person: PersonName
    reason: str
    at: datetime
    review_due_at: datetime
    reminders: int = 0
    reviewed_by: PersonName | None = None
    reviewed_at: datetime | None = None
    proper: bool | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to run one action once: redeemed by `executor` before `expires_at`, or not at all."""

    id: GrantId
    executor: ExecutorName
    issued_at: datetime
    expires_at: datetime
    redeemed_at: datetime | None = None
    redemption_key: str | None = None  # the executor's idempotency key, so that a retry gets its receipt
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the executor says became of the action."""

    status: State  # SUCCEEDED or FAILED
    note: str | None
    output_digest: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """One ask, its frozen plan, and everything that happened to it. `version` grows by one a change."""

    id: RequestId
    version: int
    state: State
    action: Action
    resource: Resource | None
    context: Mapping[str, Json] | None
    subject: Subject
    owner: PersonName  # the agent's owner when it asked
    justification: str | None
    summary: str | None
    digest: Digest
    plan: Plan
    grant_id: GrantId  # reserved when asked, so that the rules need no randomness
    created_at: datetime
    expires_at: datetime
    stage_opened_at: datetime
    stage_index: int = 0
    escalated: int = 0  # how many of the plan's escalations have fired
    stage_escalated: bool = False  # whether the open stage has passed its `within`
    added: tuple[str, ...] = ()  # approvers that escalations added, to whichever stages
    told: tuple[PersonName, ...] = ()  # who hold a card of their own: an escalation or a giver named them
    unsatisfiable: str | None = None  # why no quorum can be met as people stand
    reviews: tuple[Review, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    givers: tuple[
        PersonName, ...
    ] = ()  # one for each time that a seat was lent, also where it was taken back
    questions: tuple[Question, ...] = ()  # in the order of their numbers
    looks: tuple[Look, ...] = ()
    decided_at: datetime | None = None
    grant: Grant | None = None
    report_due_at: datetime | None = None
    outcome: Outcome | None = None
    glass: GlassBreak | None = None  # it was approved by breaking glass, not by its quorum
    due_at: datetime | None = None  # when the clock must look next


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is who at this instant, for one request.

    `groups` maps each group the plan names to its people; `None` for one whose source does not answer,
    which counts as empty. `barred` are the people whom separation keeps from reviewing as things stand now.
    `away` are the people who are absent now, with whom they asked to stand in; `deputies` are those whom the
    directory lets stand in for each person. `gone` are those of the requester's side whom the directory no
    longer names: they may be there under another name, so while there are any nobody may review.
    `mute` are people who have no account on any chat: a line to one of them alone would reach nobody.
    """

    people: frozenset[PersonName]
    groups: Mapping[GroupName, frozenset[PersonName] | None]
    barred: frozenset[PersonName]
    away: Mapping[PersonName, PersonName | None] = field(default_factory=dict)
    deputies: Mapping[PersonName, frozenset[PersonName]] = field(default_factory=dict)
    gone: frozenset[PersonName] = frozenset()
    mute: frozenset[PersonName] = frozenset()
