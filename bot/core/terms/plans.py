"""What policy says of an action: the plan that is frozen into its request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bot.core.terms.names import Digest, ExecutorName, RuleId


class Effect(StrEnum):
    """What a policy says of an action; the stricter wins."""

    ALLOW = "allow"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"


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
