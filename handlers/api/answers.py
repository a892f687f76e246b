"""Our values written as the wire's shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import msgspec
from aiohttp import web
from msgspec import UNSET

from bot.core.action import ActionBody, ResourceBody, code
from bot.core.errors import NotRedeemable
from bot.core.machine import tally
from bot.core.terms import (
    CallbackKind,
    GlassBreak,
    Grant,
    Json,
    Outcome,
    Plan,
    Question,
    Request,
    Resource,
    State,
    Subject,
)
from bot.core.wire import callback, instant, links, redacted
from bot.ports import Callback, Signer
from handlers.api import shapes

_encode = msgspec.json.Encoder().encode


def respond(shape: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return a shape as an answer that no cache keeps."""
    own = {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})}
    return web.Response(body=_encode(shape), status=status, headers=own)


@dataclass(frozen=True, slots=True)
class Answers:
    """Writes requests; `public_url` is where people and programs reach us, without a slash at its end."""

    public_url: str
    signer: Signer

    def request(self, request: Request) -> shapes.RequestShape:
        """Return what the agent sees of its request."""
        return shapes.RequestShape(**self._members(request, reveal=request.plan.reveal_reviewers))

    def reviewable(self, request: Request) -> shapes.ReviewableShape:
        """Return what a person who may see the request sees of it."""
        return shapes.ReviewableShape(
            **self._members(request, reveal=True),
            title=request.plan.title,
            reversibility=request.plan.reversibility,
            context=_members(request.context),
            justification=request.justification,
            summary=request.summary,
        )

    def receipt(self, request: Request) -> shapes.ReceiptShape:
        """Return leave to run, with every parameter; of what never changes, so a retry reads the same."""
        grant = request.grant
        if grant is None or grant.redeemed_at is None:
            raise NotRedeemable
        return shapes.ReceiptShape(
            id=request.id,
            jti=grant.id,
            state="released",
            executor=grant.executor,
            subject=_subject(request.subject),
            action=ActionBody(request.action.name, dict(request.action.parameters)),
            resource=_resource(request.resource),
            context=_members(request.context),
            digest=request.digest,
            policy=_policy(request.plan),
            redeemed_at=instant(grant.redeemed_at),
            execute_before=instant(grant.expires_at),
            report_before=instant(grant.redeemed_at + request.plan.report_within),
            links=shapes.Links(**links(request, self.public_url)),
        )

    def execution(self, told: Callback, request: Request) -> dict[str, Json]:
        """Return a callback, as the executor would be called with it; the grant while it can be used."""
        usable = told.kind is CallbackKind.APPROVED and request.state is State.APPROVED
        token = self.signer.grant(request) if usable else None
        return callback(told.kind, told.sequence, told.at, request, token, self.public_url)

    def _members(self, request: Request, reveal: bool) -> dict[str, Any]:
        return {
            "id": request.id,
            "state": request.state,
            "action": ActionBody(request.action.name, redacted(request)),
            "resource": _resource(request.resource),
            "digest": request.digest,
            "code": code(request.digest),
            "subject": _subject(request.subject),
            "on_behalf_of": request.subject.on_behalf_of,
            "created_at": instant(request.created_at),
            "expires_at": instant(request.expires_at),
            "policy": _policy(request.plan),
            "stages": [_stage(request, index) for index in range(len(request.plan.stages))],
            "reviews": _reviews(request, reveal),
            "decided_at": instant(request.decided_at) if request.decided_at else None,
            "grant": _grant(request.grant),
            "outcome": _outcome(request.outcome),
            "links": shapes.Links(**links(request, self.public_url)),
            "reason": request.unsatisfiable or UNSET,
            "questions": [_question(one, reveal) for one in request.questions] or UNSET,
            "glass": _glass(request.glass, reveal) if request.glass else UNSET,
        }


def _subject(subject: Subject) -> shapes.SubjectShape:
    return shapes.SubjectShape(subject.agent, subject.on_behalf_of)


def _resource(resource: Resource | None) -> ResourceBody | None:
    return ResourceBody(resource.type, resource.id) if resource else None


def _members(values: Any) -> dict[str, Json] | None:
    return None if values is None else dict(values)


def _policy(plan: Plan) -> shapes.PolicyShape:
    return shapes.PolicyShape(plan.effect, list(plan.rules), plan.bundle, plan.reason)


def _stage(request: Request, index: int) -> shapes.StageShape:
    stage = request.plan.stages[index]
    approvals, denials = tally(request, stage.name)
    return shapes.StageShape(stage.name, _progress(request, index), stage.quorum, approvals, denials)


def _progress(request: Request, index: int) -> Literal["waiting", "open", "met", "ended"]:
    """Say how a stage stands; `ended`: the request was decided before its quorum was met."""
    if request.state is State.PENDING:
        return "open" if index == request.stage_index else "met" if index < request.stage_index else "waiting"
    decided_by_people = request.glass is None and (
        request.grant is not None or request.state is State.APPROVED
    )
    return "met" if decided_by_people or index < request.stage_index else "ended"


def _reviews(request: Request, reveal: bool) -> list[shapes.ReviewShape]:
    return [
        shapes.ReviewShape(r.verdict, r.reason, r.stage, instant(r.at), r.person if reveal else None)
        for r in request.reviews
    ]


def _glass(broken: GlassBreak, reveal: bool) -> shapes.GlassShape:
    return shapes.GlassShape(
        at=instant(broken.at),
        by=broken.person if reveal else None,
        reason=broken.reason,
        review_due_at=instant(broken.review_due_at),
        reviewed_at=instant(broken.reviewed_at) if broken.reviewed_at else None,
        reviewed_by=broken.reviewed_by if reveal else None,
        proper=broken.proper,
        words=broken.words if reveal else None,
    )


def _question(asked: Question, reveal: bool) -> shapes.QuestionShape:
    return shapes.QuestionShape(
        number=asked.number,
        text=asked.text,
        asked_at=instant(asked.at),
        asked_by=asked.person if reveal else None,
        answer=asked.answer,
        answered_at=instant(asked.answered_at) if asked.answered_at else None,
    )


def _grant(grant: Grant | None) -> shapes.GrantShape | None:
    if grant is None:
        return None
    return shapes.GrantShape(
        expires_at=instant(grant.expires_at),
        redeemed_at=instant(grant.redeemed_at) if grant.redeemed_at else None,
        revoked_at=instant(grant.revoked_at) if grant.revoked_at else None,
    )


def _outcome(outcome: Outcome | None) -> shapes.OutcomeShape | None:
    if outcome is None:
        return None
    status = cast(Literal["succeeded", "failed"], outcome.status.value)
    return shapes.OutcomeShape(status, outcome.note, outcome.output_digest, instant(outcome.at))
