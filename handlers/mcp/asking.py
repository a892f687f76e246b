"""`request_approval`, `wait_for_decision`, `cancel_request`: what any agent may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.core.action import ask_of, code, fit
from bot.core.errors import NotReady
from bot.core.strict import at
from bot.core.terms import Actor, Agent, Json, Registry, Request, RequestId, State, Verdict
from bot.core.wire import instant, links
from bot.services.intake import Intake
from handlers import door
from handlers.mcp.tools import AnswerBody, CancelBody, WaitBody
from handlers.mcp.waiting import waits_for
from handlers.pace import Pace

KEY = "idempotency_key"
ACTION = {"name": "action", "parameters": "parameters"}  # of the API's body, and of this tool's arguments


@dataclass(frozen=True, slots=True)
class Caller:
    """An agent with what is known of it at this call."""

    secret: str
    agent: Agent
    registry: Registry
    by: Actor


@dataclass(frozen=True, slots=True)
class Asking:
    """The tools of every agent."""

    intake: Intake
    pace: Pace
    public_url: str

    async def request(self, caller: Caller, arguments: Mapping[str, Json]) -> Request:
        """Ask for approval of an action."""
        self.pace.keep(caller.agent)
        told = dict(arguments)
        key = _key(told.pop(KEY)) if KEY in told else None
        told["action"] = {ours: told.pop(named) for ours, named in ACTION.items() if named in told}
        committed = await self.intake.submit(caller.agent, caller.registry, ask_of(told), key, caller.by)
        if committed.request is None:
            raise NotReady
        return committed.request

    async def awaited(self, caller: Caller, arguments: Mapping[str, Json]) -> tuple[Request, timedelta, int]:
        """Return one of the agent's own requests, how long to wait, and how many questions it knows."""
        told = fit(dict(arguments), WaitBody)
        found = await self.intake.show(caller.agent, RequestId(told.id))
        answered = (one.number for one in found.questions if one.answer is not None)
        return found, timedelta(seconds=told.wait_seconds), max(told.known_questions, *answered, 0)

    async def answer(self, caller: Caller, arguments: Mapping[str, Json]) -> Request:
        """Answer a question about one of the agent's own requests."""
        told = fit(dict(arguments), AnswerBody)
        return await self.intake.answer(caller.agent, RequestId(told.id), told.question, told.text, caller.by)

    async def cancel(self, caller: Caller, arguments: Mapping[str, Json]) -> Request:
        """Withdraw one of the agent's own requests; one that is withdrawn already stays so."""
        told = fit(dict(arguments), CancelBody)
        found = await self.intake.show(caller.agent, RequestId(told.id))
        if found.state is State.CANCELLED:
            return found
        return await self.intake.cancel(caller.agent, found.id, caller.by)

    def stands(self, request: Request) -> dict[str, Json]:
        """Return how a request stands, for a model."""
        told: dict[str, Json] = {
            "id": request.id,
            "state": request.state.value,
            "code": code(request.digest),
            "page": links(request, self.public_url)["page"],
            "expires_at": instant(request.expires_at),
        }
        if request.state is State.PENDING:
            told["waits_for"] = waits_for(request)
            asked = [{"number": q.number, "text": q.text} for q in request.questions if q.answer is None]
            told |= {"questions": asked} if asked else {}
        elif reason := _reason(request):
            told["reason"] = reason
        return told


def _key(told: Json) -> str:
    if not isinstance(told, str) or not door.KEY.fullmatch(told):
        raise at(f"/{KEY}", "It is 1 to 255 visible ASCII characters.")
    return told


def theirs(text: str) -> str:
    """Write pointers into the API's body as pointers into the tool's arguments."""
    for ours, named in ACTION.items():
        text = text.replace(f"/action/{ours}", f"/{named}")
    return text


def _reason(request: Request) -> str | None:
    wanted = Verdict.DENY if request.state is State.DENIED else Verdict.APPROVE
    said = [review.reason for review in request.reviews if review.verdict is wanted and review.reason]
    return "; ".join(said) or (None if request.reviews else request.plan.reason)
