"""How things look on a page: avatars, stages with people on them, a request's story, text in lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.core.literal import visible
from bot.core.machine import counted
from bot.core.people import open_delegations
from bot.core.policy import Directory
from bot.core.terms import (
    Delegation,
    GroupName,
    Look,
    PersonName,
    Question,
    Request,
    Review,
    Stage,
    State,
    Surface,
    Verdict,
)
from bot.ports import Policies

HUES = 10
LINES_MAX = 4000  # numbered; a longer text is shown as one block
PEOPLE_MAX = 10  # avatars in a row
SURFACES = {
    Surface.WEB: "on the web",
    Surface.SLACK: "in Slack",
    Surface.TEAMS: "in Teams",
    Surface.API: "by API",
    Surface.CLI: "at the command line",
    Surface.SYSTEM: "by itself",
}
MARKER = re.compile(r"(⟨[^⟨⟩\n]{1,80}⟩)")

Names = Mapping[GroupName, frozenset[PersonName]]
Pieces = list[tuple[str, bool]]  # a text and whether it is one of our markers, `⟨U+202E⟩`


@dataclass(frozen=True, slots=True)
class Face:
    """Someone's avatar."""

    name: str
    title: str
    initials: str
    hue: int


@dataclass(frozen=True, slots=True)
class Approver:
    """Someone who may approve in a stage, and what they said."""

    face: Face
    verdict: str  # approve, deny or nothing yet


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a request."""

    at: datetime
    what: str  # asked, approve, deny, comment, and the states
    face: Face | None
    title: str
    text: str | None = None
    by_way_of: str | None = None


def face(name: str, directory: Directory) -> Face:
    """Return the avatar of a person, or of an agent or executor that no person is named like."""
    person = directory.people.get(PersonName(name))
    title = visible(person.title if person and person.title else name)[0]
    words = re.findall(r"\w+", title) or ["?"]
    initials = words[0][0] + words[1][0] if len(words) > 1 else words[0][:2]
    return Face(visible(name)[0], title, initials.upper(), sum(name.encode()) % HUES)


async def group_names(request: Request, policies: Policies) -> Names:
    """Return who is in the groups that a request's plan names, as of now."""
    references = [reference for stage in request.plan.stages for reference in stage.approvers]
    groups = {
        GroupName(r.removeprefix("group:")) for r in (*references, *request.added) if r.startswith("group:")
    }
    return {group: await policies.members(group) or frozenset() for group in groups}


def approvers(request: Request, stage: Stage, names: Names, directory: Directory) -> list[Approver]:
    """Return the people of a stage, those who spoke first."""
    spoken = {name: r for name, r in counted(request).items() if r.stage == stage.name}
    asked = set(spoken)
    for reference in stage.approvers:
        kind, _, name = reference.partition(":")
        asked |= names.get(GroupName(name), frozenset()) if kind == "group" else {PersonName(name)}
    order = sorted(asked, key=lambda name: (name not in spoken, name))
    return [
        Approver(face(name, directory), spoken[name].verdict.value if name in spoken else "")
        for name in order[:PEOPLE_MAX]
    ]


def lent_by(giver: PersonName, request: Request, directory: Directory) -> Face | None:
    """Return who may decide in the giver's place here, as long as they can still take that back."""
    given = (one.deputy for one in open_delegations(request) if one.giver == giver)
    deputy = next(given, None)
    return face(deputy, directory) if deputy else None


def story(request: Request, directory: Directory) -> list[Moment]:
    """Return what happened to a request, oldest first."""
    asked = face(request.subject.agent, directory)
    moments = [Moment(request.created_at, "asked", asked, f"{asked.title} asked")]
    moments += [_reviewed(review, directory) for review in request.reviews]
    moments += [moment for one in request.questions for moment in _questioned(one, asked, directory)]
    moments += [_looked(look, directory) for look in request.looks]
    moments += _glass(request, directory)
    moments += [_delegated(one, directory) for one in request.delegations]
    moments += _ending(request)
    moments += _running(request, directory)
    return sorted(moments, key=lambda moment: moment.at)


def pieces(text: str) -> Pieces:
    """Split a text at our markers, so that a page can point at them."""
    if "⟨" not in text:
        return [(text, False)]
    return [(part, bool(MARKER.fullmatch(part))) for part in MARKER.split(text) if part]


def numbered(text: str) -> list[Pieces] | None:
    """Return a text's lines in pieces; None when there are too many to number."""
    lines = text.split("\n")
    return [pieces(line) for line in lines] if len(lines) <= LINES_MAX else None


def _reviewed(review: Review, directory: Directory) -> Moment:
    who = face(review.person, directory)
    verb = {Verdict.APPROVE: "approved", Verdict.DENY: "denied", Verdict.COMMENT: "commented"}[review.verdict]
    text = visible(review.reason)[0] if review.reason else None
    whose = f" for {face(review.giver, directory).title}" if review.giver else ""
    return Moment(
        review.at, review.verdict.value, who, f"{who.title} {verb}{whose}", text, SURFACES[review.by.surface]
    )


def _questioned(question: Question, agent: Face, directory: Directory) -> Iterator[Moment]:
    """Yield the question, and that it was answered: the answer itself stands with the agent's claims."""
    who = face(question.person, directory)
    text, way = visible(question.text)[0], SURFACES[question.by.surface]
    yield Moment(question.at, "question", who, f"{who.title} asked {agent.title}", text, way)
    if question.answered_at is not None:
        what = f"{agent.title} answered question {question.number}"
        yield Moment(question.answered_at, "asked", agent, what)


def _looked(look: Look, directory: Directory) -> Moment:
    who = face(look.person, directory)
    return Moment(look.at, "look", who, f"{who.title} looked at it")


def _glass(request: Request, directory: Directory) -> Iterator[Moment]:
    glass = request.glass
    if glass is None:
        return
    who = face(glass.person, directory)
    yield Moment(glass.at, "released", who, f"{who.title} broke glass", visible(glass.reason)[0])
    if glass.reviewed_by is not None and glass.reviewed_at is not None:
        admin = face(glass.reviewed_by, directory)
        found = "proper" if glass.proper else "not proper"
        words = visible(glass.words or "")[0]
        yield Moment(glass.reviewed_at, "comment", admin, f"{admin.title} found that {found}", words)


def _delegated(one: Delegation, directory: Directory) -> Moment:
    giver, deputy = face(one.giver, directory), face(one.deputy, directory)
    return Moment(one.at, "delegated", giver, f"{giver.title} asked {deputy.title} to decide in their place")


def _ending(request: Request) -> Iterator[Moment]:
    if request.decided_at is None:
        return
    match request.state:
        case State.DENIED if not any(r.verdict is Verdict.DENY for r in request.reviews):
            yield Moment(request.decided_at, "deny", None, "Denied by policy")
        case State.DENIED:
            yield Moment(request.decided_at, "deny", None, "Denied")
        case State.EXPIRED:
            yield Moment(request.decided_at, "expired", None, "Expired: nobody decided in time")
        case State.CANCELLED:
            yield Moment(request.decided_at, "cancelled", None, "Cancelled")
        case _:
            how = "Approved" if request.plan.stages else "Allowed by policy"
            yield Moment(request.decided_at, "approve", None, how)


def _running(request: Request, directory: Directory) -> Iterator[Moment]:
    grant, outcome = request.grant, request.outcome
    if grant is None:
        return
    runner = face(grant.executor, directory)
    if grant.redeemed_at is not None:
        yield Moment(grant.redeemed_at, "released", runner, f"{runner.title} started it")
    if grant.revoked_at is not None:
        yield Moment(grant.revoked_at, "revoked", None, "The grant was revoked")
    if request.state is State.LAPSED:
        yield Moment(grant.expires_at, "lapsed", None, "Not run in time; the grant lapsed")
    if request.state is State.UNREPORTED and request.report_due_at is not None:
        yield Moment(request.report_due_at, "unreported", None, "The outcome is overdue")
    if outcome is not None:
        verb = "reported success" if outcome.status is State.SUCCEEDED else "reported failure"
        note = visible(outcome.note)[0] if outcome.note else None
        yield Moment(outcome.at, outcome.status.value, runner, f"{runner.title} {verb}", note)
