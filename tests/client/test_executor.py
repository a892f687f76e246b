"""The executor: at most once, whatever is heard, lost or killed."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from asyncio.subprocess import PIPE
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from assent import Done, Executor, Failed, Misused, Receipt
from assent.with_aiohttp import install
from assent.with_asgi import Receiver
from bot.core.signing import sign
from tests.client.proxy import a_network
from tests.client.world import OPERATOR, ROOT, Answer, Assent, until
from tests.fixtures.clock import NOON

MAIL = {"action": {"name": "mail.send", "parameters": {"to": "you@example.com", "password": "hunter2"}}}


async def _asked(server: Assent) -> Answer:
    """Ask for mail to be sent, and get it approved."""
    asked: Answer = await server.call(server.key, "POST", "/v1/requests", MAIL)
    await server.decide("approve")
    return asked


async def _ended(server: Assent, asked: Answer) -> Answer:
    """Wait until the executor has reported; return the request."""

    async def reported() -> bool:
        return (await server.seen(asked))["outcome"] is not None

    await until(reported)
    return await server.seen(asked)


def _mailer(server: Assent, key: str, folder: Path, **more: Any) -> tuple[Executor, list[Receipt]]:
    """Return an executor that keeps the receipts it ran."""
    executor, ran = Executor(server.url, key, journal=folder / "journal.db", **more), list[Receipt]()

    @executor.runs("mail.send")
    def send(receipt: Receipt) -> Done:
        ran.append(receipt)
        return Done("sent", b"250 OK")

    return executor, ran


@pytest.fixture
async def key(server: Assent) -> str:
    """The key of an executor `mailer` that is never called."""
    _, key = await server.parts.admin.add_executor("mailer", None, OPERATOR)
    return str(key)


async def test_one_that_cannot_be_called_asks_runs_once_and_reports(
    server: Assent, key: str, tmp_path: Path
) -> None:
    executor, ran = _mailer(server, key, tmp_path)
    async with executor.polling():
        asked = await _asked(server)
        seen = await _ended(server, asked)
    executor.close()
    assert [receipt.parameters for receipt in ran] == [MAIL["action"]["parameters"]]
    assert (seen["state"], seen["outcome"]["note"]) == ("succeeded", "sent")
    assert seen["outcome"]["output_digest"] == sha256(b"250 OK").hexdigest()


async def test_what_was_approved_while_it_was_away_runs_when_it_is_back(
    server: Assent, key: str, tmp_path: Path
) -> None:
    asked = await _asked(server)
    executor, ran = _mailer(server, key, tmp_path)
    async with executor.polling():
        await _ended(server, asked)
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
        notes = [(await _ended(server, await _asked(server)))["outcome"] for _ in range(3)]
    executor.close()
    assert [one["status"] for one in notes] == ["failed"] * 3
    assert [one["note"] for one in notes] == ["mailbox full", "ValueError", "RuntimeError"]


async def test_an_action_it_does_not_know_is_not_run(server: Assent, key: str, tmp_path: Path) -> None:
    executor = Executor(server.url, key, journal=tmp_path / "journal.db")
    async with executor.polling():
        seen = await _ended(server, await _asked(server))
    executor.close()
    assert seen["outcome"]["note"] == "not run: this executor does not know mail.send"


async def test_answers_lost_on_the_way_run_nothing_twice(server: Assent, key: str, tmp_path: Path) -> None:
    async with a_network(server.url) as network:
        network.lose = {"/executions": 1, "/redeem": 2, "/outcome": 2}
        ran: list[Receipt] = []
        executor = Executor(network.url, key, journal=tmp_path / "journal.db")
        executor.runs("mail.send")(ran.append)
        async with executor.polling():
            asked = await _asked(server)
            seen = await _ended(server, asked)
        executor.close()
    assert (len(ran), seen["state"]) == (1, "succeeded")
    assert (network.lose["/executions"], network.lose["/redeem"]) == (0, 0)


async def test_two_of_them_with_a_journal_each_run_it_once(server: Assent, key: str, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    (one, first), (two, second) = (_mailer(server, key, folder) for folder in folders)
    async with one.polling(), two.polling():
        for _ in range(5):
            await _ended(server, await _asked(server))
    one.close()
    two.close()
    assert len(first) + len(second) == 5


async def test_a_journal_belongs_to_one_process(server: Assent, key: str, tmp_path: Path) -> None:
    executor, _ = _mailer(server, key, tmp_path)
    with pytest.raises(Misused, match="cannot be used as a journal"):
        Executor(server.url, key, journal=tmp_path / "journal.db")
    executor.close()


async def test_a_revoked_grant_is_not_run(server: Assent, key: str, tmp_path: Path) -> None:
    asked = await _asked(server)
    await server.revoke(asked)
    executor, ran = _mailer(server, key, tmp_path)
    async with executor.polling():
        await asyncio.sleep(0.5)
    executor.close()
    assert ran == []
    assert (await server.seen(asked))["state"] == "revoked"


@pytest.fixture
def receiver_port() -> int:
    """A port on loopback besides the server's."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
    asked = await _asked(server)
    async with _process(server.url, key, tmp_path, "die") as process:
        assert await process.wait() == 9
    async with _process(server.url, key, tmp_path, "live"):
        seen = await _ended(server, asked)
    assert (tmp_path / "mark").read_text() == "ran\n"
    assert seen["outcome"]["status"] == "failed"
    assert "perhaps it ran" in seen["outcome"]["note"]


async def test_killed_between_redeeming_and_running_it_runs_once_after_all(
    server: Assent, key: str, tmp_path: Path
) -> None:
    asked = await _asked(server)
    async with a_network(server.url) as network:
        network.hang = "/redeem"
        async with _process(network.url, key, tmp_path, "live"):

            async def released() -> bool:
                return bool((await server.seen(asked))["state"] == "released")

            await until(released)
    async with _process(server.url, key, tmp_path, "live"):
        seen = await _ended(server, asked)
    assert (tmp_path / "mark").read_text() == "ran\n"
    assert seen["state"] == "succeeded"


async def test_a_receipt_is_not_used_after_its_time(server: Assent, key: str, tmp_path: Path) -> None:
    asked = await _asked(server)
    executor, ran = _mailer(server, key, tmp_path, now=lambda: time.time() + 301)
    async with executor.polling():
        seen = await _ended(server, asked)
    executor.close()
    assert (ran, seen["outcome"]["status"]) == ([], "failed")
    assert "away until after the time" in seen["outcome"]["note"]


# ── receivers ────────────────────────────────────────────────────────────────────────────────────


async def test_the_aiohttp_receiver_is_called_runs_and_reports(
    server: Assent, tmp_path: Path, receiver_port: int
) -> None:
    url = f"http://127.0.0.1:{receiver_port}/assent"
    secret, key = await server.parts.admin.add_executor("mailer", url, OPERATOR)
    executor, ran = _mailer(server, key, tmp_path, secrets=[secret])
    app = web.Application()
    install(app, executor)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", receiver_port).start()
    try:
        seen = await _ended(server, await _asked(server))
        async with ClientSession() as http:
            async with http.post(url, data=b"{}") as answer:
                assert answer.status == 401
            async with http.post(url, data=BytesIO(b"x" * (1024 * 1024 + 1))) as answer:
                assert answer.status == 413
    finally:
        await runner.cleanup()
        executor.close()
    assert (len(ran), seen["state"]) == (1, "succeeded")


SECRET = "whsec_" + b64encode(b"s" * 32).decode()


async def _asgi(receiver: Receiver, method: str, headers: Any, *chunks: bytes) -> int:
    """Call an ASGI application as a server does; return the status."""
    queue = [{"type": "http.request", "body": one, "more_body": True} for one in chunks]
    queue.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        return queue.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await receiver({"type": "http", "method": method, "headers": headers}, receive, send)
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    return int(sent[0]["status"])


async def test_the_asgi_receiver_takes_what_is_signed_and_works_while_it_is_up(
    server: Assent, key: str, tmp_path: Path
) -> None:
    executor, ran = _mailer(server, key, tmp_path, secrets=[SECRET], now=NOON.timestamp)
    receiver = Receiver(executor)
    asked = await _asked(server)
    told = (await server.call(key, "GET", "/v1/executions"))["executions"][0]
    body = json.dumps(told).encode()
    headers = [(name.encode(), value.encode()) for name, value in sign("msg_1", NOON, body, [SECRET]).items()]
    events: asyncio.Queue[Any] = asyncio.Queue()
    said: list[str] = []

    async def send(message: Any) -> None:
        said.append(message["type"])

    events.put_nowait({"type": "lifespan.startup"})
    life = asyncio.create_task(receiver({"type": "lifespan"}, events.get, send))
    statuses = [
        await _asgi(receiver, "POST", headers, body[:10], body[10:]),
        await _asgi(receiver, "POST", headers, body),
        await _asgi(receiver, "POST", headers, body + b" "),
        await _asgi(receiver, "GET", headers),
        await _asgi(receiver, "POST", headers, b"x" * (1024 * 1024 + 1)),
    ]
    await _ended(server, asked)
    events.put_nowait({"type": "lifespan.shutdown"})
    await life
    executor.close()
    assert statuses == [204, 204, 401, 405, 413]
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert len(ran) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"type": "request.approved", "data": {}}',
        b'{"type": "request.approved", "data": {"grant": 5}}',
        b'{"type": "request.approved", "data": {"grant": "a.b.c", "id": "req_1", "digest": "x"}}',
        b'{"type": "request.approved", "type": "x", "data": {}}',
        b'{"type": "request.approved", "data": {"grant": null, "id": "\\ud800"}}',
        b"{" * 100_000,
        b'{"type": 1e999, "data": {}}',
        b"\xff\xfe{\x00}\x00",
    ],
)
async def test_nothing_that_is_signed_breaks_a_receiver(tmp_path: Path, body: bytes) -> None:
    where = "http://127.0.0.1:9"
    executor = Executor(where, "k", journal=tmp_path / "j.db", secrets=[SECRET], now=NOON.timestamp)
    status = await executor.hear(sign("msg_1", NOON, body, [SECRET]), body)
    executor.close()
    assert status in (204, 400, 401)
