"""From bytes to an ask, and the digest that everything is bound to."""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any

import msgspec

from bot.core.canonical import canonical
from bot.core.durations import duration
from bot.core.errors import Malformed
from bot.core.literal import IDENTIFIER, IDENTIFIER_MAX
from bot.core.strict import LIMIT, at, fit, parse
from bot.core.terms import Action, Ask, Digest, Json, PersonName, Resource, Subject

__all__ = ["LIMIT", "ActionBody", "AskBody", "Name", "Prose", "ResourceBody", "ResourceId"]
__all__ += ["ask_of", "canonical", "code", "digest", "fit", "parse", "read_ask"]

NAME_MAX = 128  # characters
PROSE_MAX = 4000  # characters
CODE_DIGITS = 8

# ── digests ──────────────────────────────────────────────────────────────────────────────────────


def digest(
    subject: Subject, action: Action, resource: Resource | None, context: Mapping[str, Json] | None
) -> Digest:
    """Return what binds approval, grant and redemption to one action by one subject."""
    asked = {
        "subject": {"agent": subject.agent, "on_behalf_of": subject.on_behalf_of},
        "action": {"name": action.name, "parameters": action.parameters},
        "resource": {"type": resource.type, "id": resource.id} if resource else None,
        "context": context,
    }
    return _sha256(asked)


def code(digest: Digest) -> str:
    """Return the short code that people compare."""
    return digest[:CODE_DIGITS]


def _sha256(value: Json) -> Digest:
    return Digest(sha256(canonical(value)).hexdigest())


# ── the body of POST /v1/requests ────────────────────────────────────────────────────────────────

Name = Annotated[str, msgspec.Meta(max_length=NAME_MAX, pattern=IDENTIFIER)]
ResourceId = Annotated[str, msgspec.Meta(max_length=IDENTIFIER_MAX, pattern=IDENTIFIER)]
Prose = Annotated[str, msgspec.Meta(max_length=PROSE_MAX)]
# For OpenAPI alone: every text of this form is a duration that `durations` takes, and it is not too long.
_DURATION = (
    r"^P(?=.*[1-9])([0-9]{1,2}W|(?=[0-9T])([0-9]{1,3}D)?"
    r"(T(?=[0-9])([0-9]{1,4}H)?([0-9]{1,6}M)?([0-9]{1,8}(\.[0-9]{1,6})?S)?)?)$(?!\n)"
)
Duration = Annotated[
    str,
    msgspec.Meta(max_length=64, description="ISO 8601, as PT10M", extra_json_schema={"pattern": _DURATION}),
]


# Their names are checked against the catalog, and as identifiers where it says nothing of them.
Parameters = Annotated[
    dict[str, Any],
    msgspec.Meta(extra_json_schema={"propertyNames": {"maxLength": IDENTIFIER_MAX, "pattern": IDENTIFIER}}),
]


class ActionBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What would run."""

    name: Name
    parameters: Parameters = {}


class ResourceBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What it is done to."""

    type: Name
    id: ResourceId


class AskBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The body of `POST /v1/requests`, as the door takes it and OpenAPI describes it."""

    action: ActionBody
    resource: ResourceBody | None = None
    on_behalf_of: Name | None = None
    justification: Prose | None = None
    summary: Prose | None = None
    context: dict[str, Any] | None = None
    approve_within: Duration | None = None


def read_ask(body: bytes) -> Ask:
    """Read an agent's ask, or raise `Malformed` with a pointer to what does not fit."""
    return ask_of(parse(body))


def ask_of(value: Json) -> Ask:
    """Return the ask that a parsed body is, or raise `Malformed` with a pointer to what does not fit."""
    ask = fit(value, AskBody)
    return Ask(
        action=Action(ask.action.name, ask.action.parameters),
        body_digest=_sha256(value),
        resource=Resource(ask.resource.type, ask.resource.id) if ask.resource else None,
        on_behalf_of=PersonName(ask.on_behalf_of) if ask.on_behalf_of is not None else None,
        justification=ask.justification,
        summary=ask.summary,
        context=ask.context,
        approve_within=_approve_within(ask.approve_within),
    )


def _approve_within(text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        within = duration(text)
    except Malformed as error:
        raise at("/approve_within", error.detail) from None
    if not within:
        raise at("/approve_within", "It must be longer than nothing.")
    return within
