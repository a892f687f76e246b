"""Our requests as the protocol's, and back, without a table: what it wants returned lies in the request.

| theirs            | ours                                                                      |
| ----------------- | ------------------------------------------------------------------------- |
| `id`              | the request id's 128 bits, written as a UUID                              |
| `tool`            | the action's name                                                         |
| `arguments`       | the action's parameters                                                   |
| `server`          | the resource, of type `server`                                            |
| `agent_reasoning` | the justification: shown as the agent's claim                             |
| `context`         | the context, and beside it `aap`, which holds the spelling of `timeout`   |
| consume           | redemption by the agent as its own executor                               |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from msgspec import UNSET

from bot.core.action import canonical, fit, parse
from bot.core.errors import Malformed, Unknown
from bot.core.terms import Action, Ask, Digest, Executor, Json, Request, RequestId, Resource, State, Verdict
from bot.core.wire import instant
from handlers.aap.shapes import SubmissionBody

MEMBER = "aap"  # of the context: that the request came through this door, and how its timeout was spelled
SERVER = "server"  # the type of the resource
TIMEOUT_MAX = timedelta(days=30)
SHORTEST = timedelta(milliseconds=1)  # an approval lasts longer than nothing, says the protocol
_TIMEOUT = re.compile(r"(?=[0-9])(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ENDED = {
    State.PENDING: "pending",
    State.DENIED: "denied",
    State.EXPIRED: "expired",
    State.CANCELLED: "cancelled",
}


def digest_of(value: Json) -> Digest:
    """Return the digest of a body; the order of its members does not count."""
    return Digest(sha256(canonical(value)).hexdigest())


def read_submission(body: bytes, runner: Executor) -> Ask:
    """Read what an agent submits, to be run by itself; raises `Malformed`."""
    value = parse(body)
    told = fit(value, SubmissionBody)
    context = {} if told.context is UNSET else told.context
    if MEMBER in context:
        raise _at(f"/context/{MEMBER}", "This name is the protocol's own.")
    return Ask(
        action=Action(told.tool, told.arguments),
        body_digest=digest_of(value),
        resource=None if told.server is UNSET else Resource(SERVER, told.server),
        justification=None if told.agent_reasoning is UNSET else told.agent_reasoning,
        context={**context, MEMBER: {"timeout": told.timeout}},
        approve_within=_timeout(told.timeout),
        runner=runner.name,
    )


def request_id(text: str) -> RequestId:
    """Return the request id that a UUID is; raises `Unknown`."""
    if not _UUID.fullmatch(text):
        raise Unknown
    return RequestId(f"req_{text.replace('-', '')}")


def uuid_of(request: Request) -> str:
    """Return the request's id as a UUID."""
    return str(UUID(request.id.removeprefix("req_")))


def is_aap(request: Request) -> bool:
    """Tell whether a request came through this door, or was made by its agent to look so."""
    own = (request.context or {}).get(MEMBER)
    return isinstance(own, Mapping) and isinstance(own.get("timeout"), str)


def answer(request: Request) -> dict[str, Json]:
    """Return a request as the protocol has it; members without a value are left out."""
    context = dict(request.context or {})
    own = context.pop(MEMBER)
    told: dict[str, Json] = {
        "id": uuid_of(request),
        "tool": request.action.name,
        "arguments": dict(request.action.parameters),
        "timeout": own["timeout"],
        "status": _status(request),
        "created_at": instant(request.created_at),
        "deadline_at": instant(request.expires_at),
    }
    if request.resource is not None:
        told["server"] = request.resource.id
    if request.justification is not None:
        told["agent_reasoning"] = request.justification
    if context:
        told["context"] = context
    if request.decided_at is not None:
        told["decision"] = _decision(request, request.decided_at)
    if request.grant is not None and request.grant.redeemed_at is not None:
        told["consumption"] = _consumption(request, request.grant.redeemed_at)
    return told


def _status(request: Request) -> str:
    return _ENDED.get(request.state, "approved")


def _decision(request: Request, decided_at: datetime) -> dict[str, Json]:
    decision = {"status": _status(request), "decided_at": instant(decided_at)}
    if note := _note(request):
        decision["note"] = note
    if decision["status"] == "approved":
        decision["expires_at"] = instant(_until(request, decided_at))
    return decision


def _until(request: Request, decided_at: datetime) -> datetime:
    """Return when an approval ends; a revoked one ended then."""
    grant = request.grant
    until = decided_at if grant is None else grant.revoked_at or grant.expires_at
    return max(until, decided_at + SHORTEST)


def _note(request: Request) -> str | None:
    """Return what the reviewers said of their verdict, or the policy of its."""
    verdict = Verdict.DENY if request.state is State.DENIED else Verdict.APPROVE
    said = [review.reason for review in request.reviews if review.verdict is verdict and review.reason]
    if not said and request.state is State.DENIED and not request.reviews:
        return request.plan.reason
    return "; ".join(said) or None


def _consumption(request: Request, consumed_at: datetime) -> dict[str, Json]:
    consumption: dict[str, Json] = {"consumed_at": instant(consumed_at)}
    told = request.outcome
    if told is not None:
        outcome = {"status": told.status.value, "reported_at": instant(told.at)}
        consumption["outcome"] = {**outcome, "note": told.note} if told.note else outcome
    return consumption


def _timeout(text: str) -> timedelta:
    found = _TIMEOUT.fullmatch(text)
    if found is None:
        raise _at("/timeout", "This is a duration as 30s, 10m, 24h or 1h30m.")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta(0) < length <= TIMEOUT_MAX:
        raise _at("/timeout", f"This is longer than nothing and at most {TIMEOUT_MAX.days} days.")
    return length


def _at(pointer: str, problem: str) -> Malformed:
    return Malformed(f"At {pointer}: {problem}", pointers=((pointer, problem),))
