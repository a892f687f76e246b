"""On the request page: questions to the agent, its answers as its claims, and who is looking."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from bot.core.terms import Actor, ActorKind, AgentName, Proof, Request, State, Surface
from tests.fixtures.clock import FakeClock
from tests.handlers.web.world import Browser, World, signed_in

EVIL = "<script>alert(1)</script>\u202e {{ 7*7 }}"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;"


async def answered(world: World, request: Request, number: int, text: str) -> None:
    """Let the agent answer."""
    registry = await world.parts.store.registry()
    by = Actor(ActorKind.AGENT, "deployer", Surface.API, "deployer", Proof.KEY)
    agent = registry.agents[AgentName("deployer")]
    await world.parts.intake.answer(agent, request.id, number, text, by)


async def test_a_question_and_its_answer_stand_on_the_page_as_they_were_written(
    world: World, ana: Browser
) -> None:
    request = await world.asked()
    page = await ana.decide(request, "ask", f"Why? {EVIL}")
    assert page.status == 200
    assert "Not answered yet" in page.text
    await answered(world, request, 1, EVIL)
    page = await ana.get(f"/requests/{request.id}")
    assert page.text.count(SHOWN) >= 2
    assert "<script>alert" not in page.text
    assert "⟨U+202E⟩" in page.text
    assert "nobody has checked them" in page.text
    assert "answer to question 1: contains U+202E" in page.text
    assert (await world.now(request)).state is State.PENDING


async def test_who_only_may_comment_may_ask_but_cannot_say_that_they_look(
    world: World, stack: AsyncExitStack
) -> None:
    request, ed = await world.asked(), await signed_in(stack, world, "ed")
    page = await ed.get(f"/requests/{request.id}")
    assert 'value="ask"' in page.text
    assert 'value="look"' not in page.text
    assert (await ed.decide(request, "ask", "Which table?")).status == 200
    assert (await ed.decide(request, "look")).status == 403
    [question] = (await world.now(request)).questions
    assert (question.person, question.text, question.by.surface) == ("ed", "Which table?", "web")


async def test_an_approver_who_looks_is_named_until_the_look_ends(
    clock: FakeClock, world: World, ana: Browser, stack: AsyncExitStack
) -> None:
    request, bo = await world.asked(), await signed_in(stack, world, "bo")
    page = await ana.decide(request, "look")
    assert "ana is looking, until" in page.text
    assert 'value="look"' not in page.text
    assert 'value="look"' in (await bo.get(f"/requests/{request.id}")).text
    clock.advance(timedelta(minutes=5))
    assert "is looking, until" not in (await bo.get(f"/requests/{request.id}")).text
    assert (await ana.decide(request, "look")).status == 409


@pytest.mark.parametrize("reason", ["", "  "])
async def test_a_question_without_words_is_refused_on_the_page(
    world: World, ana: Browser, reason: str
) -> None:
    request = await world.asked()
    page = await ana.decide(request, "ask", reason)
    assert page.status == 409
    assert "A question needs words" in page.text
    assert (await world.now(request)).questions == ()
