"""Names and ids, and who acts under them."""

from __future__ import annotations

from dataclasses import dataclass
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
