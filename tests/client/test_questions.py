"""An agent hears what people want to know, and answers."""

from __future__ import annotations

import asyncio

from assent import Agent, Ask, Question
from tests.client.world import Assent, until

MIGRATION = Ask("db.migrate", {"env": "prod", "sql": "SELECT 1"})


async def asks(server: Assent, text: str) -> None:
    """Let ana ask about what waits for her."""
    request = await server.pending()
    path = f"/v1/requests/{request['id']}/questions"
    await server.call(await server.person("ana"), "POST", path, {"text": text})


async def test_each_question_is_answered_once_and_the_end_is_returned(server: Assent) -> None:
    agent, heard = Agent(server.url, server.key, patience=5), list[Question]()

    def answer(question: Question) -> str | None:
        heard.append(question)
        return f"about {question.text}" if "table" in question.text else None

    request = await asyncio.to_thread(agent.request, MIGRATION)
    attending = asyncio.create_task(asyncio.to_thread(agent.attend, request, answer))
    await asks(server, "Which table?")
    await asks(server, "Why?")
    await until(lambda: len(heard) == 2)
    await server.decide("approve")
    ended = await attending
    assert ended.state == "approved"
    assert [(one.number, one.text, one.answer) for one in ended.questions] == [
        (1, "Which table?", "about Which table?"),
        (2, "Why?", None),
    ]
    assert [question.number for question in heard] == [1, 2]
    assert heard[0].asked_by is None  # the policy does not reveal names


async def test_an_answer_that_comes_after_the_decision_is_no_trouble(server: Assent) -> None:
    agent = Agent(server.url, server.key, patience=5)
    request = await asyncio.to_thread(agent.request, MIGRATION)
    await asks(server, "Which table?")
    await server.decide("deny", "no")
    shown = await asyncio.to_thread(agent.answer, request, 1, "orders")
    assert shown.state == "denied"
    assert shown.questions[0].answer is None
