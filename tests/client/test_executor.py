"""The executor: at most once, whatever is heard, lost or killed."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from assent import Executor, Failed, Misused, Receipt
from tests.client.mailers import MAIL, asked_mail, ended, mailer
from tests.client.proxy import a_network
from tests.client.world import ROOT, Assent, until


async def test_one_that_cannot_be_called_asks_runs_once_and_reports(
    server: Assent, key: str, tmp_path: Path
) -> None:
    executor, ran = mailer(server, key, tmp_path)
    async with executor.polling():
        asked = await asked_mail(server)
        seen = await ended(server, asked)
    executor.close()
    assert [receipt.parameters for receipt in ran] == [MAIL["action"]["parameters"]]
    assert (seen["state"], seen["outcome"]["note"]) == ("succeeded", "sent")
    assert seen["outcome"]["output_digest"] == sha256(b"250 OK").hexdigest()


async def test_what_was_approved_while_it_was_away_runs_when_it_is_back(
    server: Assent, key: str, tmp_path: Path
) -> None:
    asked = await asked_mail(server)
    executor, ran = mailer(server, key, tmp_path)
    async with executor.polling():
        await ended(server, asked)
    executor.close()
    assert len(ran) == 1


async def test_an_action_fails_in_its_own_words_or_by_the_name_of_what_it_raised(
    server: Assent, key: str, tmp_path: Path
) -> None:
    executor = Executor(server.url, key, journal=tmp_path / "journal.db")
    failures: Iterator[Exception] = iter([Failed("mailbox full"), ValueError("hunter2"), StopIteration()])

    @executor.runs("mail.send")
    async def send(_: Receipt) -> None:
        raise next(failures)

    async with executor.polling():
        notes = [(await ended(server, await asked_mail(server)))["outcome"] for _ in range(3)]
    executor.close()
    assert [one["status"] for one in notes] == ["failed"] * 3
    assert [one["note"] for one in notes] == ["mailbox full", "ValueError", "RuntimeError"]


async def test_an_action_it_does_not_know_is_not_run(server: Assent, key: str, tmp_path: Path) -> None:
    executor = Executor(server.url, key, journal=tmp_path / "journal.db")
    async with executor.polling():
        seen = await ended(server, await asked_mail(server))
    executor.close()
    assert seen["outcome"]["note"] == "not run: this executor does not know mail.send"


async def test_answers_lost_on_the_way_run_nothing_twice(server: Assent, key: str, tmp_path: Path) -> None:
    async with a_network(server.url) as network:
        network.lose = {"/executions": 1, "/redeem": 2, "/outcome": 2}
        ran: list[Receipt] = []
        executor = Executor(network.url, key, journal=tmp_path / "journal.db")
        executor.runs("mail.send")(ran.append)
        async with executor.polling():
            asked = await asked_mail(server)
            seen = await ended(server, asked)
        executor.close()
    assert (len(ran), seen["state"]) == (1, "succeeded")
    assert (network.lose["/executions"], network.lose["/redeem"]) == (0, 0)


async def test_two_of_them_with_a_journal_each_run_it_once(server: Assent, key: str, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    (one, first), (two, second) = (mailer(server, key, folder) for folder in folders)
    async with one.polling(), two.polling():
        for _ in range(5):
            await ended(server, await asked_mail(server))
    one.close()
    two.close()
    assert len(first) + len(second) == 5


async def test_a_journal_belongs_to_one_process(server: Assent, key: str, tmp_path: Path) -> None:
    executor, _ = mailer(server, key, tmp_path)
    with pytest.raises(Misused, match="cannot be used as a journal"):
        Executor(server.url, key, journal=tmp_path / "journal.db")
    executor.close()


async def test_a_revoked_grant_is_not_run(server: Assent, key: str, tmp_path: Path) -> None:
    asked = await asked_mail(server)
    await server.revoke(asked)
    executor, ran = mailer(server, key, tmp_path)
    async with executor.polling():
        await asyncio.sleep(0.5)
    executor.close()
    assert ran == []
    assert (await server.seen(asked))["state"] == "revoked"


KILLED = """
import asyncio, os, sys, pathlib
from assent import Executor
executor = Executor(sys.argv[1], sys.argv[2], journal=sys.argv[3])
@executor.runs("mail.send")
async def send(receipt):
    with open(sys.argv[4], "a") as mark:
        mark.write("ran\\n")
    if sys.argv[5] == "die":
        os._exit(9)
asyncio.run(executor.serve())
"""


@asynccontextmanager
async def _process(url: str, key: str, folder: Path, how: str) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = (url, key, str(folder / "journal.db"), str(folder / "mark"), how)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, *arguments, env={"PYTHONPATH": str(ROOT / "client")}, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_killed_in_the_middle_of_the_action_it_never_starts_it_again(
    server: Assent, key: str, tmp_path: Path
) -> None:
    asked = await asked_mail(server)
    async with _process(server.url, key, tmp_path, "die") as process:
        assert await process.wait() == 9
    async with _process(server.url, key, tmp_path, "live"):
        seen = await ended(server, asked)
    assert (tmp_path / "mark").read_text() == "ran\n"
    assert seen["outcome"]["status"] == "failed"
    assert "perhaps it ran" in seen["outcome"]["note"]


async def test_killed_between_redeeming_and_running_it_runs_once_after_all(
    server: Assent, key: str, tmp_path: Path
) -> None:
    asked = await asked_mail(server)
    async with a_network(server.url) as network:
        network.hang = "/redeem"
        async with _process(network.url, key, tmp_path, "live"):

            async def released() -> bool:
                return bool((await server.seen(asked))["state"] == "released")

            await until(released)
    async with _process(server.url, key, tmp_path, "live"):
        seen = await ended(server, asked)
    assert (tmp_path / "mark").read_text() == "ran\n"
    assert seen["state"] == "succeeded"


async def test_a_receipt_is_not_used_after_its_time(server: Assent, key: str, tmp_path: Path) -> None:
    asked = await asked_mail(server)
    executor, ran = mailer(server, key, tmp_path, now=lambda: time.time() + 301)
    async with executor.polling():
        seen = await ended(server, asked)
    executor.close()
    assert (ran, seen["outcome"]["status"]) == ([], "failed")
    assert "away until after the time" in seen["outcome"]["note"]
