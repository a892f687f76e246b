"""A question of whoever decides is shown where the command waits, and answered from any shell."""

from __future__ import annotations

import json
from pathlib import Path

from tests.client.test_questions import asks
from tests.client.world import Assent, until


async def test_a_waiting_command_shows_a_question_and_runs_after_the_answer(
    server: Assent, tmp_path: Path
) -> None:
    command = await server.begin("run", "--json", "--", "touch", str(tmp_path / "mark"))
    await asks(server, "Why there?\u202e")
    request = await server.pending()
    assert command.process.stderr is not None
    while b'"event": "question"' not in (line := await command.process.stderr.readline()):
        assert line, "it has ended"
    told = json.loads(line)
    assert (told["id"], told["question"], told["words"]) == (request["id"], 1, "Why there?\u202e")
    answered = await server.run("answer", request["id"], "Nothing else lives there.")
    assert (answered.code, answered.out) == (0, f"{request['id']}\n")
    assert (await server.pending())["questions"][0]["answer"] == "Nothing else lives there."
    await server.decide("approve")
    assert (await command.ends()).code == 0
    assert (tmp_path / "mark").exists()


async def test_a_log_says_who_asks_and_how_to_answer_and_nothing_in_it_is_invisible(server: Assent) -> None:
    command = await server.begin("request", "shell.run", "--param", "argv:=[]", "--wait", *_WHERE)
    await asks(server, "Why?\u202e")
    request = await server.pending()
    await asks(server, "And when?")

    async def both() -> bool:
        return len((await server.pending())["questions"]) == 2

    await until(both)
    await server.decide("approve")
    said = (await command.ends()).err
    assert "! somebody asks: Why?\\u202e" in said
    assert f'answer with: assent answer {request["id"]} "…"' in said
    shown = (await server.run("show", request["id"])).out
    assert "question 1: Why?\\u202e\n    not answered" in shown


async def test_the_one_open_question_is_meant_and_of_several_one_is_named(server: Assent) -> None:
    made = (await server.run("request", "shell.run", "--param", "argv:=[]", *_WHERE)).out.strip()
    none = await server.run("answer", made, "Because.")
    assert (none.code, "Nobody has asked" in none.err) == (2, True)
    await asks(server, "Why?")
    await asks(server, "When?")
    several = await server.run("answer", made, "Because.")
    assert (several.code, "1, 2" in several.err) == (2, True)
    assert (await server.run("answer", made, "Tonight.", "--question", "2")).code == 0
    assert (await server.run("answer", made, "Because.")).code == 0
    asked = (await server.pending())["questions"]
    assert [question["answer"] for question in asked] == ["Because.", "Tonight."]
    again = await server.run("answer", made, "Never mind.", "--question", "1")
    assert again.code == 78


_WHERE = ("--param", "cwd=/", "--param", "host=here")
