"""A request is asked again, of the same policy or of another: its ask and its agent, as it holds them."""

from __future__ import annotations

from bot.core.terms import Agent, Ask, Registry, Request


def ask_of(request: Request) -> Ask:
    """Return what was asked when the request was made."""
    return Ask(
        action=request.action,
        body_digest=request.digest,
        resource=request.resource,
        on_behalf_of=request.subject.on_behalf_of,
        justification=request.justification,
        summary=request.summary,
        context=request.context,
    )


def agent_of(request: Request, registry: Registry) -> Agent:
    """Return who asked; one that is no longer registered asks once more, as the request remembers it."""
    agent = registry.agents.get(request.subject.agent)
    if agent is not None:
        return agent
    people = frozenset((request.owner, *filter(None, (request.subject.on_behalf_of,))))
    return Agent(request.subject.agent, request.owner, people, False, 1, 1, request.created_at)
