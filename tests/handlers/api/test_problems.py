"""Problems: every refusal and every failure reads the same way, and tells no secret."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bot.core import errors
from bot.core.errors import Refusal
from bot.core.terms import Actor
from bot.ids import RandomIds
from handlers import problems
from handlers.advice import advice
from handlers.record import Record

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def nobody(_: str) -> Actor | None:
    return None


async def nowhere(_: Actor, refusal: Refusal, route: str) -> None:
    pytest.fail(f"{route}: {refusal.slug()} of nobody went on record")


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve one handler at `/things/{id}` behind the problems."""
    app = web.Application()
    problems.install(app, RandomIds(), Record(nobody, nowhere))
    app.router.add_post("/things/{id}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        yield session
    await runner.cleanup()


def raising(error: Exception) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        raise error

    return handler


def every_refusal(root: type[Refusal] = Refusal) -> list[type[Refusal]]:
    return [root, *(kind for child in root.__subclasses__() for kind in every_refusal(child))]


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (errors.Malformed, 400),
        (errors.Unauthenticated, 401),
        (errors.OwnRequest, 403),
        (errors.AgentPaused, 403),
        (errors.Unknown, 404),
        (errors.AlreadyRedeemed, 409),
        (errors.PolicyDenies, 409),
        (errors.TooLarge, 413),
        (errors.TooMany, 429),
        (errors.LogCut, 503),
    ],
)
def test_a_refusal_has_the_status_of_its_branch_of_the_tree(refusal: type[Refusal], status: int) -> None:
    assert problems.status(refusal()) == status


@pytest.mark.parametrize(
    ("refusal", "slug"),
    [
        (errors.AlreadyRedeemed, "already-redeemed"),
        (errors.Lapsed, "lapsed"),
        (errors.Revoked, "revoked"),
        (errors.DigestMismatch, "digest-mismatch"),
        (errors.PolicyDenies, "policy-denies"),
    ],
)
def test_the_types_that_the_wire_promises_are_those_of_the_classes(refusal: type[Refusal], slug: str) -> None:
    assert refusal.slug() == slug


@pytest.mark.parametrize("refusal", every_refusal(), ids=lambda kind: kind.__name__)
async def test_every_refusal_is_a_complete_problem(refusal: type[Refusal]) -> None:
    async with serving(raising(refusal("Do this instead."))) as client, client.post("/things/1") as answer:
        told = await answer.json()
        assert answer.content_type == "application/problem+json"
        assert told == {
            "type": f"urn:assent:problem:{refusal.slug()}",
            "title": refusal.sentence(),
            "status": answer.status,
            "detail": "Do this instead.",
            "instance": "/things/1",
        }


@pytest.mark.parametrize("refusal", every_refusal(), ids=lambda kind: kind.__name__)
async def test_a_refusal_without_words_of_its_own_says_what_to_do(refusal: type[Refusal]) -> None:
    async with serving(raising(refusal())) as client, client.post("/things/1") as answer:
        told = await answer.json()
    assert told["title"] == refusal.sentence()
    assert told["detail"].startswith(f"{told['title']} ")
    assert told["detail"].endswith(".")


def test_what_may_not_run_is_told_so_and_a_reused_key_which_one_to_take() -> None:
    for refusal in (errors.AlreadyRedeemed, errors.Lapsed, errors.Revoked, errors.DigestMismatch):
        assert "Run nothing" in advice(refusal())
    assert "new Idempotency-Key" in advice(errors.KeyReused())


async def test_a_problem_points_into_the_body() -> None:
    refusal = errors.Malformed(pointers=(("/action/name", "Expected `str`"),))
    async with serving(raising(refusal)) as client, client.post("/things/1") as answer:
        told = await answer.json()
    assert told["errors"] == [{"pointer": "#/action/name", "detail": "Expected `str`"}]


async def test_a_wait_is_told_in_whole_seconds_rounded_up() -> None:
    refusal = errors.TooMany(retry_after=timedelta(seconds=1, milliseconds=1))
    async with serving(raising(refusal)) as client, client.post("/things/1") as answer:
        assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize("refusal", [errors.TooMany, errors.NotReady])
async def test_what_may_be_tried_again_always_says_when(refusal: type[Refusal]) -> None:
    async with serving(raising(refusal())) as client, client.post("/things/1") as answer:
        assert int(answer.headers["Retry-After"]) >= 1


async def test_a_missing_credential_is_told_which_scheme_is_wanted() -> None:
    async with serving(raising(errors.Unauthenticated())) as client, client.post("/things/1") as answer:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_failure_tells_its_id_and_nothing_else_and_is_logged_under_it() -> None:
    secretive = raising(RuntimeError("password hunter2"))
    with capture_logs() as logged:
        async with serving(secretive) as client, client.post("/things/s3cret?token=x") as answer:
            text = await answer.text()
    assert answer.status == 500
    assert answer.content_type == "application/problem+json"
    assert "hunter2" not in text
    [event] = logged
    assert event["event"] == "http.failed"
    assert event["request_id"] == answer.headers["X-Request-ID"]
    assert event["request_id"] in text
    assert event["path"] == "/things/{id}"
    assert "s3cret" not in str({**event, "exc_info": None})


async def test_every_answer_has_an_id_of_its_own() -> None:
    async def fine(_: web.Request) -> web.Response:
        return web.Response(text="fine")

    async with serving(fine) as client:
        paths = ("/things/1", "/things/1", "/nowhere")
        ids = {(await client.post(path)).headers["X-Request-ID"] for path in paths}
    assert len(ids) == 3


async def test_an_id_from_outside_is_not_taken() -> None:
    async with serving(raising(errors.Unknown())) as client:
        answer = await client.post("/things/1", headers={"X-Request-ID": "forged"})
        assert answer.headers["X-Request-ID"] != "forged"


async def test_a_stream_has_an_id_too() -> None:
    async def streaming(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one")
        return response

    async with serving(streaming) as client, client.post("/things/1") as answer:
        assert answer.headers["X-Request-ID"]
        assert await answer.read() == b"one"


async def test_a_missing_page_reads_like_a_thing_that_is_not_there() -> None:
    async with serving(raising(errors.Unknown())) as client:
        nowhere = await (await client.post("/nowhere")).json()
        nothing = await (await client.post("/things/1")).json()
    nowhere.pop("instance")
    nothing.pop("instance")
    assert nowhere == nothing


async def test_another_method_is_told_which_ones_there_are() -> None:
    async with serving(raising(errors.Unknown())) as client, client.put("/things/1") as answer:
        told = await answer.json()
    assert answer.status == told["status"] == 405
    assert answer.headers["Allow"] == "POST"
    assert told["type"] == "urn:assent:problem:method-not-allowed"
    assert "POST" in told["detail"]


async def test_a_body_that_aiohttp_finds_too_large_is_a_problem() -> None:
    async def reading(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async with (
        serving(reading) as client,
        client.post("/things/1", data=io.BytesIO(b"x" * (2**20 + 1))) as answer,
    ):
        told = await answer.json()
    assert (answer.status, told["type"]) == (413, "urn:assent:problem:too-large")


async def test_a_redirect_is_left_alone() -> None:
    async with serving(raising(web.HTTPFound("/elsewhere"))) as client:
        answer = await client.post("/things/1", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere")
