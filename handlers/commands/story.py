"""What happened to a request, oldest first: what `history CODE` tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bot.core.action import code
from bot.core.literal import visible
from bot.core.terms import Request, State
from handlers.commands.answers import Act, Answer, Line, Row, Table

Moment = tuple[datetime, str]


def story(request: Request) -> Answer:
    """Return a request's history; what the agent answered stands on its card, as the agent's own words."""
    lines = (Line(f"{request.state.value}, code {code(request.digest)}, {request.id}"),)
    moments = sorted(_moments(request), key=lambda moment: moment[0])
    rows = tuple(Row((f"{at:%Y-%m-%d %H:%M:%S}", visible(what)[0])) for at, what in moments)
    title, table = visible(request.plan.title)[0], Table(("WHEN (UTC)", "WHAT"), rows)
    return Answer(title=title, lines=lines, table=table, acts=(Act("Open", f"show {request.id}"),))


def _moments(request: Request) -> Iterator[Moment]:
    behalf = f" for {request.subject.on_behalf_of}" if request.subject.on_behalf_of else ""
    yield request.created_at, f"asked by agent {request.subject.agent}{behalf}"
    yield from _said(request)
    yield from _glass(request)
    if request.decided_at is not None:
        by_policy = not request.reviews and not request.plan.stages
        ending = "approved" if request.grant else request.state.value
        yield request.decided_at, f"{ending} by policy" if by_policy else ending
    yield from _run(request)


def _said(request: Request) -> Iterator[Moment]:
    """Yield what people said of it, and asked."""
    for review in request.reviews:
        whose = f" for {review.giver}" if review.giver else ""
        reason = f": {review.reason}" if review.reason else ""
        yield review.at, f"{review.verdict.value} by {review.person}{whose}{reason}"
    for one in request.questions:
        yield one.at, f"question {one.number} by {one.person}: {one.text}"
        if one.answered_at is not None:
            yield one.answered_at, f"question {one.number} answered by the agent"
    for look in request.looks:
        yield look.at, f"{look.person} looked at it"
    for lent in request.delegations:
        yield lent.at, f"{lent.giver} asked {lent.deputy} to decide in their place"


def _glass(request: Request) -> Iterator[Moment]:
    broken = request.glass
    if broken is None:
        return
    yield broken.at, f"glass broken by {broken.person}: {broken.reason}"
    if broken.reviewed_at is not None:
        found = "proper" if broken.proper else "NOT proper"
        yield broken.reviewed_at, f"{broken.reviewed_by} found that {found}: {broken.words}"


def _run(request: Request) -> Iterator[Moment]:
    """Yield what became of its grant."""
    grant = request.grant
    if grant is not None and grant.redeemed_at is not None:
        yield grant.redeemed_at, f"released to {grant.executor}"
    if grant is not None and grant.revoked_at is not None:
        yield grant.revoked_at, "its grant was revoked"
    if grant is not None and request.state is State.LAPSED:
        yield grant.expires_at, "lapsed: it was not run in time"
    if request.state is State.UNREPORTED and request.report_due_at is not None:
        yield request.report_due_at, "unreported: its outcome is overdue"
    if request.outcome is not None:
        yield request.outcome.at, f"{request.outcome.status.value} {request.outcome.note or ''}".strip()
