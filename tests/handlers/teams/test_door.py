"""Only what the Bot Service signed for us, from our own tenant, gets in; all else is refused cheaply."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from datetime import timedelta
from typing import Any

import aiohttp
import jwt
import pytest

from bot.core.terms import EntryKind
from handlers.teams.door import Door
from tests.fakes.teams import CardView, FakeTeams
from tests.fakes.teams_state import APP_ID
from tests.fakes.teams_tokens import Signer, key
from tests.world import World

ANA = "29:1ana"
Json = dict[str, Any]


@pytest.fixture
def card(teams: FakeTeams, request_: Json) -> CardView:
    """A card that waits."""
    return teams.channel("ops").card("Run a database migration")


@pytest.fixture
def invoke(teams: FakeTeams, card: CardView) -> Json:
    """A click that would approve it."""
    return teams.pressed(card, "Approve", ANA)


async def nothing_happened(world: World, request: Json) -> None:
    """The request waits as before, and the log has no word of it."""
    assert (await world.agent.sees(request))["state"] == "pending"
    entries = await world.running.parts.store.entries(0, 500)
    assert not [one for one in entries if EntryKind.REVIEW_REFUSED.value.encode() in one.body]


def altered(token: str, part: int, **members: Any) -> str:
    """Return a token with other members in its header (0) or claims (1), and its old signature."""
    parts = token.split(".")
    old = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    new = {name: value for name, value in (old | members).items() if value is not None}
    parts[part] = base64.urlsafe_b64encode(json.dumps(new).encode()).decode().rstrip("=")
    return ".".join(parts)


def tokens(teams: FakeTeams) -> dict[str, str]:
    """Return tokens that must not let anybody in, by what is wrong with them."""
    signer, url, now = teams.signer, teams.service_url, int(time.time())
    good = signer.token(url)
    public = json.dumps(signer.jwks()["keys"][0])
    secret = base64.urlsafe_b64encode(public.encode()).decode()
    claims = jwt.decode(good, options={"verify_signature": False})
    other = "99999999-0000-0000-0000-000000000000"
    entra = f"https://login.microsoftonline.com/{other}/v2.0"
    return {
        "wrong key": signer.token(url, signed_with="somebody else's"),
        "key that is not published": Signer(APP_ID, "unknown-key").token(url),
        "expired": signer.token(url, exp=now - 3600, nbf=now - 7200),
        "not yet good": signer.token(url, nbf=now + 3600),
        "no expiry": signer.token(url, exp=None),
        "other app": signer.token(url, aud=other),
        "several audiences": signer.token(url, aud=[APP_ID, other]),
        "audience as an address": signer.token(url, aud=f"api://{APP_ID}"),
        "other issuer": signer.token(url, iss="https://evil.test"),
        "Entra": signer.token(url, iss=entra, tid=other, azp="5a807f24-c9de-44ee-a3a7-329e88a00ffc"),
        "the Emulator": signer.token(
            url, iss="https://sts.windows.net/d6d49420-f39b-4df7-a1dc-d59a935871db/"
        ),
        "wrong serviceUrl": signer.token("https://evil.test/"),
        "no serviceUrl": signer.token(url, serviceurl=None),
        "HS256": jwt.encode(claims, secret, algorithm="HS256", headers={"kid": signer.key_id}),
        "none": altered(good, 0, alg="none"),
        "none without a signature": altered(good, 0, alg="none").rpartition(".")[0] + ".",
        "altered claims": altered(good, 1, exp=now + 9999),
        "no key id": altered(good, 0, kid=None),
        "embedded key": jwt.encode(
            claims, key("mine"), algorithm="RS256", headers={"kid": "mine", "jwk": json.loads(public)}
        ),
        "junk": "a.b.c",
        "two parts": good.rpartition(".")[0],
        "long": good + "A" * 5_000,
        "not base64": "💥.💥.💥".encode("utf-8", "replace").decode("latin-1"),
    }


WRONG = [
    "wrong key", "key that is not published", "expired", "not yet good", "no expiry", "other app",
    "several audiences", "audience as an address", "other issuer", "Entra", "the Emulator",
    "wrong serviceUrl", "no serviceUrl", "HS256", "none", "none without a signature", "altered claims",
    "no key id", "embedded key", "junk", "two parts", "long", "not base64",
]  # fmt: skip


async def test_every_forged_foreign_or_junk_token_is_refused_and_nothing_is_stored(
    world: World, teams: FakeTeams, invoke: Json, request_: Json
) -> None:
    made = tokens(teams)
    assert list(made) == WRONG
    for what, token in made.items():
        answer = await teams.send(invoke, token)
        assert answer.status == 401, f"{what}: {answer}"
    await nothing_happened(world, request_)
    assert (await teams.send(invoke)).status == 200  # the same bytes with the right token
    await world.settle()
    assert teams.channel("ops").card("Run a database migration").thread


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer", "Basic YTpi", "bearer {token}", "{token}"]
)
async def test_without_one_bearer_token_nobody_gets_in(
    world: World, teams: FakeTeams, invoke: Json, request_: Json, authorization: str
) -> None:
    token = teams.signer.token(teams.service_url)
    headers = {"Authorization": authorization.format(token=token)} if authorization else {}
    answer = await teams.deliver(json.dumps(invoke).encode(), headers)
    assert answer.status == 401
    await nothing_happened(world, request_)


@pytest.mark.parametrize(
    "changes",
    [
        {"channelId": "directline"},
        {"channelId": "emulator"},
        {"channelId": None},
        {"serviceUrl": "https://evil.test/"},
        {"serviceUrl": None},
        {"conversation": {"id": "19:x@thread.tacv2", "tenantId": "99999999-0000-0000-0000-000000000000"}},
        {"channelData": {"tenant": {"id": "99999999-0000-0000-0000-000000000000"}}},
        {"channelData": {}, "conversation": {"id": "19:x@thread.tacv2"}},
    ],
    ids=lambda changes: " ".join(changes),
)
async def test_another_channel_tenant_or_service_is_refused_whatever_the_token_says(
    world: World, teams: FakeTeams, invoke: Json, request_: Json, changes: Json
) -> None:
    sent = {name: value for name, value in {**invoke, **changes}.items() if value is not None}
    assert (await teams.send(sent)).status == 401
    await nothing_happened(world, request_)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b'{"type": "invoke", "type": "message"}', b"\xff\xfe"]
)
async def test_a_body_that_is_no_activity_is_malformed(teams: FakeTeams, world: World, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {teams.signer.token(teams.service_url)}"}
    assert (await teams.deliver(body, headers)).status in (400, 401)


async def test_a_key_that_is_not_for_teams_lets_nobody_in(
    teams: FakeTeams, invoke: Json, world: World, request_: Json
) -> None:
    teams.signer.key_id = "of another channel"
    teams.connector.endorsements = ("skype",)
    world.clock.advance(timedelta(minutes=2))
    assert (await teams.send(invoke)).status == 401
    await nothing_happened(world, request_)


async def test_a_new_key_of_the_bot_service_is_taken_within_a_minute(
    world: World, teams: FakeTeams, card: CardView, request_: Json
) -> None:
    teams.signer.key_id = "bot-service-2"
    world.clock.advance(timedelta(minutes=1))
    assert (await card.press("Approve", ANA)).status == 200
    assert (await world.agent.sees(request_))["state"] == "approved"
    await world.settle()
    assert card.thread


async def test_a_flood_of_junk_fetches_no_keys_and_leaves_the_loop_its_pace(
    world: World, teams: FakeTeams, invoke: Json, request_: Json
) -> None:
    teams.connector.keys_slow = 2.0
    before = teams.connector.key_fetches
    body = json.dumps(invoke).encode()
    unknown = [Signer(APP_ID, f"made-up-{n}").token(teams.service_url, signed_with="x") for n in range(3)]
    forged = teams.signer.token(teams.service_url, signed_with="x")
    late: list[float] = []

    async def beat() -> None:
        while True:
            at = asyncio.get_running_loop().time()
            await asyncio.sleep(0.01)
            late.append(asyncio.get_running_loop().time() - at - 0.01)

    pulse = asyncio.create_task(beat())
    junk = iter(["a.b.c", *unknown, forged] * 40)
    statuses: set[int] = set()

    async def flood(session: aiohttp.ClientSession) -> None:
        for token in junk:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            async with session.post(teams.app, data=body, headers=headers) as answer:
                statuses.add(answer.status)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(flood(session) for _ in range(8)))
    pulse.cancel()
    assert statuses == {401}
    assert teams.connector.key_fetches - before <= 1
    assert max(late) < 1.5, f"the loop stood still for {max(late):.2f} s"
    await nothing_happened(world, request_)


async def test_nobody_gets_in_while_there_are_no_keys(teams: FakeTeams, invoke: Json, world: World) -> None:
    handlers = [route.handler for route in world.running.app.router.routes()]
    [door] = [one for one in (getattr(h, "__self__", None) for h in handlers) if isinstance(one, Door)]
    door.keys._keys = {}
    assert (await teams.send(invoke)).status == 503
