"""HumanLayer's calls as our requests, and back.

A function call is an action: `fn` its name, `kwargs` its parameters. A question to a human is the action
`humanlayer.ask`; what the reviewer says is the answer. Whom to ask is for policy to say: the `channel` and
the options that come along are neither followed nor kept (a channel may hold a bot's token) nor returned.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from msgspec import Meta, Struct

from bot.core.action import Name, canonical, fit, parse
from bot.core.terms import Action, Ask, Digest, Executor, Json, Request, State, Verdict
from bot.core.wire import instant

ASK = "humanlayer.ask"
MEMBER = "humanlayer"  # of the context: the run
STATE = "state"  # of the context: what the caller wants back

Id = Annotated[str, Meta(pattern="^[!-~]{1,200}$")]


class FunctionSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be called. `channel` and `reject_options` are taken and not used."""

    fn: Name
    kwargs: dict[str, Any]
    channel: Any = None
    reject_options: Any = None
    state: dict[str, Any] | None = None


class ContactSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """What a human is asked. `channel` and `response_options` are taken and not used."""

    msg: str
    subject: str | None = None
    channel: Any = None
    response_options: Any = None
    state: dict[str, Any] | None = None


class FunctionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /function_calls`. A status is for others to say, never for whoever asks."""

    run_id: Id
    call_id: Id
    spec: FunctionSpec
    status: None = None


class ContactBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /contact_requests`."""

    run_id: Id
    call_id: Id
    spec: ContactSpec
    status: None = None


def read_function(body: bytes, runner: Executor) -> tuple[str, Ask]:
    """Read a function call; return its id and the ask."""
    value = parse(body)
    told = fit(value, FunctionBody)
    action = Action(told.spec.fn, told.spec.kwargs)
    return told.call_id, _ask(action, told.run_id, told.spec.state, value, runner)


def read_contact(body: bytes, runner: Executor) -> tuple[str, Ask]:
    """Read a question; return its id and the ask."""
    value = parse(body)
    told = fit(value, ContactBody)
    asked = {"message": told.spec.msg} | ({"subject": told.spec.subject} if told.spec.subject else {})
    return told.call_id, _ask(Action(ASK, asked), told.run_id, told.spec.state, value, runner)


def function_call(request: Request, call_id: str, approved: bool | None, comment: str | None) -> Json:
    """Return a function call; `approved` is None while there is nothing to say."""
    spec = {
        "fn": request.action.name,
        "kwargs": dict(request.action.parameters),
        "channel": None,
        "reject_options": None,
        "state": (request.context or {}).get(STATE),
    }
    status = {"approved": approved, "comment": comment, "reject_option_name": None}
    return _call(request, call_id, spec, status, approved is not None)


def contact(request: Request, call_id: str, response: str | None) -> Json:
    """Return a question; `response` is None while there is none."""
    spec = {
        "msg": request.action.parameters["message"],
        "subject": request.action.parameters.get("subject"),
        "channel": None,
        "response_options": None,
        "state": (request.context or {}).get(STATE),
    }
    return _call(request, call_id, spec, {"response": response}, response is not None)


def said(request: Request) -> str | None:
    """Return what the reviewers whose verdict counted said, or the policy."""
    counted = Verdict.DENY if request.state is State.DENIED else Verdict.APPROVE
    words = [review.reason for review in request.reviews if review.verdict is counted and review.reason]
    return "; ".join(words) or (None if request.reviews else request.plan.reason)


def _ask(action: Action, run_id: str, state: Json, value: Json, runner: Executor) -> Ask:
    kept = {} if state is None else {STATE: state}
    return Ask(
        action=action,
        body_digest=Digest(sha256(canonical(value)).hexdigest()),
        context={MEMBER: run_id, **kept},
        runner=runner.name,
    )


def _call(request: Request, call_id: str, spec: Json, status: dict[str, Json], responded: bool) -> Json:
    at: datetime | None = request.decided_at if responded else None
    status["requested_at"] = instant(request.created_at)
    status["responded_at"] = instant(at) if at else None
    run_id = (request.context or {}).get(MEMBER, "")
    return {"run_id": run_id, "call_id": call_id, "spec": spec, "status": status}
