"""A request becomes a Card."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256

from bot.core.card import facts, words
from bot.core.card.face import AlikeLine, Button, Card, Fact, LookLine, RoundupLine
from bot.core.deadline import looking
from bot.core.literal import visible
from bot.core.terms import Digest, Display, ReasonRule, Request, State

REASONS_FOR = {
    ReasonRule.OPTIONAL: (),
    ReasonRule.ON_DENY: (Button.DENY,),
    ReasonRule.REQUIRED: (Button.APPROVE, Button.DENY),
}
TEXT_MAX = 2400  # characters of one fact: a chat's code block takes 3000, escapes included


def card(
    request: Request, now: datetime, page: str, limit: int = TEXT_MAX, names: words.Names | None = None
) -> Card:
    """Return a request's card; `limit` is a fact's characters (0: all), `names` who is in the groups."""
    people = names or {}
    subject = request.subject
    parameters = facts.parameters(request, limit)
    context = facts.context(request, limit)
    claims = facts.claims(request, limit)
    questions = tuple(facts.question(one, limit) for one in request.questions)
    answers = tuple(one.answer for one in questions if one.answer)
    complete = limit == 0 or not any(_hides(fact) for fact in (*parameters, *context))
    return Card(
        request_id=request.id,
        version=request.version,
        state=request.state,
        tone=words.tone(request),
        title=facts.line(request.plan.title),
        action=visible(request.action.name)[0],
        status=words.status(request, now, people),
        code=request.digest[:8],
        digest=request.digest,
        agent=facts.line(subject.agent),
        on_behalf_of=facts.line(subject.on_behalf_of) if subject.on_behalf_of else None,
        resource=_resource(request),
        reversibility=request.plan.reversibility.value,
        facts=parameters,
        context=context,
        claims=claims,
        why=words.why(request),
        stages=words.stages(request, people),
        reviews=words.reviews(request),
        outcome=words.outcome(request),
        created_at=request.created_at,
        expires_at=request.expires_at,
        execute_before=request.grant.expires_at if request.grant else None,
        warnings=facts.oddities(parameters, context, claims, answers),
        complete=complete,
        buttons=_buttons(request, now, complete),
        page=page,
        questions=questions,
        looking=tuple(LookLine(facts.line(one.person), one.until_at) for one in looking(request, now)),
        reasons_for=REASONS_FOR[request.plan.reason_rule],
        glass=words.glass(request),
    )


def alike_line(request: Request, page: str) -> AlikeLine:
    """Return an identical request as the card it shares names it."""
    return AlikeLine(request.id, request.created_at, request.expires_at, page)


def roundup_line(request: Request, now: datetime, page: str, alike: int, names: words.Names) -> RoundupLine:
    """Return a request as one line of a roundup; `alike` counts the identical ones that wait behind it."""
    return RoundupLine(
        request_id=request.id,
        tone=words.tone(request),
        title=facts.line(request.plan.title),
        status=words.status(request, now, names),
        agent=facts.line(request.subject.agent),
        code=request.digest[:8],
        digest=request.digest,
        expires_at=request.expires_at,
        waits=_waits(request, now),
        alike=alike,
        page=page,
    )


def content_digest(shown: Card) -> Digest:
    """Return the SHA-256 of what a person was shown that matters to the decision."""
    content = {
        "digest": shown.digest,
        "title": shown.title,
        "action": shown.action,
        "agent": shown.agent,
        "on_behalf_of": shown.on_behalf_of,
        "resource": shown.resource,
        "reversibility": shown.reversibility,
        "facts": [_bare(fact) for fact in shown.facts],
        "context": [_bare(fact) for fact in shown.context],
        "claims": [_bare(fact) for fact in shown.claims],
        "why": shown.why,
        "complete": shown.complete,
        "answers": [_bare(one.answer) for one in shown.questions if one.answer],
    }
    return Digest(sha256(json.dumps(content, sort_keys=True).encode()).hexdigest())


def _resource(request: Request) -> str | None:
    """Return what it is done to: never cut."""
    return visible(f"{request.resource.type} {request.resource.id}")[0] if request.resource else None


def _bare(fact: Fact) -> list[object]:
    return [fact.name, fact.text, fact.display, fact.digest, fact.cut, list(fact.warnings)]


def _hides(fact: Fact) -> bool:
    """Say whether this fact must be read on the full page before anyone approves."""
    return fact.cut or fact.display == Display.UNINSPECTABLE.value


def _waits(request: Request, now: datetime) -> bool:
    return request.state is State.PENDING and now < request.expires_at


def _buttons(request: Request, now: datetime, complete: bool) -> tuple[Button, ...]:
    if not _waits(request, now):
        return (Button.VIEW,)
    approve = Button.APPROVE if complete else Button.REVIEW_FULL
    return (approve, Button.DENY, Button.COMMENT, Button.ASK, Button.LOOK, Button.DELEGATE, Button.VIEW)
