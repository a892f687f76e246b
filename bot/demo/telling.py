"""An audit entry in a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.core.terms import Effect, EntryKind, Json, Request, Stage, State

CALM, GOOD, BAD, WAIT, QUIET = "cyan", "green", "red", "yellow", "dim"


@dataclass(frozen=True, slots=True)
class Told:
    """What happened: a word, more words, and their colour."""

    word: str
    more: str
    style: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry as it was read: what stands in it, its private fields, and its request as it is by now."""

    fields: Mapping[str, Json]
    private: Mapping[str, str]
    request: Request | None

    @property
    def decision(self) -> str:
        """Return what was decided."""
        return str(self.fields.get("decision", ""))

    @property
    def who(self) -> str:
        """Return the person's name, if it is not erased."""
        return self.private.get("by_name", "somebody")

    def fact(self, name: str) -> str:
        """Return one of the plain facts."""
        return str(self.fields.get("facts", {}).get(name, ""))


Teller = Callable[[Seen], Told | None]


def _planned(seen: Seen) -> Told:
    agent, request = seen.fields.get("agent", ""), seen.request
    if seen.decision == Effect.REQUIRE_APPROVAL and request and request.plan.stages:
        return Told("asked", f"by {agent}; waits for {_people(request.plan.stages[0])}", WAIT)
    return Told("asked", f"by {agent}; the rule {seen.fact('rules') or 'for all the rest'} decides", CALM)


def _reviewed(seen: Seen) -> Told:
    reason = f": {seen.private['reason']}" if seen.private.get("reason") else ""
    surface = seen.fields["by"]["surface"]
    match seen.decision:
        case "approve":
            return Told("approved", f"by {seen.who} for {seen.fact('stage')}, on the {surface}{reason}", GOOD)
        case "deny":
            return Told("denied", f"by {seen.who}, on the {surface}{reason}", BAD)
        case _:
            return Told("comment", f"by {seen.who}{reason}", CALM)


def _refused(seen: Seen) -> Told:
    return Told("refused", f"a review by {seen.who}", BAD)


def _stage_met(seen: Seen) -> Told | None:
    met, request = seen.fact("stage"), seen.request
    names = [stage.name for stage in request.plan.stages] if request else []
    if request is None or met not in names or names[-1] == met:
        return None
    following = request.plan.stages[names.index(met) + 1]
    return Told("stage met", f"{met}; now waits for {_people(following)}", WAIT)


def _escalated(seen: Seen) -> Told:
    if added := seen.fact("add"):
        return Told("escalated", f"{_plain(added)} may decide too", WAIT)
    if reminded := seen.fact("remind"):
        return Told("reminded", _plain(reminded), WAIT)
    return Told("late", "the stage has run out of its time", WAIT)


def _denied(seen: Seen) -> Told | None:
    if seen.decision != "policy" or seen.request is None:
        return None  # the review has been told
    return Told("denied", f"by policy: {seen.request.plan.reason or 'a rule says no'}", BAD)


def _approved(seen: Seen) -> Told:
    executor = seen.request.plan.executor if seen.request else None
    return Told("granted", f"{executor or 'its agent'} may run it once", GOOD)


def _redeemed(seen: Seen) -> Told:
    return Told("redeemed", f"by {seen.fact('executor')}; it runs now", CALM)


def _outcome(seen: Seen) -> Told | None:
    outcome = seen.request.outcome if seen.request else None
    if outcome is None:
        return None
    good = outcome.status is State.SUCCEEDED
    return Told(outcome.status.value, outcome.note or "", GOOD if good else BAD)


def _signed_in(seen: Seen) -> Told | None:
    if seen.fact("how") == "link":
        return None
    return Told("signed in", seen.private.get("person") or seen.who, QUIET)


def _always(word: str, more: str, style: str) -> Teller:
    return lambda _: Told(word, more, style)


def _people(stage: Stage) -> str:
    whom = _plain(" or ".join(stage.approvers))
    return f"{stage.quorum} of {whom}" + (f" ({stage.name})" if stage.name != whom else "")


def _plain(references: str) -> str:
    return references.replace("group:", "").replace("person:", "")


TELLERS: Mapping[EntryKind, Teller] = {
    EntryKind.PLANNED: _planned,
    EntryKind.REVIEWED: _reviewed,
    EntryKind.REVIEW_REFUSED: _refused,
    EntryKind.STAGE_MET: _stage_met,
    EntryKind.ESCALATED: _escalated,
    EntryKind.APPROVED: _approved,
    EntryKind.DENIED: _denied,
    EntryKind.EXPIRED: _always("expired", "nobody decided in time; that is nobody's denial", BAD),
    EntryKind.CANCELLED: _always("cancelled", "", QUIET),
    EntryKind.REDEEMED: _redeemed,
    EntryKind.REDEMPTION_REFUSED: _always("not run", "its redemption was refused", BAD),
    EntryKind.REVOKED: _always("revoked", "before it ran", BAD),
    EntryKind.LAPSED: _always("lapsed", "approved, but not run in time", BAD),
    EntryKind.OVERDUE: _always("overdue", "the executor has not said what became of it", BAD),
    EntryKind.OUTCOME: _outcome,
    EntryKind.SIGNED_IN: _signed_in,
    EntryKind.BUNDLE_LOADED: _always("policy", "this bundle is in force", CALM),
    EntryKind.BUNDLE_REFUSED: _always("policy", "the edit does not load; the last good one stays", BAD),
}
