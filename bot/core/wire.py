"""What our own JSON says of a request wherever it is said: to agents, and to executors, called or asking."""

from __future__ import annotations

from datetime import datetime

from bot.core.terms import CallbackKind, Display, Json, Request

REDACTED = {"redacted": True}


def instant(at: datetime) -> str:
    """Write an instant: RFC 3339 in UTC, milliseconds, `Z`."""
    return f"{at.isoformat(timespec='milliseconds')[:-6]}Z"


def redacted(request: Request) -> dict[str, Json]:
    """Return the action's parameters without the values that the catalog keeps back."""
    secret = {
        parameter.name for parameter in request.plan.parameters if parameter.display is Display.REDACTED
    }
    return {name: REDACTED if name in secret else value for name, value in request.action.parameters.items()}


def links(request: Request, public_url: str) -> dict[str, str]:
    """Return where the request is: for programs, and for people."""
    return {
        "self": f"{public_url}/v1/requests/{request.id}",
        "page": f"{public_url}/requests/{request.id}",
    }


def callback(
    kind: CallbackKind, sequence: int, at: datetime, request: Request, grant: str | None, public_url: str
) -> dict[str, Json]:
    """Return what an executor is told of a request; the wire's callback, and an item of `/v1/executions`.

    `grant` is the token while the action may still be run, else None.
    """
    resource = request.resource
    subject = {"agent": request.subject.agent, "on_behalf_of": request.subject.on_behalf_of}
    return {
        "type": kind.value,
        "timestamp": instant(at),
        "data": {
            "id": request.id,
            "state": request.state.value,
            "sequence": sequence,
            "subject": subject,
            "action": {"name": request.action.name, "parameters": redacted(request)},
            "resource": {"type": resource.type, "id": resource.id} if resource else None,
            "context": None if request.context is None else dict(request.context),
            "digest": request.digest,
            "grant": grant,
            "execute_before": instant(request.grant.expires_at) if grant and request.grant else None,
            "links": links(request, public_url),
        },
    }
