"""Past requests planned again by another bundle."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.errors import Refusal
from bot.core.policy import Bundle, Directory, agent_of, ask_of, plan
from bot.core.terms import Plan, Registry, Request


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
    agent = agent_of(request, registry)
    try:
        planned = plan(
            bundle,
            directory,
            agent,
            ask_of(request),
            request.created_at,
            {},
            executes=agent.executes,
            commit=lambda _: "",
        )
    except Refusal as refusal:
        return f"refused: {refusal.detail}"
    return _words(planned)


def _words(planned: Plan) -> str:
    stages = " → ".join(f"{s.name}: {s.quorum} of {', '.join(s.approvers)}" for s in planned.stages)
    rules = ", ".join(planned.rules) or "no rule"
    return f"{planned.effect.value} by {rules}" + (f" ({stages})" if stages else "")
