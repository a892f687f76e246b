"""What a policy is made of, as frozen values: rules, the catalog, groups; and who is who, the `Directory`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Protocol

from bot.core.terms import (
    Address,
    Digest,
    Display,
    Effect,
    Escalation,
    ExecutorName,
    GroupName,
    Json,
    Person,
    PersonName,
    ReasonRule,
    Reversibility,
    RuleId,
    Stage,
)

Together = Callable[[Mapping[str, Json]], int]
"""Evaluates several conditions at once: bit n says whether the nth holds. Raises `ConditionError` if one has
no boolean value."""


class Condition(Protocol):
    """A compiled condition."""

    def __call__(self, values: Mapping[str, Json], /) -> bool:
        """Evaluate to a boolean, or raise `ConditionError`: never anything else."""
        ...

    def among(self, conditions: Sequence[Condition | None]) -> Together | None:
        """Return one evaluation of all of these, itself among them, if there can be one."""
        ...


Compile = Callable[[str, Mapping[str, str]], Condition]
"""Compiles a condition against its variables' types (`params.rows`: `int`); raises `ConditionError`."""


class ConditionError(Exception):
    """This condition has no boolean value. `line` and `column` count from 1, into the condition's text."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Kind(StrEnum):
    """The types a parameter can have."""

    STRING = "string"  # one line
    TEXT = "text"  # any text
    IDENTIFIER = "identifier"  # printable ASCII letters and digits and . _ - / : @
    ENUM = "enum"
    INT = "int"
    NUMBER = "number"
    BOOL = "bool"
    LIST = "list"
    OBJECT = "object"  # any JSON object


class Otherwise(StrEnum):
    """What happens where no rule speaks; an `allow` is always a rule's."""

    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"


class Per(StrEnum):
    """What each bucket of an allow-limit is counted for."""

    AGENT = "agent"
    ON_BEHALF_OF = "on_behalf_of"
    RESOURCE = "resource"
    ACTION = "action"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ParameterType:
    """One typed parameter of a catalogued action. `max` is characters, members or the largest number."""

    name: str
    kind: Kind
    display: Display = Display.TEXT
    title: str | None = None
    optional: bool = False
    values: tuple[Json, ...] = ()
    min: float | None = None
    max: float | None = None
    of: Kind | None = None  # what a list holds


@dataclass(frozen=True, slots=True)
class ActionType:
    """A catalogued action: how it is shown, who runs it, what it takes."""

    name: str
    title: str
    executor: ExecutorName | None = None  # None: only an agent that executes for itself can run it
    reversibility: Reversibility = Reversibility.IRREVERSIBLE
    parameters: Mapping[str, ParameterType] = field(default_factory=dict)
    additional: bool = False  # unknown parameters are shown as uninspectable instead of refused


@dataclass(frozen=True, slots=True)
class Group:
    """A group: its members stand here, in the directory (`members` is None), or elsewhere.

    Elsewhere is a Slack user group, or a calendar of who is on call: an address or a file beside the bundle.
    """

    name: GroupName
    members: frozenset[PersonName] | None = None
    slack_usergroup: str | None = None
    oncall: str | None = None
    fallback: GroupName | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """A span of time, from `from_at` until just before `to_at`."""

    name: str
    from_at: datetime
    to_at: datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """How many requests a rule may allow by itself within a sliding window."""

    max: int
    per: Per
    window: timedelta


@dataclass(frozen=True, slots=True)
class When:
    """A condition's text, and what it compiled to for each catalogued action its rule can match."""

    text: str
    compiled: Mapping[str, Condition]  # by action name


@dataclass(frozen=True, slots=True)
class StageRule:
    """A stage as a rule writes it; it is part of the plan if `when` holds."""

    stage: Stage
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Clause:
    """One line of a rule's `match`: the value called `name` must be one of `values`."""

    name: str  # `params.env`, `context.ticket`, `resource.id`, `agent`, `on_behalf_of`
    values: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Matches an action and its context, and says what then holds. Where it is silent the defaults speak."""

    id: RuleId
    actions: tuple[str, ...]  # patterns; one must fit
    effect: Effect
    approve_within: timedelta
    execute_within: timedelta
    report_within: timedelta
    separation: tuple[str, ...]
    show: tuple[Address, ...]
    reactions: bool
    reveal_reviewers: bool
    stages: tuple[StageRule, ...] = ()  # those of the defaults hold where none of these is needed
    clauses: tuple[Clause, ...] = ()
    during: str | None = None
    when: When | None = None
    reason: str | None = None
    limit: Limit | None = None
    escalations: tuple[Escalation, ...] = ()
    requester_reason: bool = False
    reviewer_reason: ReasonRule = ReasonRule.OPTIONAL

    def covers(self, action: str) -> bool:
        """Say whether one of its patterns fits the action's name."""
        return any(matches_pattern(pattern, action) for pattern in self.actions)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where no rule speaks, and `rule`: what a silent rule says."""

    unknown_action: Otherwise
    no_match: Otherwise
    rule: Rule
    alert: tuple[Address, ...]  # where admins are alerted, beside the message to each of them
    roundup_after: int  # new cards a minute in one place; further requests are lines of a roundup


@dataclass(frozen=True, slots=True)
class Directory:
    """Who is who: people, their accounts and their groups."""

    people: Mapping[PersonName, Person]
    digest: Digest
    accounts: Mapping[tuple[str, str], PersonName] = field(default_factory=dict)

    def by_account(self, surface: str, account: str) -> PersonName | None:
        """Return whose account this is on that surface, or None for nobody's."""
        return self.accounts.get((surface, account))

    def in_group(self, group: GroupName) -> frozenset[PersonName]:
        """Return the people whom the directory puts into a group."""
        return frozenset(name for name, person in self.people.items() if group in person.groups)


def matches_pattern(pattern: str, name: str) -> bool:
    """Say whether an action's name fits a pattern; `*` stands for any characters, all else for itself."""
    return _pattern(pattern).fullmatch(name) is not None


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)
