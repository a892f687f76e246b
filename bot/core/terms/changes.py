"""What a change leaves behind: audit entries, and what is to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.core.terms.names import Actor, AgentName, Digest, PersonName, RequestId
from bot.core.terms.plans import Use
from bot.core.terms.requests import Request


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
    STALLED = "request.stalled"  # its deadline cannot be passed just now
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
