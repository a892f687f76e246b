"""`assent request | wait | show | cancel | verify`, in real processes."""

from __future__ import annotations

import json
import signal
import time
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from bot.core.signing import sign
from bot.core.terms import RequestId
from tests.client.world import Assent

MIGRATION = ("db.migrate", "--param", "env=prod", "--param", "sql=SELECT 1", "--param", "rows:=7")
SECRET = "whsec_" + b64encode(b"s" * 32).decode()


async def test_a_request_is_asked_shown_and_waited_for(server: Assent) -> None:
    beside = ("--resource", "database/orders", "--context", "ticket=OPS-42")
    asked = await server.run("request", *MIGRATION, *beside)
    request_id = asked.out.strip()
    assert (asked.code, asked.err) == (0, "")
    waiting = await server.begin("wait", request_id)
    shown = await server.run("show", request_id)
    request = await server.decide("approve")
    waited = await waiting.ends()
    assert request["id"] == request_id
    assert request["resource"] == {"type": "database", "id": "orders"}
    assert request["context"] == {"ticket": "OPS-42"}
    assert f"{request_id}  pending\n  db.migrate  code {request['code']}\n" in shown.out
    assert "  rows: 7\n" in shown.out
    assert "waiting for 1 of dba, until " in shown.out
    assert (waited.code, waited.out) == (0, "")
    assert "approved after " in waited.err


@pytest.mark.parametrize(("verdict", "code"), [("approve", 0), ("deny", 77)])
async def test_asking_and_waiting_in_one(server: Assent, verdict: str, code: int) -> None:
    command = await server.begin("request", *MIGRATION, "--wait")
    request = await server.decide(verdict, "because")
    ran = await command.ends()
    assert (ran.code, ran.out) == (code, f"{request['id']}\n")


async def test_ctrl_c_withdraws_for_who_asked_and_not_for_who_only_waits(server: Assent) -> None:
    asker = await server.begin("request", *MIGRATION, "--wait")
    request = await server.pending()
    waiter = await server.begin("wait", request["id"])
    assert waiter.process.stderr is not None
    assert b"db.migrate" in await waiter.process.stderr.readline()
    waiter.process.send_signal(signal.SIGINT)
    assert (await waiter.ends()).code == 79
    assert (await server.seen(request))["state"] == "pending"
    asker.process.send_signal(signal.SIGINT)
    assert (await asker.ends()).code == 79
    assert (await server.seen(request))["state"] == "cancelled"


async def test_json_is_the_servers_own_answer(server: Assent) -> None:
    asked = json.loads((await server.run("request", *MIGRATION, "--json")).out)
    shown = json.loads((await server.run("show", asked["id"], "--json")).out)
    cancelled = json.loads((await server.run("cancel", asked["id"], "--json")).out)
    assert asked == shown == {**cancelled, "state": "pending", "stages": asked["stages"], "decided_at": None}
    again = await server.run("cancel", asked["id"], "--json")
    assert again.code == 0
    assert (await server.run("wait", asked["id"])).code == 79


async def test_a_grant_is_verified_against_the_servers_keys(server: Assent) -> None:
    asked = (await server.run("request", *MIGRATION)).out.strip()
    await server.decide("approve")
    told = await server.call(server.key, "GET", f"/v1/executions?request={asked}")
    grant = told["executions"][0]["data"]["grant"]
    good = await server.run("verify", "grant", grant, "--executor", "shell")
    assert good.code == 0
    assert f"leave for shell to run {asked} of shell" in good.out
    other = await server.run("verify", "grant", grant, "--executor", "payer")
    forged = await server.run("verify", "grant", grant[:-4] + "AAAA", "--executor", "shell")
    assert (other.code, forged.code) == (1, 1)
    assert "for the executor 'shell', not for 'payer'" in other.err


async def test_a_callback_is_verified_with_headers_beside_or_above(server: Assent, tmp_path: Path) -> None:
    body = b'{"type": "request.denied", "data": {"id": "req_1"}}\r\n\r\n'
    headers = sign("msg_1", datetime.now(UTC), body, [SECRET])
    (tmp_path / "body").write_bytes(body)
    above = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    (tmp_path / "whole").write_bytes(b"POST /assent HTTP/1.1\r\n" + above + b"\r\n" + body)
    (tmp_path / "forged").write_bytes(above + b"\r\n" + body + b" ")
    beside = [word for name, value in headers.items() for word in ("--header", f"{name}: {value}")]
    verify = ("verify", "callback")
    for words in ((*verify, str(tmp_path / "body"), *beside), (*verify, str(tmp_path / "whole"))):
        ran = await server.run(*words, ASSENT_WEBHOOK_SECRET=SECRET)
        assert ran.code == 0, ran.err
        assert "GOOD: request.denied of req_1" in ran.out
        assert SECRET not in ran.out + ran.err
    forged = await server.run(*verify, str(tmp_path / "forged"), "--secret", SECRET)
    assert (forged.code, forged.out) == (1, "")
    assert "BAD: no signature" in forged.err


async def test_an_old_callback_is_bad_unless_its_own_time_is_asked(server: Assent, tmp_path: Path) -> None:
    body = b'{"type": "request.denied", "data": {}}'
    headers = sign("msg_1", datetime.fromtimestamp(time.time() - 3600, UTC), body, [SECRET])
    (tmp_path / "old").write_bytes("".join(f"{n}: {v}\n" for n, v in headers.items()).encode() + b"\n" + body)
    words = ("verify", "callback", str(tmp_path / "old"), "--secret", SECRET)
    assert (await server.run(*words)).code == 1
    assert (await server.run(*words, "--any-time")).code == 0


async def test_a_proof_is_verified(server: Assent, tmp_path: Path) -> None:
    asked = (await server.run("request", *MIGRATION)).out.strip()
    await server.parts.auditing.checkpoint()
    bundle = await server.parts.auditing.prove(RequestId(asked), opened=True)
    (tmp_path / "proof.json").write_bytes(orjson.dumps(bundle))
    key = server.parts.keys.verifier_keys()[0]
    ran = await server.run("verify", "proof", str(tmp_path / "proof.json"), "--key", key)
    assert ran.code == 0
    assert ran.out.startswith(f"PROVEN for request {asked}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify", "callback", "/no/such/file", "--secret", SECRET), "cannot be read"),
        (("verify", "callback", "/etc/hostname"), "webhook secret"),
        (("verify", "callback", "/etc/hostname", "--secret", "nonsense-secret"), "whsec_"),
        (("request", "x", "--within", "0s"), "90s"),
        (("request", "x", "--resource", "orders"), "database/orders"),
        (("request", "x", "--param", "a:={"), "JSON"),
        (("request", "x", "--url", ""), None),
        (("nonsense",), "invalid choice"),
        ((), "required"),
    ],
)
async def test_a_command_line_that_cannot_be_right_is_a_usage_error(
    server: Assent, words: tuple[str, ...], said: str | None
) -> None:
    ran = await server.run(*words, ASSENT_URL="")
    assert (ran.code, ran.out) == (2, "")
    assert (said or "ASSENT_URL is not set") in ran.err
    assert "nonsense-secret" not in ran.err
