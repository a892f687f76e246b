"""The receivers of callbacks: aiohttp, ASGI, and whatever somebody signs."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from assent import Executor
from assent.with_aiohttp import install
from assent.with_asgi import Receiver
from bot.core.signing import sign
from tests.client.mailers import asked_mail, ended, mailer
from tests.client.world import OPERATOR, Assent
from tests.fixtures.clock import NOON


async def test_the_aiohttp_receiver_is_called_runs_and_reports(
    server: Assent, tmp_path: Path, receiver_port: int
) -> None:
    url = f"http://127.0.0.1:{receiver_port}/assent"
    secret, key = await server.parts.admin.add_executor("mailer", url, OPERATOR)
    executor, ran = mailer(server, key, tmp_path, secrets=[secret])
    app = web.Application()
    install(app, executor)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", receiver_port).start()
    try:
        seen = await ended(server, await asked_mail(server))
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
    executor, ran = mailer(server, key, tmp_path, secrets=[SECRET], now=NOON.timestamp)
    receiver = Receiver(executor)
    asked = await asked_mail(server)
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
    await ended(server, asked)
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
