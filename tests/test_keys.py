"""The key folder: made private, refused when it is not, and rotated without a gap."""

import json
import stat
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from assent import verify_grant
from bot.core.log import open_note, parse_verifier
from bot.core.signing import content, sign
from bot.keys import Keys, KeysRefused
from bot.ports import Signer
from tests.fixtures.clock import NOON, FakeClock
from tests.fixtures.received import received
from tests.fixtures.requests import APPROVED, GRANT, an_approved_request

ISSUER = "https://assent.example.com"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def keys(tmp_path: Path, clock: FakeClock) -> Keys:
    return Keys.open(tmp_path / "data" / "keys", ISSUER, clock)


def kid(token: str) -> str:
    header = token.split(".")[0]
    return str(json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"])


def issued(after: timedelta) -> object:
    at = NOON + after
    return replace(GRANT, issued_at=at, expires_at=at + timedelta(minutes=5))


def test_keys_fulfil_the_port(keys: Keys) -> None:
    signer: Signer = keys
    assert signer.jwks()["keys"]


def test_a_missing_folder_is_made_for_its_owner_alone(keys: Keys) -> None:
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.folder.iterdir()} == {0o600}
    assert {path.name for path in keys.folder.iterdir()} == {
        "grant-0.pem",
        "webhook-0.pem",
        "checkpoint.pem",
        "commitment.key",
        "encryption.key",
        "origin",
    }


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o701, 0o770])
def test_a_folder_that_others_can_enter_is_refused(keys: Keys, clock: FakeClock, mode: int) -> None:
    keys.folder.chmod(mode)
    with pytest.raises(KeysRefused, match=f"chmod 700 {keys.folder}"):
        Keys.open(keys.folder, ISSUER, clock)


@pytest.mark.parametrize(
    "name", ["grant-0.pem", "webhook-0.pem", "checkpoint.pem", "commitment.key", "encryption.key"]
)
def test_a_file_that_others_can_read_is_refused(keys: Keys, clock: FakeClock, name: str) -> None:
    (keys.folder / name).chmod(0o640)
    with pytest.raises(KeysRefused, match=f"chmod 600 .*{name}"):
        Keys.open(keys.folder, ISSUER, clock)


@pytest.mark.parametrize(
    "name", ["grant-0.pem", "webhook-0.pem", "checkpoint.pem", "commitment.key", "encryption.key"]
)
def test_a_lost_key_is_refused_and_not_quietly_replaced(keys: Keys, clock: FakeClock, name: str) -> None:
    (keys.folder / name).unlink()
    with pytest.raises(KeysRefused, match="restore it"):
        Keys.open(keys.folder, ISSUER, clock)


def test_a_first_start_that_was_cut_off_is_finished(keys: Keys, clock: FakeClock) -> None:
    (keys.folder / "origin").unlink()
    (keys.folder / "encryption.key").unlink()
    assert Keys.open(keys.folder, ISSUER, clock).jwks() == keys.jwks()


@pytest.mark.parametrize("name", ["grant-0.pem", "checkpoint.pem", "encryption.key", "commitment.key"])
def test_a_file_that_is_no_key_is_refused(keys: Keys, clock: FakeClock, name: str) -> None:
    (keys.folder / name).write_text("hunter22")
    with pytest.raises(KeysRefused) as caught:
        Keys.open(keys.folder, ISSUER, clock)
    assert "hunter2" not in str(caught.value)


def test_a_reopened_folder_gives_the_same_of_everything(keys: Keys, clock: FakeClock) -> None:
    again = Keys.open(keys.folder, "https://elsewhere.example", clock)
    assert again.jwks() == keys.jwks()
    assert again.verifier_keys() == keys.verifier_keys()
    assert again.commitment(b"x") == keys.commitment(b"x")
    assert again.unseal(keys.seal(b"secret")) == b"secret"


def test_a_grant_verifies_with_ours_and_with_joserfc(keys: Keys) -> None:
    token = keys.grant(APPROVED)
    grant = verify_grant(token, keys.jwks(), "db-runner", ISSUER, NOON.timestamp())
    assert grant.digest == APPROVED.digest
    assert jws.deserialize_compact(token, KeySet.import_key_set(keys.jwks()), algorithms=["Ed25519"]).payload  # type: ignore[arg-type]


def test_the_same_request_gives_the_same_token_also_after_a_rotation(keys: Keys, clock: FakeClock) -> None:
    before = keys.grant(APPROVED)
    clock.advance(timedelta(seconds=1))
    keys.rotate()
    assert keys.grant(APPROVED) == before


def test_the_key_set_holds_no_private_key(keys: Keys) -> None:
    jwks: Any = keys.jwks()
    assert set(jwks["keys"][0]) == {"kty", "crv", "x", "kid", "use", "alg"}


def test_rotation_signs_with_the_new_key_and_verifies_with_both_for_30_days(
    keys: Keys, clock: FakeClock
) -> None:
    old = keys.grant(APPROVED)
    clock.advance(timedelta(hours=1))
    new_kid = keys.rotate()
    new = keys.grant(an_approved_request(grant=issued(timedelta(hours=1))))
    assert kid(new) == new_kid != kid(old)
    for token, after in ((old, timedelta(0)), (new, timedelta(hours=1))):
        assert verify_grant(token, keys.jwks(), "db-runner", ISSUER, (NOON + after).timestamp())
    clock.advance(timedelta(days=30))
    assert [key["kid"] for key in keys.jwks()["keys"]] == [new_kid]  # type: ignore[attr-defined]
    keys.rotate()
    assert not (keys.folder / "grant-0.pem").exists()


def test_a_running_server_notices_a_rotation_by_another_process(keys: Keys, clock: FakeClock) -> None:
    clock.advance(timedelta(seconds=1))
    other = Keys.open(keys.folder, ISSUER, clock)
    kid = other.rotate()
    assert kid in [key["kid"] for key in keys.jwks()["keys"]]  # type: ignore[attr-defined]


def test_a_callback_verifies_with_either_public_key_of_a_rotation(keys: Keys, clock: FakeClock) -> None:
    (old,) = keys.webhook_keys()
    clock.advance(timedelta(seconds=1))
    keys.rotate()
    new, still_old = keys.webhook_keys()
    assert still_old == old
    secret = "whsec_" + "A" * 44
    body = b'{"type":"request.approved","data":{}}'
    headers = sign("msg_1", NOON, body, [secret], keys.attest(content("msg_1", NOON, body)))
    for public in (old, new):
        assert received(headers, body, NOON, public_keys=[public])


def test_a_checkpoint_verifies_with_the_verifier_key(keys: Keys) -> None:
    verifiers = [parse_verifier(text) for text in keys.verifier_keys()]
    checkpoint = open_note(keys.checkpoint(7, b"r" * 32), verifiers)
    assert (checkpoint.origin, checkpoint.size) == ("assent.example.com/audit", 7)


def test_a_commitment_is_keyed(keys: Keys, tmp_path: Path, clock: FakeClock) -> None:
    other = Keys.open(tmp_path / "other", ISSUER, clock)
    assert len(keys.commitment(b"x")) == 64
    assert keys.commitment(b"x") != other.commitment(b"x")


def test_no_key_shows_in_a_traceback(keys: Keys) -> None:
    assert "_last" not in repr(keys)


def test_what_another_folder_sealed_stays_sealed(keys: Keys, tmp_path: Path, clock: FakeClock) -> None:
    other = Keys.open(tmp_path / "other", ISSUER, clock)
    for sealed in (other.seal(b"secret"), b"", b"\xff", keys.seal(b"secret")[:-1]):
        with pytest.raises(KeysRefused):
            keys.unseal(sealed)
