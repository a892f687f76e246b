"""Callbacks on the wire: signed, at least once, and not held up by the worst receivers."""

from __future__ import annotations

import asyncio
import gzip
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from bot.core.terms import CallbackKind, Executor, ExecutorName
from bot.keys import Keys
from bot.ports import Callback, Caller, Gone, Later, Never
from handlers import aap
from handlers.executor import egress
from handlers.executor.callback import Callbacks
from tests.fixtures.clock import NOON, FakeClock
from tests.fixtures.received import received
from tests.fixtures.requests import APPROVED

OLD = "whsec_" + b64encode(b"o" * 32).decode()
NEW = "whsec_" + b64encode(b"n" * 32).decode()
TOLD = Callback(5, ExecutorName("db-runner"), 3, CallbackKind.APPROVED, APPROVED.id, NOON)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Bench:
    """A caller, and the receivers it calls."""

    callbacks: Callbacks
    keys: Keys
    clock: FakeClock
    ports: dict[str, int] = field(default_factory=dict)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")

    def executor(self, url: str | None) -> Executor:
        sealed = tuple(self.keys.seal(secret.encode()) for secret in (NEW, OLD))
        return Executor(ExecutorName("db-runner"), url, sealed, NOON)

    async def call(self, url: str | None = None, told: Callback = TOLD) -> None:
        grant = self.keys.grant(APPROVED) if told.kind is CallbackKind.APPROVED else None
        url = url or f"http://127.0.0.1:{self.ports['good']}/hook"
        await self.callbacks.call(self.executor(url), told, APPROVED, grant)

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append((dict(request.headers), await request.read()))
        status, headers, body = self.answer
        return web.Response(status=status, headers=headers, body=body)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = FakeClock()
    keys = Keys.open(tmp_path / "keys", "https://assent.example.com", clock)
    async with egress.session(egress.inward) as session:
        made = Bench(Callbacks(session, keys, clock, "https://assent.example.com", aap.resolved), keys, clock)
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", made.hear)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.ports["good"] = runner.addresses[0][1]
        yield made
        await session.close()
        await runner.cleanup()


@asynccontextmanager
async def raw(handler: Handler) -> AsyncIterator[str]:
    """A receiver that speaks as it likes; yields its URL."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await handler(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"


def says(text: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return handler


async def test_callbacks_fulfil_the_port(bench: Bench) -> None:
    caller: Caller = bench.callbacks
    assert caller


async def test_an_approval_is_told_and_signed(bench: Bench) -> None:
    await bench.call()
    ((headers, body),) = bench.heard
    told = json.loads(body)
    assert told["type"] == "request.approved"
    assert told["data"]["sequence"] == 3
    assert told["data"]["grant"] == bench.keys.grant(APPROVED)
    assert told["data"]["action"]["parameters"]["dsn"] == {"redacted": True}
    assert b"hunter2" not in body
    for secret in (OLD, NEW):
        assert received(headers, body, NOON, [secret])
    assert received(headers, body, NOON, public_keys=bench.keys.webhook_keys())


async def test_the_standards_own_library_verifies_what_arrives(bench: Bench) -> None:
    await bench.call()
    ((headers, body),) = bench.heard
    theirs = Webhook(NEW).sign(headers["webhook-id"], NOON.replace(tzinfo=None), body.decode())
    assert theirs in headers["webhook-signature"].split(" ")


async def test_a_second_attempt_has_the_same_id_and_body_and_a_new_time(bench: Bench) -> None:
    await bench.call()
    bench.clock.advance(timedelta(seconds=10))
    await bench.call()
    (first, body), (second, again) = bench.heard
    assert first["webhook-id"] == second["webhook-id"] == f"msg_{APPROVED.id}_3"
    assert body == again
    assert int(second["webhook-timestamp"]) == int(first["webhook-timestamp"]) + 10
    await bench.call(told=replace(TOLD, sequence=4))
    assert bench.heard[2][0]["webhook-id"] != first["webhook-id"]


async def test_a_denial_carries_no_grant(bench: Bench) -> None:
    await bench.call(told=replace(TOLD, kind=CallbackKind.DENIED))
    assert json.loads(bench.heard[0][1])["data"]["grant"] is None


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_done(bench: Bench, status: int) -> None:
    bench.answer = (status, {}, b"")
    await bench.call()


async def test_410_is_gone(bench: Bench) -> None:
    bench.answer = (410, {}, b"")
    with pytest.raises(Gone):
        await bench.call()


@pytest.mark.parametrize("status", [400, 401, 404, 409, 418, 500, 502, 504])
async def test_any_other_status_is_tried_again_by_the_table(bench: Bench, status: int) -> None:
    bench.answer = (status, {"Retry-After": "60"} if status < 429 else {}, b"hunter2")
    with pytest.raises(Later, match=str(status)) as caught:
        await bench.call()
    assert caught.value.after == timedelta(0)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60", 60),
        ("0", 0),
        ("Mon, 02 Mar 2026 12:02:00 GMT", 120),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0),
        ("999999999", 86400),
        ("Mon, 02 Mar 9999 12:02:00 GMT", 86400),
        ("9" * 100, 0),
        ("-1", 0),
        ("soon", 0),
        ("", 0),
        ("Mon, 99 Mar 2026 12:02:00 GMT", 0),
        ("1 Jan 0001 00:00:00 +2359", 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured(bench: Bench, status: int, text: str, seconds: int) -> None:
    bench.answer = (status, {"Retry-After": text}, b"")
    with pytest.raises(Later) as caught:
        await bench.call()
    assert caught.value.after == timedelta(seconds=seconds)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(bench: Bench, status: int) -> None:
    bench.answer = (status, {"Location": f"http://127.0.0.1:{bench.ports['good']}/inside"}, b"")
    with pytest.raises(Later, match=str(status)):
        await bench.call()
    assert len(bench.heard) == 1


async def test_an_address_inside_will_never_work(bench: Bench) -> None:
    async with egress.session(egress.outward) as session:
        callbacks = replace(bench.callbacks, session=session)
        with pytest.raises(Never, match="inside"):
            await replace(bench, callbacks=callbacks).call()
    assert bench.heard == []


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "ftp://x.example/", "http://[::1", "http://a:99999/", "//x"]
)
async def test_an_address_that_is_no_url_will_never_work(bench: Bench, url: str) -> None:
    with pytest.raises(Never, match="URL"):
        await bench.call(url)


async def test_a_password_in_an_address_that_was_registered_before_is_not_sent(bench: Bench) -> None:
    with pytest.raises(Never, match="holds no name or password"):
        await bench.call(url=f"http://ana:s3cret@127.0.0.1:{bench.ports['good']}/x")


async def test_an_executor_without_an_address_is_not_called(bench: Bench) -> None:
    with pytest.raises(Never):
        await bench.callbacks.call(bench.executor(None), TOLD, APPROVED, None)


async def test_without_a_readable_secret_nothing_is_sent(bench: Bench) -> None:
    url = f"http://127.0.0.1:{bench.ports['good']}/"
    for sealed in ((), (b"hunter2",), (bench.keys.seal(b"hunter2"),), (bench.keys.seal(b"\xff"),)):
        executor = replace(bench.executor(url), secrets=sealed)
        with pytest.raises(Never) as caught:
            await bench.callbacks.call(executor, TOLD, APPROVED, None)
        assert "hunter2" not in str(caught.value)
    assert bench.heard == []


async def test_nobody_listening_is_tried_again(bench: Bench, free_port: int) -> None:
    with pytest.raises(Later, match="no connection"):
        await bench.call(f"http://127.0.0.1:{free_port}/")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200\r\n",
        b"HTTP/1.1 999999 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
async def test_whatever_a_receiver_says_is_one_of_our_own_errors(bench: Bench, answer: bytes) -> None:
    async with raw(says(answer)) as url:
        with pytest.raises(Later):
            await bench.call(url)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 1_000_000,
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
        HEAD + b"Content-Length: 10\r\n\r\nhalf",
        HEAD + b"Set-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_after_a_2xx_nothing_in_the_answer_matters(bench: Bench, answer: bytes) -> None:
    async with raw(says(answer)) as url:
        await bench.call(url)


async def test_a_compressed_bomb_is_not_unpacked(bench: Bench) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    bench.answer = (200, {"Content-Encoding": "gzip"}, bomb)
    began = monotonic()
    await bench.call()
    assert monotonic() - began < 1
    assert bench.heard[0][0]["Accept-Encoding"] == "identity"


async def test_an_endless_answer_costs_its_connection_and_a_second(bench: Bench) -> None:
    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    began = monotonic()
    async with raw(drips) as url:
        await bench.call(url)
    assert monotonic() - began < 3


async def test_one_connection_is_used_for_many_calls(bench: Bench) -> None:
    peers: set[Any] = set()

    async def hear(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(body=b"x" * 1000)

    bench.hear = hear  # type: ignore[method-assign]
    app = web.Application()
    app.router.add_post("/hook", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for _ in range(5):
        await bench.call(f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    await runner.cleanup()
    assert len(peers) == 1


async def test_slow_and_half_open_receivers_do_not_hold_up_the_others(tmp_path: Path, bench: Bench) -> None:
    """Total timeouts are shortened, so that the test need not wait the ten seconds."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def drip_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in HEAD * 10:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.2)

    bench.callbacks.session._timeout = aiohttp.ClientTimeout(total=2)
    async with raw(silent) as first, raw(drip_head) as second:
        stuck = [asyncio.create_task(bench.call(url)) for url in (first, second) for _ in range(15)]
        await asyncio.sleep(0.1)
        began = monotonic()
        for _ in range(20):
            await bench.call()
        assert monotonic() - began < 1.5
        outcomes = await asyncio.gather(*stuck, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Later}
    assert len(bench.heard) == 20
