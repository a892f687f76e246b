"""What can be asked of a request, as values."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.terms import Actor, Digest, ExecutorName, PersonName, Roster, RuleId, State, Verdict


@dataclass(frozen=True, slots=True)
class Decide:
    """A person's verdict. `digest` is the action they saw, `complete` whether they were shown all of it."""

    person: PersonName
    verdict: Verdict
    reason: str | None
    digest: Digest
    complete: bool
    roster: Roster
    by: Actor
    shown: Digest | None = None


@dataclass(frozen=True, slots=True)
class React:
    """A verdict by emoji; `alone` says whether its card is, and always was, of this request alone."""

    decide: Decide
    alone: bool


@dataclass(frozen=True, slots=True)
class Inquire:
    """A person asks the agent something. It decides nothing, so whoever may comment may ask."""

    person: PersonName
    text: str
    roster: Roster
    by: Actor


@dataclass(frozen=True, slots=True)
class Reply:
    """The agent answers the question with this number."""

    number: int
    text: str
    by: Actor


@dataclass(frozen=True, slots=True)
class Looking:
    """An approver says that they are reading; reminders wait for a moment."""

    person: PersonName
    roster: Roster
    by: Actor


@dataclass(frozen=True, slots=True)
class Delegate:
    """An approver asks somebody to decide in their place: on this request, in its open stage."""

    person: PersonName
    deputy: PersonName
    roster: Roster
    by: Actor


@dataclass(frozen=True, slots=True)
class Reclaim:
    """An approver takes back what they asked of somebody with `Delegate`."""

    person: PersonName
    roster: Roster
    by: Actor


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """A person approves by themselves, in an emergency.

    `holder` says whether the directory gives them the role, `denied_by` which rules deny the action now;
    `digest`, `complete` and `shown` are as in `Decide`.
    """

    person: PersonName
    reason: str
    digest: Digest
    complete: bool
    roster: Roster
    holder: bool
    denied_by: tuple[RuleId, ...]
    frozen: bool
    by: Actor
    shown: Digest | None = None


@dataclass(frozen=True, slots=True)
class ReviewGlass:
    """An admin says afterwards whether breaking glass was proper, and why."""

    person: PersonName
    proper: bool
    words: str
    admin: bool
    roster: Roster
    by: Actor


@dataclass(frozen=True, slots=True)
class Cancel:
    """The agent (or an admin) no longer wants it."""

    by: Actor
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""

    roster: Roster


@dataclass(frozen=True, slots=True)
class Redeem:
    """An executor is about to run the action with `digest`; `denied_by` are rules that deny it now."""

    executor: ExecutorName
    digest: Digest
    key: str | None
    denied_by: tuple[RuleId, ...]
    frozen: bool
    by: Actor


@dataclass(frozen=True, slots=True)
class Revoke:
    """An admin takes the grant back before it is used."""

    by: Actor
    reason: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """The executor says what became of it."""

    executor: ExecutorName
    status: State
    note: str | None
    output_digest: str | None
    by: Actor


# what people do
Personal = Decide | React | Inquire | Looking | Delegate | Reclaim | BreakGlass | ReviewGlass
Command = Personal | Reply | Cancel | Tick | Redeem | Revoke | Report
