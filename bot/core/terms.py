"""The nouns of Assent, as frozen values. Read this file first.

Instants end in `_at`, are aware and in UTC. Durations are `timedelta`. Names of people, agents and
executors are the keys under which the directory and the registry know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NewType

RequestId = NewType("RequestId", str)  # req_ + 32 lowercase hex digits: 128 random bits
GrantId = NewType("GrantId", str)  # the JWS's jti; 32 lowercase hex digits
AgentName = NewType("AgentName", str)
PersonName = NewType("PersonName", str)
ExecutorName = NewType("ExecutorName", str)
GroupName = NewType("GroupName", str)
RuleId = NewType("RuleId", str)
Digest = NewType("Digest", str)  # SHA-256, 64 lowercase hex digits
Json = Any  # what strict JSON carries: None, bool, int, float, str, list, dict


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


class Effect(StrEnum):
    """What a policy says of an action; the stricter wins."""

    ALLOW = "allow"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"


class Verdict(StrEnum):
    """What a review says."""

    APPROVE = "approve"
    DENY = "deny"
    COMMENT = "comment"


class Reversibility(StrEnum):
    """Whether the action can be undone, as the catalog says."""

    REVERSIBLE = "reversible"
    EXTERNALLY_REVERSIBLE = "externally_reversible"
    IRREVERSIBLE = "irreversible"


class ReasonRule(StrEnum):
    """When a reviewer must give a reason; later members are stricter."""

    OPTIONAL = "optional"
    ON_DENY = "on_deny"
    REQUIRED = "required"


class Display(StrEnum):
    """How a parameter is shown to people."""

    TEXT = "text"
    CODE = "code"
    DIFF = "diff"
    REDACTED = "redacted"  # a keyed commitment stands for it
    UNINSPECTABLE = "uninspectable"  # the catalog does not know it; Approve needs the full page


class Surface(StrEnum):
    """Through which door somebody acted."""

    API = "api"
    WEB = "web"
    SLACK = "slack"
    TEAMS = "teams"
    CLI = "cli"
    SYSTEM = "system"


class ActorKind(StrEnum):
    """What sort of principal acted."""

    PERSON = "person"
    AGENT = "agent"
    EXECUTOR = "executor"
    OPERATOR = "operator"  # someone at the command line of the server
    SYSTEM = "system"


class Proof(StrEnum):
    """How we know who acted."""

    KEY = "key"
    SESSION = "session"
    SIGNATURE = "signature"
    SHELL = "shell"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something, through which surface and account, and how that was proven."""

    kind: ActorKind
    name: str
    surface: Surface
    account: str
    proof: Proof


SYSTEM = Actor(ActorKind.SYSTEM, "assent", Surface.SYSTEM, "", Proof.NONE)


# ── what is asked ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Action:
    """What would run: a catalogued name and its parameters, exactly as they were sent."""

    name: str
    parameters: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Resource:
    """What the action is done to."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks: an agent, perhaps for a person."""

    agent: AgentName
    on_behalf_of: PersonName | None


@dataclass(frozen=True, slots=True)
class Ask:
    """An agent's ask, parsed but not yet judged; `body_digest` tells replays of an idempotency key apart."""

    action: Action
    body_digest: Digest
    resource: Resource | None = None
    on_behalf_of: PersonName | None = None
    justification: str | None = None
    summary: str | None = None
    context: Mapping[str, Json] | None = None
    approve_within: timedelta | None = None
    runner: ExecutorName | None = None  # the agent itself or its instance: then nobody else may run it


# ── what policy says ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of approval: `quorum` distinct approvers, `deny` distinct denials end the request.

    `approvers` are references, `group:NAME` or `person:NAME`, resolved live at each click.
    """

    name: str
    approvers: tuple[str, ...]
    quorum: int
    deny: int = 1
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """`after` the request was made, remind or add people; it never skips a stage.

    `stages` are those that `add` opens to more people; None for every stage.
    """

    after: timedelta
    remind: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    stages: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A place to show a request: `slack` + `#ops`, `teams` + `ops`, `web` + `inbox`."""

    surface: str
    target: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """How one parameter of this request is shown, frozen with the plan.

    `commitment` stands for a redacted value: HMAC-SHA-256 under the server's key, lowercase hex.
    """

    name: str
    display: Display
    title: str | None = None
    commitment: str | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a rule's allow-limit: the bucket it counts in, and how many may stand in its window."""

    rule: RuleId
    bucket: str
    max: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """What the policy demands for one request, frozen into it with the bundle's digest."""

    effect: Effect
    rules: tuple[RuleId, ...]
    bundle: Digest
    reason: str | None
    title: str
    reversibility: Reversibility
    parameters: tuple[Parameter, ...]
    executor: ExecutorName | None
    approve_within: timedelta
    execute_within: timedelta
    report_within: timedelta
    stages: tuple[Stage, ...] = ()
    separation: tuple[str, ...] = ()  # requester, on_behalf_of, agent_owner, and what the bundle adds
    escalations: tuple[Escalation, ...] = ()
    show: tuple[Address, ...] = ()
    reason_rule: ReasonRule = ReasonRule.OPTIONAL
    reactions: bool = False
    reveal_reviewers: bool = False  # whether the agent learns who reviewed
    uses: tuple[Use, ...] = ()  # allow-limits that this request consumes


# ── what happens to a request ────────────────────────────────────────────────────────────────────


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


# ── what a change leaves behind ──────────────────────────────────────────────────────────────────


class EntryKind(StrEnum):
    """What an audit entry tells; a closed list."""

    RECEIVED = "request.received"
    PLANNED = "request.planned"
    CANCELLED = "request.cancelled"
    REVIEWED = "review.given"
    REVIEW_REFUSED = "review.refused"
    QUESTION_ASKED = "question.asked"
    QUESTION_ANSWERED = "question.answered"
    LOOKED = "request.looked"
    DELEGATED = "review.delegated"
    RECLAIMED = "review.reclaimed"
    STAGE_MET = "stage.met"
    ESCALATED = "request.escalated"
    APPROVED = "request.approved"
    GLASS_BROKEN = "glass.broken"
    GLASS_REFUSED = "glass.refused"
    GLASS_REVIEWED = "glass.reviewed"
    GLASS_OVERDUE = "glass.overdue"
    DENIED = "request.denied"
    EXPIRED = "request.expired"
    LAPSED = "grant.lapsed"
    REDEEMED = "grant.redeemed"
    REDEMPTION_REFUSED = "grant.refused"
    REVOKED = "grant.revoked"
    OUTCOME = "outcome.reported"
    OVERDUE = "outcome.overdue"
    SHOWN = "card.shown"
    DELIVERED = "callback.delivered"
    DEAD = "callback.dead"
    BUNDLE_LOADED = "bundle.loaded"
    BUNDLE_REFUSED = "bundle.refused"
    ADMIN = "admin.command"
    PERSONAL = "person.command"  # somebody's own: away, back, quiet, link
    ONCALL_SILENT = "oncall.silent"
    KEY_ISSUED = "key.issued"
    KEY_REVOKED = "key.revoked"
    SIGNED_IN = "session.opened"
    CHECKPOINT = "checkpoint.signed"
    CALL_REFUSED = "call.refused"  # what never became a request, a review or a redemption


@dataclass(frozen=True, slots=True)
class Entry:
    """An audit entry before it has its place in the log.

    `facts` are plain and stay for ever; `private` values (names, accounts, reasons) go to a side table
    from which they can be erased, and only their salted commitments stand in the log.
    """

    kind: EntryKind
    at: datetime
    by: Actor
    request_id: RequestId | None = None
    agent: AgentName | None = None
    on_behalf_of: PersonName | None = None
    action_digest: Digest | None = None
    shown_digest: Digest | None = None
    policy_digest: Digest | None = None
    decision: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict)


class OutboxKind(StrEnum):
    """What an outbox row wants done; it carries no payload, only what to do where."""

    SHOW = "show"  # bring the card at a place up to date with the request
    NOTE = "note"  # one line in the card's thread, or a word to a person, about an event
    TELL = "tell"  # the callback to the executor
    ALERT = "alert"  # admins


@dataclass(frozen=True, slots=True)
class Send:
    """One thing to be sent: `address` is `slack:#ops`, `person:ana`, `executor:db-runner` or `admins`.

    `event` names what happened, for notes and alerts (`reminder`, `stage`, `approved`, `dead-letter` …).
    """

    kind: OutboxKind
    address: str
    due_at: datetime
    event: str = ""


class CallbackKind(StrEnum):
    """What an executor is told; the wire's `type`."""

    APPROVED = "request.approved"
    DENIED = "request.denied"
    EXPIRED = "request.expired"
    CANCELLED = "request.cancelled"
    LAPSED = "request.lapsed"
    REVOKED = "request.revoked"


@dataclass(frozen=True, slots=True)
class Change:
    """A unit of work as a value: the request as it will be, its audit entries and its consequences.

    `expected` is the version it was decided on; None for a new request. `after` is None for a change that
    only leaves audit entries (a refusal, an admin's command); its sends are about the first entry's request.
    """

    after: Request | None
    expected: int | None
    entries: tuple[Entry, ...]
    sends: tuple[Send, ...] = ()
    callback: CallbackKind | None = None
    idempotency: tuple[str, Digest] | None = None  # an agent's key and the digest of the body it came with
    pending_max: int | None = None  # refuse a new request when its agent has this many pending
    uses: tuple[Use, ...] = ()  # allow-limits to count; `Stale` if one is spent by now


# ── who is known ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Person:
    """Someone in the directory. Accounts: `slack` as `T0…/U0…`, `teams` as `tenant/oid`."""

    name: PersonName
    email: str | None = None
    title: str | None = None  # how cards call them; default the name
    slack: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    groups: frozenset[GroupName] = frozenset()
    admin: bool = False
    auditor: bool = False
    break_glass: bool = False
    deputies: tuple[PersonName, ...] = ()


@dataclass(frozen=True, slots=True)
class Agent:
    """A registered agent, its owner and whom it may act for."""

    name: AgentName
    owner: PersonName
    acts_for: frozenset[PersonName]
    executes: bool
    pending_max: int
    per_minute: int
    created_at: datetime
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """What one running copy of an agent calls itself, and the digest of what it was provisioned with."""

    title: str
    submission: Digest


@dataclass(frozen=True, slots=True)
class Executor:
    """A registered executor; `url` is None for one that asks for its executions itself.

    `secrets` are webhook secrets under the server's encryption key, newest first; several while one rotates.
    An agent that executes for itself is one, and so is each of its instances.
    """

    name: ExecutorName
    url: str | None
    secrets: tuple[bytes, ...]
    created_at: datetime
    disabled_at: datetime | None = None  # it answered 410, or an admin stopped it
    instance: Instance | None = None  # provisioned for an agent, by a program


class KeyKind(StrEnum):
    """Whose credential a key is."""

    AGENT = "agent"
    EXECUTOR = "executor"
    PERSON = "person"
    PROVISIONER = "provisioner"  # makes instances of one agent, and nothing else


@dataclass(frozen=True, slots=True)
class Key:
    """A credential as stored: the SHA-256 of its secret, never the secret."""

    id: str
    kind: KeyKind
    name: str
    hash: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Freeze:
    """Actions that match `pattern` neither start nor run until it is lifted."""

    pattern: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody is away from `from_at` until just before `until_at`; `deputy` stands in, if there is one.

    `by` is who said so: they themselves, or an operator.
    """

    person: PersonName
    deputy: PersonName | None
    from_at: datetime
    until_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """When somebody wants no reminders: from `from_` until `until`, `HH:MM` each day in the zone `tz`."""

    person: PersonName
    from_: str
    until: str
    tz: str


@dataclass(frozen=True, slots=True)
class Linked:
    """A chat account that a person tied to themselves; what the directory says of an account goes first."""

    surface: str
    account: str
    person: PersonName
    at: datetime


@dataclass(frozen=True, slots=True)
class Registry:
    """Agents, executors, keys, freezes, and what people said of themselves, as they stood at `version`."""

    version: int
    agents: Mapping[AgentName, Agent]
    executors: Mapping[ExecutorName, Executor]
    keys: Mapping[str, Key]  # by hash
    freezes: tuple[Freeze, ...]
    absences: Mapping[PersonName, Absence] = field(default_factory=dict)
    quiet: Mapping[PersonName, Quiet] = field(default_factory=dict)
    links: Mapping[tuple[str, str], Linked] = field(default_factory=dict)  # by surface and account
