"""`assent run` when the network, the server or the process itself goes away."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.client.proxy import a_network
from tests.client.world import Assent, until


async def test_the_server_restarts_in_mid_wait(server: Assent) -> None:
    command = await server.begin("run", "--", "echo", "still here")
    await server.pending()
    await server.stop()
    await asyncio.sleep(0.5)
    await server.start()
    await server.decide("approve")
    ran = await command.ends()
    assert (ran.code, ran.out) == (0, "still here\n")


async def test_nobody_is_there(server: Assent) -> None:
    await server.stop()
    words = ("--patience", "1", "--", "echo", "hi")
    ran = await server.run("run", *words)
    assert (ran.code, ran.out) == (69, "")
    assert "cannot be reached" in ran.err


async def test_killed_between_redeeming_and_running_it_never_runs(server: Assent, tmp_path: Path) -> None:
    words = ("run", "--idempotency-key", "k", "--", "sh", "-c", "echo ran >> mark")
    async with a_network(server.url) as network:
        network.hang = "/redeem"
        command = await server.begin(*words, cwd=tmp_path, ASSENT_URL=network.url)
        request = await server.decide("approve")

        async def released() -> bool:
            return bool((await server.seen(request))["state"] == "released")

        await until(released)
        command.process.kill()
        await command.process.communicate()
    again = await server.run(*words, cwd=tmp_path)
    assert again.code == 78
    assert not (tmp_path / "mark").exists()


async def test_interrupted_while_it_redeems_it_does_not_run_and_says_so(
    server: Assent, tmp_path: Path
) -> None:
    async with a_network(server.url) as network:
        network.lose["/redeem"] = 3
        command = await server.begin("run", "--", "touch", "mark", cwd=tmp_path, ASSENT_URL=network.url)
        request = await server.decide("approve")

        async def released() -> bool:
            return bool((await server.seen(request))["state"] == "released")

        await until(released)
        command.process.send_signal(signal.SIGINT)
        ran = await command.ends()
    assert ran.code == 79
    assert not (tmp_path / "mark").exists()
    outcome = (await server.seen(request))["outcome"]
    assert (outcome["status"], outcome["note"]) == ("failed", "not run: interrupted before it started")


async def test_answers_lost_on_the_way_change_nothing(server: Assent, tmp_path: Path) -> None:
    async with a_network(server.url) as network:
        network.lose = {"/v1/requests": 2, "/executions": 1, "/redeem": 2, "/outcome": 2}
        words = ("run", "--", "sh", "-c", "echo ran >> mark")
        command = await server.begin(*words, cwd=tmp_path, ASSENT_URL=network.url)
        request = await server.decide("approve")
        assert (await command.ends()).code == 0
        assert network.lose == {"/v1/requests": 0, "/executions": 0, "/redeem": 0, "/outcome": 0}
    assert (tmp_path / "mark").read_text() == "ran\n"
    assert (await server.seen(request))["state"] == "succeeded"
    token = await server.person("ana")
    assert (await server.call(token, "GET", "/v1/inbox"))["requests"] == []


async def test_ctrl_c_before_the_answer_to_the_ask_came_withdraws_it_all_the_same(server: Assent) -> None:
    async with a_network(server.url) as network:
        network.hang = "/v1/requests"
        command = await server.begin("run", "--", "echo", "hi", ASSENT_URL=network.url)
        request = await server.pending()
        network.hang = None
        command.process.send_signal(signal.SIGINT)
        ran = await command.ends()
    assert (ran.code, ran.out) == (79, "")
    assert (await server.seen(request))["state"] == "cancelled"
