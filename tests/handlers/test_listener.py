"""What cannot be read as HTTP is answered like everything else, and neither quoted nor logged."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bot.core.errors import Refusal
from bot.core.terms import Actor
from bot.ids import RandomIds
from handlers import problems
from handlers.listener import Runner
from handlers.record import Record

KEY = "assent_agent_s3cret"
HEAD = f"GET /things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}"
Send = Callable[[str], Awaitable[tuple[str, dict[str, str], bytes]]]


async def nobody(_: str) -> Actor | None:
    return None


async def nothing(_: Actor, _refusal: Refusal, _route: str) -> None:
    pytest.fail("what nobody could read is nobody's refusal")


async def fine(_: web.Request) -> web.Response:
    return web.json_response({})


@asynccontextmanager
async def listening() -> AsyncIterator[Send]:
    """Yield what sends raw bytes to a server and returns the status line, the headers and the body."""
    app, ids = web.Application(), RandomIds()
    problems.install(app, ids, Record(nobody, nothing))
    app.router.add_get("/things", fine)
    runner = Runner(app, ids, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]

    async def send(text: str) -> tuple[str, dict[str, str], bytes]:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(text.encode("latin-1"))
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        return status.split(" ")[1], dict(line.split(": ", 1) for line in lines), body

    yield send
    await runner.cleanup()


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}\x01\r\n\r\n",
        f"{HEAD}\x00\r\n\r\n",
        f"{HEAD}\r\nX: {'a' * 9000}\r\n\r\n",
        f"GET /things HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer {KEY}\r\n\r\n",
        f"GET /things/{KEY} x HTTP/1.1\r\nHost: x\r\n\r\n",
        f"G@T /things?token={KEY} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /{KEY * 500} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"{HEAD}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "\x16\x03\x01\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem_with_an_id_and_its_secrets_are_told_to_nobody(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as logged:
        async with listening() as send:
            status, headers, body = await send(text)
    told = json.loads(body)
    assert status == "400"
    assert headers["Content-Type"] == "application/problem+json"
    assert told["type"] == "urn:assent:problem:bad-request"
    assert told["detail"].startswith("Send it as HTTP/1.1")
    [event] = logged
    assert event["event"] == "http.unreadable"
    assert event["request_id"] == headers["X-Request-ID"]
    assert KEY not in f"{body!r}{headers}{logged}{caplog.text}"


async def test_an_expectation_that_nobody_can_meet_is_a_problem_too() -> None:
    async with listening() as send:
        status, headers, body = await send(f"{HEAD}\r\nExpect: {KEY}\r\nConnection: close\r\n\r\n")
    assert status == "417"
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["type"] == "urn:assent:problem:expectation-failed"
    assert headers["X-Request-ID"]
    assert headers["Server"] == "assent"
    assert KEY.encode() not in body


async def test_what_can_be_read_is_answered_as_ever() -> None:
    async with listening() as send:
        status, headers, body = await send(f"{HEAD}\r\nConnection: close\r\n\r\n")
    assert (status, body) == ("200", b"{}")
    assert headers["X-Request-ID"]
    assert headers["Server"] == "assent"  # no version of anything
