"""A grant is for one executor, one action, once; whatever else is shown to a verifier is refused."""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from assent import BadGrant, Grant, verify_grant
from bot.core.errors import NotRedeemable
from bot.core.grant import claims
from tests.fixtures.clock import NOON
from tests.fixtures.requests import an_approved_request

ISSUER = "https://assent.example.com"
HEADER = {"alg": "Ed25519", "typ": "approval-grant+jwt", "kid": "k1"}
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


X = b64(PRIVATE.public_key().public_bytes_raw())
JWK = {"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": X, "use": "sig"}
JWKS = {"keys": [JWK]}
CLAIMS = claims(an_approved_request(), ISSUER)


def token(header: Any = HEADER, payload: Any = CLAIMS, key: Ed25519PrivateKey = PRIVATE) -> str:
    head, body = (
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)
    )
    signed = f"{b64(head)}.{b64(body)}"
    return f"{signed}.{b64(key.sign(signed.encode()))}"


def verified(text: str, jwks: Any = JWKS, after: timedelta = timedelta(0)) -> Grant:
    return verify_grant(text, jwks, "db-runner", ISSUER, (NOON + after).timestamp())


def test_the_claims_of_a_grant() -> None:
    request = an_approved_request()
    seconds = int(NOON.timestamp())
    assert claims(request, ISSUER) == {
        "iss": ISSUER,
        "aud": "db-runner",
        "sub": "deployer",
        "jti": "9" * 32,
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + 300,
        "action_digest": request.digest,
        "request_id": request.id,
        "policy_digest": "b" * 64,
    }


def test_a_request_without_a_grant_has_no_claims() -> None:
    with pytest.raises(NotRedeemable):
        claims(an_approved_request(grant=None), ISSUER)


def test_a_proper_grant_is_verified() -> None:
    assert verified(token()).jti == "9" * 32


def test_what_joserfc_signs_is_verified() -> None:
    key = OKPKey.import_key({**JWK, "d": b64(b"k" * 32)})
    text = jws.serialize_compact(HEADER, json.dumps(CLAIMS), key, algorithms=["Ed25519"])
    assert verified(text).jti == "9" * 32


@pytest.mark.parametrize(
    ("seconds", "holds"), [(-31, False), (-30, True), (0, True), (299, True), (300, False)]
)
def test_a_grant_is_in_force_from_its_issue_until_just_before_its_expiry(seconds: int, holds: bool) -> None:
    after = timedelta(seconds=seconds)
    if holds:
        assert verified(token(), after=after)
    else:
        with pytest.raises(BadGrant):
            verified(token(), after=after)


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "HS256"},
        {**HEADER, "alg": "EdDSA"},
        {**HEADER, "alg": ["Ed25519"]},
        {**HEADER, "typ": "JWT"},
        {**HEADER, "typ": "approval-grant"},
        {"alg": "Ed25519", "kid": "k1"},
        {"alg": "Ed25519", "typ": "approval-grant+jwt"},
        {**HEADER, "kid": "k2"},
        {**HEADER, "kid": ["k1"]},
        {**HEADER, "jwk": JWK},
        {**HEADER, "jku": "https://evil.example/jwks.json"},
        {**HEADER, "x5c": []},
        {**HEADER, "crit": ["exp"]},
        {**HEADER, "b64": False},
        b'{"alg":"none","alg":"Ed25519","typ":"approval-grant+jwt","kid":"k1"}',
        b"[]",
        b"",
    ],
)
def test_another_header_is_refused(header: Any) -> None:
    with pytest.raises(BadGrant):
        verified(token(header))


@pytest.mark.parametrize(
    "change",
    [
        {"aud": ["db-runner"]},
        {"aud": "other"},
        {"iss": "https://evil.example"},
        {"exp": None},
        {"exp": str(CLAIMS["exp"])},
        {"exp": CLAIMS["exp"] + 0.5},
        {"exp": True},
        {"nbf": None},
        {"jti": 7},
        {"action_digest": None},
    ],
)
def test_other_claims_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadGrant):
        verified(token(payload={**CLAIMS, **change}))


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_a_missing_claim_is_refused(name: str) -> None:
    with pytest.raises(BadGrant):
        verified(token(payload={key: value for key, value in CLAIMS.items() if key != name}))


def test_a_claim_that_stands_twice_is_refused() -> None:
    twice = json.dumps(CLAIMS)[:-1] + ', "exp": 9999999999}'
    with pytest.raises(BadGrant):
        verified(token(payload=twice.encode()))


def test_an_unsigned_grant_is_refused() -> None:
    for text in (token().rpartition(".")[0] + ".", token({**HEADER, "alg": "none"}).rpartition(".")[0] + "."):
        with pytest.raises(BadGrant):
            verified(text)


def test_another_key_under_a_known_id_is_refused() -> None:
    with pytest.raises(BadGrant):
        verified(token(key=Ed25519PrivateKey.from_private_bytes(b"e" * 32)))


def test_the_public_key_used_as_a_shared_secret_is_refused() -> None:
    for secret in (X, json.dumps(JWK), PRIVATE.public_key().public_bytes_raw()):
        key = OctKey.import_key(secret)
        for alg in ("HS256", "HS512"):
            text = jws.serialize_compact({**HEADER, "alg": alg}, json.dumps(CLAIMS), key, algorithms=[alg])
            with pytest.raises(BadGrant):
                verified(text)


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": None},
        {"keys": [JWK, JWK]},
        {"keys": [{**JWK, "kty": "oct", "k": X}]},
        {"keys": [{**JWK, "crv": "X25519"}]},
        {"keys": [{**JWK, "x": X[:-2]}]},
        {"keys": [{**JWK, "x": "é"}]},
        {"keys": [{"kid": "k1"}]},
        {"keys": ["k1"]},
    ],
)
def test_other_key_sets_are_refused(jwks: Any) -> None:
    with pytest.raises(BadGrant):
        verified(token(), jwks)


def test_a_second_spelling_of_the_same_grant_is_refused() -> None:
    good = token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = alphabet[alphabet.index(good[-1]) + 1]  # the last character's spare bits
    for text in (good[:-1] + twin, good + "=", good + "\n", " " + good, good.replace(".", "..")):
        with pytest.raises(BadGrant):
            verified(text)


@given(st.text() | st.lists(st.binary().map(b64), min_size=3, max_size=3).map(".".join))
def test_any_text_is_refused_with_the_one_error(text: str) -> None:
    with pytest.raises(BadGrant):
        verified(text)


@given(st.integers(0, 10_000), st.integers(0, 127))
def test_no_changed_character_goes_unnoticed(place: int, code: int) -> None:
    good = token()
    place %= len(good)
    changed = good[:place] + chr(code) + good[place + 1 :]
    if changed != good:
        with pytest.raises(BadGrant):
            verified(changed)


@given(st.binary(max_size=300))
def test_a_signed_heap_of_bytes_is_refused(payload: bytes) -> None:
    with pytest.raises(BadGrant):
        verified(token(payload=payload))
