"""One request as text: everything that would run, literally, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rich.text import Text

from bot.cli.terminal import day, literal
from bot.core.machine import tally
from bot.core.terms import GlassBreak, Json, Request
from bot.core.wire import redacted


def lines_of(request: Request) -> Iterator[Text]:
    """Yield the lines of a request; redacted parameters stay redacted."""
    yield Text.assemble((request.plan.title, "bold"), f"  {request.state.value}", (f"  {request.id}", "dim"))
    yield _fact("action", request.action.name)
    for name, value in redacted(request).items():
        yield _fact(f"  {name}", _json(value))
    if request.resource:
        yield _fact("resource", f"{request.resource.type} {request.resource.id}")
    for name, value in (request.context or {}).items():
        yield _fact(f"context {name}", _json(value))
    yield from _asked(request)
    yield from _decided(request)


def _asked(request: Request) -> Iterator[Text]:
    behalf = f" for {request.subject.on_behalf_of}" if request.subject.on_behalf_of else ""
    yield _fact("asked by", f"{request.subject.agent}{behalf}, {day(request.created_at)}")
    for name, claim in (("justification", request.justification), ("summary", request.summary)):
        if claim:
            yield _fact(f"its {name}", claim)
    yield _fact("digest", request.digest)
    rules = ", ".join(request.plan.rules) or "no rule"
    yield _fact("policy", f"{request.plan.effect.value} by {rules}")
    for stage in request.plan.stages:
        approvals, denials = tally(request, stage.name)
        yield _fact(f"stage {stage.name}", f"{approvals} of {stage.quorum} approved, {denials} denied")
    if request.unsatisfiable:
        yield _fact("cannot pass", request.unsatisfiable)


def _decided(request: Request) -> Iterator[Text]:
    for review in request.reviews:
        reason = f": {review.reason}" if review.reason else ""
        yield _fact(
            review.verdict.value,
            f"{review.person}, {day(review.at)} through {review.by.surface.value}{reason}",
        )
    if request.glass:
        yield from _glass(request.glass)
    if request.decided_at is None:
        yield _fact("decide by", day(request.expires_at))
    if request.grant:
        redeemed = request.grant.redeemed_at
        yield _fact(
            "grant", f"for {request.grant.executor}, {f'redeemed {day(redeemed)}' if redeemed else 'unused'}"
        )
    if request.outcome:
        yield _fact("outcome", f"{request.outcome.status.value} {request.outcome.note or ''}".strip())


def _glass(broken: GlassBreak) -> Iterator[Text]:
    yield _fact("glass broken", f"{broken.person}, {day(broken.at)}: {broken.reason}")
    if broken.reviewed_by is None:
        yield _fact("its review", f"due by {day(broken.review_due_at)}")
    else:
        found = "proper" if broken.proper else "NOT proper"
        yield _fact("its review", f"{found}, says {broken.reviewed_by}: {broken.words}")


def _fact(name: str, value: str) -> Text:
    # Every name is one of ours or a parameter's: both are shown as literally as the value.
    return Text.assemble((f"{literal(name).plain:>16}  ", "dim"), literal(value))


def _json(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
