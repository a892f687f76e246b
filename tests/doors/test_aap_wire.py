"""The provider at the wire: what the SDK's own fake would answer, and what no client of good will sends."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from bot.core.terms import PersonName
from tests.doors.ground import Ground, start
from tests.doors.test_aap_gate import SDK
from tests.doors.venvs import python_with
from tests.world import OPERATOR

MAIL: dict[str, Any] = {"tool": "mail.send", "arguments": {"to": "zoe@example.com"}, "timeout": "10m"}


async def _send(
    ground: Ground, method: str, path: str, raw: bytes | None = None, key: str | None = "k", token: str = ""
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token or ground.agent}", "Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    url = f"{ground.url}/api/aap/v1{path}"
    async with ground.http.request(method, url, data=raw, headers=headers) as response:
        return response.status, await response.json()


async def test_every_answer_is_what_the_sdks_own_fake_gives(ground: Ground) -> None:
    client = await start(
        python_with(SDK), "oracle.py", url=ground.url, agent=ground.agent, person=ground.tokens["ana"]
    )
    said = await client.said()
    assert said["calls"] > 40
    assert said["differences"] == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'{"tool": "mail.send", "arguments": {"to": "a"}}',
        b'{"tool": "mail.send", "arguments": {"to": "a"}, "timeout": "10m", "server": null}',
        b'{"tool": "mail.send", "arguments": {"to": "a"}, "timeout": "10m", "approved": true}',
        b'{"tool": "mail.send", "arguments": {"to": "a", "to": "b"}, "timeout": "10m"}',
        b'{"tool": "mail send", "arguments": {"to": "a"}, "timeout": "10m"}',
        '{"tool": "mail.s\u0435nd", "arguments": {"to": "a"}, "timeout": "10m"}'.encode(),
        b'{"tool": "mail.send", "arguments": {"to": "a"}, "timeout": "10m", "server": "a b"}',
        b'{"tool": "mail.send", "arguments": {"to": "a", "x": 1}, "timeout": "10m"}',
        b'{"tool": "mail.send", "arguments": {"to": 9007199254740993}, "timeout": "10m"}',
        b'{"tool": "mail.send", "arguments": {"to": "\\ud800"}, "timeout": "10m"}',
        b'{"tool": "mail.send", "arguments": [], "timeout": "10m"}',
        b'{"tool": "mail.send", "arguments": {"to": "a"}, "timeout": "0s"}',
        b'{"tool": "mail.send", "arguments": {"to": "a"}, "timeout": "ten"}',
        b'{"tool": "mail.send", "arguments": {"to": "a"}, "timeout": ""}',
        b'{"tool": "mail.send", "arguments": {"to": "a"}, "timeout": "999d"}',
        b'{"tool": "mail.send", "arguments": {"to": "a"}, "timeout": "10m", "context": {"aap": {}}}',
        b'{"tool": "mail.send", "arguments": {"to": "a"}, "timeout": "10m", "context": '
        + b'{"a":' * 40
        + b"1"
        + b"}" * 41,
        b"\xff\xfe",
    ],
)
async def test_a_hostile_body_is_refused_before_anything_is_decided(ground: Ground, raw: bytes) -> None:
    status, answer = await _send(ground, "POST", "/requests", raw)
    assert (status, answer["error"]["type"]) == (400, "invalid_request"), answer
    assert await ground.mine() == []


async def test_refusals_speak_of_their_body_not_of_ours(ground: Ground) -> None:
    _, answer = await _send(
        ground, "POST", "/requests", b'{"tool": "mail.send", "arguments": {}, "timeout": "1m"}'
    )
    assert answer["error"]["message"] == "At /arguments/to: mail.send needs this parameter"
    assert set(answer["error"]) == {"type", "code", "message", "request_id"}


async def test_a_body_that_is_too_large_a_method_and_a_path_that_are_not_there(ground: Ground) -> None:
    assert (await _send(ground, "POST", "/requests", b" " * 300_000))[0] == 413
    status, answer = await _send(ground, "PUT", "/requests", b"{}")
    assert (status, answer["error"]["code"]) == (405, "method_not_allowed")
    status, answer = await _send(ground, "GET", "/nothing")
    assert (status, answer["error"]["code"]) == (404, "not_found")


async def test_no_other_agent_and_no_other_kind_of_key_gets_in(ground: Ground) -> None:
    _, made = await _send(ground, "POST", "/requests", orjson.dumps(MAIL))
    admin = ground.running.parts.admin
    other = await admin.add_agent("other", PersonName("ed"), (), True, OPERATOR)
    mute = await admin.add_agent("mute", PersonName("ed"), (), False, OPERATOR)
    provisioner = await ground.running.parts.provisioning.token("helper", OPERATOR)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/consume")):
        assert (await _send(ground, method, f"/requests/{made['id']}{path}", token=other))[0] == 404
    for token, status in (("wrong", 401), (mute, 403), (provisioner, 403), (ground.tokens["ana"], 403)):
        assert (await _send(ground, "POST", "/requests", orjson.dumps(MAIL), token=token))[0] == status
    for token in (ground.agent, ground.tokens["ana"]):
        assert (await _send(ground, "POST", "/instances", b"{}", token=token))[0] == 403


async def test_instances_of_one_agent_do_not_see_each_other_and_share_its_rate(ground: Ground) -> None:
    token = await ground.running.parts.provisioning.token("helper", OPERATOR)
    _, one = await _send(ground, "POST", "/instances", b'{"instance_name": "one"}', "a", token)
    status, again = await _send(ground, "POST", "/instances", b'{"instance_name": "one"}', "a", token)
    assert (status, again) == (200, one)
    status, refused = await _send(ground, "POST", "/instances", b'{"instance_name": "two"}', "a", token)
    assert (status, refused["error"]["code"]) == (409, "idempotency_conflict")
    _, two = await _send(ground, "POST", "/instances", b"{}", "b", token)
    keys = [found["credential"]["token"] for found in (one, two)]
    ids = []
    for key in keys:
        status, made = await _send(ground, "POST", "/requests", orjson.dumps(MAIL), "same", key)
        assert status == 201
        ids.append(made["id"])
    assert (await _send(ground, "GET", f"/requests/{ids[0]}", token=keys[1]))[0] == 404
    answers = [await _send(ground, "GET", f"/requests/{ids[0]}", token=keys[0]) for _ in range(3)]
    assert {status for status, _ in answers} == {200}
    assert [request["subject"]["agent"] for request in await ground.mine()] == ["helper", "helper"]


async def test_a_webhook_inside_is_never_called(ground: Ground) -> None:
    """The gate of callbacks stands before verification too; here it lets loopback through, and no file."""
    token = await ground.running.parts.provisioning.token("helper", OPERATOR)
    secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    hook = f'"registration_id": "r", "signing_secret": "{secret}", "type": "webhook"'
    for url, status in (("http://127.0.0.1:9/x", 422), ("ftp://127.0.0.1/x", 400), ("http://[", 400)):
        raw = f'{{"delivery": {{"url": "{url}", {hook}}}}}'.encode()
        assert (await _send(ground, "POST", "/instances", raw, "c", token))[0] == status


@pytest.mark.parametrize("url", ["http://ana:s3cret@127.0.0.1:9/x", "https://runner.example.com/x#s3cret"])
async def test_a_webhook_with_a_password_or_a_fragment_is_refused_before_anybody_is_called(
    ground: Ground, url: str
) -> None:
    token = await ground.running.parts.provisioning.token("helper", OPERATOR)
    secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    raw = (
        f'{{"delivery": {{"url": "{url}", "registration_id": "r", "signing_secret": "{secret}", '
        '"type": "webhook"}}'
    ).encode()
    status, refused = await _send(ground, "POST", "/instances", raw, "d", token)
    assert (status, refused["error"]["code"]) == (400, "invalid_request")
    assert "callback address" in refused["error"]["message"]
    assert "s3cret" not in refused["error"]["message"]
