"""What is asked, how it stands, and leave to run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from assent.refusals import (
    Cancelled,
    Denied,
    Expired,
    NotApproved,
    Withdrawn,
)
from assent.strictly import Json, member, text

PENDING, APPROVED = "pending", "approved"
RAN = ("released", "succeeded", "failed", "unreported")
_ENDS: Mapping[str, type[NotApproved]] = {"denied": Denied, "expired": Expired, "cancelled": Cancelled}


@dataclass(frozen=True)
class Ask:
    """What an agent wants to do. `approve_within` can only shorten what the policy says."""

    action: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    resource: tuple[str, str] | None = None  # type, id
    on_behalf_of: str | None = None
    justification: str | None = None
    summary: str | None = None
    context: Mapping[str, Any] | None = None
    approve_within: timedelta | None = None

    def about(self) -> Json:
        """Return what is bound by the digest, as it is asked and redeemed."""
        about: Json = {"action": {"name": self.action, "parameters": dict(self.parameters)}}
        if self.resource is not None:
            about["resource"] = {"type": self.resource[0], "id": self.resource[1]}
        if self.context is not None:
            about["context"] = dict(self.context)
        return about

    def body(self) -> Json:
        """Return the body of `POST /v1/requests`."""
        body = self.about()
        for name in ("on_behalf_of", "justification", "summary"):
            if (said := getattr(self, name)) is not None:
                body[name] = said
        if self.approve_within is not None:
            body["approve_within"] = f"PT{self.approve_within / timedelta(seconds=1):.3f}S"
        return body


@dataclass(frozen=True)
class Question:
    """What somebody wants to know before they decide; `asked_by` is None unless the policy reveals names."""

    number: int
    text: str
    asked_by: str | None
    answer: str | None

    @classmethod
    def read(cls, raw: Json) -> Question:
        """Read a question of an answer; raises `ValueError`."""
        return cls(int(raw["number"]), text(raw, "text"), raw.get("asked_by"), raw.get("answer"))


@dataclass(frozen=True)
class Request:
    """A request as it stood; `raw` is Assent's whole answer."""

    id: str
    state: str
    code: str
    digest: str
    expires_at: datetime
    page: str
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, raw: Json) -> Request:
        """Read an answer; raises `ValueError`."""
        return cls(
            id=text(raw, "id"),
            state=text(raw, "state"),
            code=text(raw, "code"),
            digest=text(raw, "digest"),
            expires_at=instant(text(raw, "expires_at")),
            page=text(raw, "links", "page"),
            raw=raw,
        )

    @property
    def questions(self) -> tuple[Question, ...]:
        """Return what people have asked, in the order of its numbers."""
        return tuple(Question.read(one) for one in self.raw.get("questions", []))

    @property
    def waits_for(self) -> str:
        """Return whom it waits for, like `1 of dba`; empty when it waits for nobody."""
        stages = [stage for stage in self.raw.get("stages", []) if stage.get("state") == "open"]
        return ", ".join(f"{stage['quorum'] - stage['approvals']} of {stage['name']}" for stage in stages)

    @property
    def reason(self) -> str:
        """Return why it stands as it stands, where somebody said so."""
        wanted = "deny" if self.state == "denied" else "approve"
        given = [review for review in self.raw.get("reviews", []) if review.get("verdict") == wanted]
        said = "; ".join(review["reason"] for review in given if review.get("reason"))
        return str(self.raw.get("reason") or said or self.raw.get("policy", {}).get("reason") or "")

    def require_approved(self) -> None:
        """Return if it may run now; raises `NotApproved` otherwise."""
        if self.state != APPROVED:
            raise _ENDS.get(self.state, Withdrawn)(self)

    def require_granted(self) -> None:
        """Return if it was approved, even if it has run since; raises `NotApproved` otherwise."""
        if self.state not in RAN:
            self.require_approved()


@dataclass(frozen=True)
class Receipt:
    """Leave to run this action now, once, from Assent itself: every parameter is in it."""

    id: str
    jti: str
    action: str
    parameters: Json
    resource: tuple[str, str] | None
    context: Json | None
    agent: str
    on_behalf_of: str | None
    digest: str
    execute_before: datetime
    raw: Json = field(repr=False)

    @classmethod
    def read(cls, raw: Json) -> Receipt:
        """Read an answer; raises `ValueError`."""
        resource = raw.get("resource")
        return cls(
            id=text(raw, "id"),
            jti=text(raw, "jti"),
            action=text(raw, "action", "name"),
            parameters=member(raw, "action", "parameters"),
            resource=(text(raw, "resource", "type"), text(raw, "resource", "id")) if resource else None,
            context=raw.get("context"),
            agent=text(raw, "subject", "agent"),
            on_behalf_of=member(raw, "subject").get("on_behalf_of"),
            digest=text(raw, "digest"),
            execute_before=instant(text(raw, "execute_before")),
            raw=raw,
        )


def instant(written: str) -> datetime:
    """Read an instant of the wire; Python 3.10 does not know `Z`."""
    if not written.endswith("Z"):
        raise ValueError("an instant does not end in Z")
    return datetime.fromisoformat(f"{written[:-1]}+00:00")
