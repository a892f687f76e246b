"""Past requests planned again by another bundle."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.errors import Refusal
from bot.core.policy import Bundle, Directory, plan
from bot.core.terms import Agent, Ask, Plan, Registry, Request


def differences(
    requests: Sequence[Request], registry: Registry, bundle: Bundle, directory: Directory
) -> list[tuple[str, str, str, str]]:
    """Return (request, action, was, would be) of each request that would be planned otherwise.

    Allow-limits count as unused, and the agent is as it is registered now.
    """
    rows: list[tuple[str, str, str, str]] = []
    for request in requests:
        was, would = _words(request.plan), _again(request, registry, bundle, directory)
        if was != would:
            rows.append((request.id, request.action.name, was, would))
    return rows


def _again(request: Request, registry: Registry, bundle: Bundle, directory: Directory) -> str:
    agent = registry.agents.get(request.subject.agent) or _gone(request)
    ask = Ask(
        action=request.action,
        body_digest=request.digest,
        resource=request.resource,
        on_behalf_of=request.subject.on_behalf_of,
        justification=request.justification,
        summary=request.summary,
        context=request.context,
    )
    try:
        planned = plan(
            bundle,
            directory,
            agent,
            ask,
            request.created_at,
            {},
            executes=agent.executes,
            commit=lambda _: "",
        )
    except Refusal as refusal:
        return f"refused: {refusal.detail}"
    return _words(planned)


def _gone(request: Request) -> Agent:
    """Stand in for an agent that is no longer registered."""
    people = frozenset((request.owner, *filter(None, (request.subject.on_behalf_of,))))
    return Agent(request.subject.agent, request.owner, people, False, 1, 1, request.created_at)


def _words(planned: Plan) -> str:
    stages = " → ".join(f"{s.name}: {s.quorum} of {', '.join(s.approvers)}" for s in planned.stages)
    rules = ", ".join(planned.rules) or "no rule"
    return f"{planned.effect.value} by {rules}" + (f" ({stages})" if stages else "")
