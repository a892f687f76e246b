"""The JSON of the Agent Approval Protocol, version 1, as types. A null is refused: members are left out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from bot.core.action import Name, ResourceId

REASONING_MAX = 32_000  # characters; frameworks send all that the model said before the call
NOTE_MAX = 4000  # characters
TITLE_MAX = 200  # characters
URL_MAX = 2000  # characters

Text = Annotated[str, Meta(min_length=1, max_length=NOTE_MAX)]
Reasoning = Annotated[str, Meta(min_length=1, max_length=REASONING_MAX)]
Title = Annotated[str, Meta(min_length=1, max_length=TITLE_MAX)]
Url = Annotated[str, Meta(pattern="^https?://", max_length=URL_MAX)]
Registration = Annotated[str, Meta(min_length=1, max_length=TITLE_MAX)]
Secret = Annotated[str, Meta(pattern="^whsec_[A-Za-z0-9+/]{32,86}={0,2}$")]
Members = dict[str, Any]


class SubmissionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/requests`."""

    tool: Name
    arguments: Members
    timeout: Annotated[str, Meta(max_length=32)]
    server: ResourceId | UnsetType = UNSET
    agent_reasoning: Reasoning | UnsetType = UNSET
    context: Members | UnsetType = UNSET


class OutcomeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/requests/{id}/outcome`."""

    status: Literal["succeeded", "failed"]
    note: Text | UnsetType = UNSET


class NothingBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of what takes none, where a client sends one nevertheless."""


class DeliveryBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Where an instance is told of decisions, and the secret that signs what it is told."""

    type: Literal["webhook"]
    url: Url
    registration_id: Registration
    signing_secret: Secret


class InstanceBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/instances`."""

    instance_name: Title | UnsetType = UNSET
    delivery: DeliveryBody | UnsetType = UNSET
