"""Writes the test vectors for receivers in other languages: `python -m docs.vectors`.

Keys, times and bytes are fixed, so the files change only when what they say changes. A test holds them
to this module.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.core.signing import content, public_text, sign

HERE = Path(__file__).parent
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
OLD = "whsec_" + b64encode(bytes(range(32, 64))).decode()
STRANGER = "whsec_" + b64encode(bytes(range(64, 96))).decode()
WEBHOOK = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
GRANT = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(64, 96)))
MESSAGE = "msg_req_5f0c8a1e9d3b47c2a6e4f1b08d7c3a95_3"
TOLERANCE = timedelta(
    seconds=30
)  # what receivers allow between the clocks; the vectors hold the client to it
ISSUER, EXECUTOR = "https://assent.example.com", "db-runner"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": EXECUTOR,
    "sub": "deployer",
    "jti": "b3c1d2e4f5a69788796a5b4c3d2e1f00",
    "iat": int(NOW.timestamp()) - 60,
    "nbf": int(NOW.timestamp()) - 60,
    "exp": int(NOW.timestamp()) + 240,
    "action_digest": "9f2a61c0d3e84b7f5a1c0e9d8b7a6f5e4d3c2b1a09f8e7d6c5b4a3928170f6e5",
    "request_id": "req_5f0c8a1e9d3b47c2a6e4f1b08d7c3a95",
    "policy_digest": "41d0c7b2a9f8e6d5c4b3a29180f7e6d5c4b3a29180f7e6d5c4b3a29180f7e6d5",
}
HEADER: dict[str, Any] = {"alg": "Ed25519", "kid": "2026-03", "typ": "approval-grant+jwt"}
BODY = json.dumps(
    {
        "data": {"digest": CLAIMS["action_digest"], "id": CLAIMS["request_id"], "note": "é €", "sequence": 3},
        "timestamp": "2026-03-02T12:00:00.000Z",
        "type": "request.approved",
    },
    ensure_ascii=False,
    separators=(",", ":"),
).encode()

Vector = dict[str, Any]
Pairs = list[list[str]]


def main() -> None:
    """Write the files."""
    for name, document in documents().items():
        (HERE / name).write_text(document, "utf-8")


def documents() -> dict[str, str]:
    """Return each file's text."""
    seconds = int(NOW.timestamp())
    callbacks = {
        "about": "Standard Webhooks as Assent signs them. `oracle`: any library of the standard agrees too.",
        "now": seconds,
        "tolerance_seconds": int(TOLERANCE.total_seconds()),
        "secrets": [SECRET],
        "public_keys": [public_text(WEBHOOK.public_key())],
        "vectors": [*_good(), *_forged(), *_hostile()],
    }
    grants = {
        "about": "Grants: JWS, algorithm Ed25519 (RFC 9864). What `holds` is false of must be refused.",
        "now": seconds,
        "issuer": ISSUER,
        "executor": EXECUTOR,
        "jwks": {"keys": [_jwk(GRANT)]},
        "vectors": list(_grants()),
    }
    return {"callbacks.json": _written(callbacks), "grants.json": _written(grants)}


def _good() -> Iterator[Vector]:
    both = sign(MESSAGE, NOW, BODY, [SECRET, OLD])
    attested = [WEBHOOK.sign(content(MESSAGE, NOW, BODY))]
    v1a = f"v1a,{b64encode(attested[0]).decode()}"
    yield _vector("signed with the secret", _signed())
    yield _vector("while the secret rotates: the known signature stands first", _pairs(both))
    yield _vector(
        "while the secret rotates: it stands second", _pairs(sign(MESSAGE, NOW, BODY, [OLD, SECRET]))
    )
    yield _vector("beside it an Ed25519 signature", _pairs(sign(MESSAGE, NOW, BODY, [SECRET], attested)))
    yield _vector("beside it a version nobody knows", _with("webhook-signature", "v9,AAAA " + _mark()))
    yield _vector("Ed25519 alone", _with("webhook-signature", v1a), oracle=False)
    edge = sign(MESSAGE, NOW - TOLERANCE, BODY, [SECRET])
    yield _vector("as old as may be", _pairs(edge))


def _forged() -> Iterator[Vector]:
    yield _vector("another body", _signed(), holds=False, body=BODY.replace(b"3}", b"4}"))
    yield _vector("a space more", _signed(), holds=False, body=BODY + b" ")
    yield _vector("another id", _with("webhook-id", "msg_other"), holds=False)
    later = str(int(NOW.timestamp()) + 1)
    yield _vector("another time", _with("webhook-timestamp", later), holds=False)
    yield _vector("another secret", _pairs(sign(MESSAGE, NOW, BODY, [STRANGER])), holds=False)
    second = timedelta(seconds=1)
    old, early = (
        sign(MESSAGE, at, BODY, [SECRET]) for at in (NOW - TOLERANCE - second, NOW + TOLERANCE + second)
    )
    yield _vector("a second too old", _pairs(old), holds=False, oracle=False)
    yield _vector("a second too early", _pairs(early), holds=False, oracle=False)
    ancient = sign(MESSAGE, NOW - timedelta(days=1), BODY, [SECRET])
    yield _vector("of yesterday", _pairs(ancient), holds=False)
    mac = _mark().removeprefix("v1,")
    for name, mark in (
        ("the right bytes under another version", f"v2,{mac}"),
        ("the right bytes without a version", mac),
        ("the right bytes as Ed25519", f"v1a,{mac}"),
        ("half a signature", f"v1,{mac[:20]}"),
        ("an empty signature", "v1,"),
    ):
        yield _vector(name, _with("webhook-signature", mark), holds=False)


def _hostile() -> Iterator[Vector]:
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        yield _vector(f"without {name}", [pair for pair in _signed() if pair[0] != name], holds=False)
    seconds = str(int(NOW.timestamp()))
    for written in (
        "",
        "soon",
        f"{seconds}.0",
        f"+{seconds}",
        "-1",
        "1e9",
        "9" * 400,
        "\uff11\uff17\uff17\uff12\uff14\uff15\uff12\uff18\uff10\uff10",
    ):
        yield _vector(f"the time {written[:12]!a}", _retimed(written), holds=False, oracle=False)
    yield _vector(
        "a signature twice over, once forged",
        [*_signed(), ["webhook-signature", "v1,AAAA"]],
        holds=False,
        oracle=False,
    )
    yield _vector("characters beyond ASCII", _with("webhook-signature", "v1,é€😀"), holds=False)
    flood = " ".join(["v1,AAAA"] * 1000 + [_mark()])
    yield _vector("a thousand signatures", _with("webhook-signature", flood), holds=False, oracle=False)


def _grants() -> Iterator[Vector]:
    yield _grant("for this executor, in force")
    yield _grant("of a clock a little ahead", claims={"nbf": CLAIMS["nbf"] + 80})
    yield _grant("for another executor", claims={"aud": "payer"}, holds=False)
    yield _grant("for several", claims={"aud": [EXECUTOR]}, holds=False)
    yield _grant("of another issuer", claims={"iss": "https://evil.example.com"}, holds=False)
    yield _grant("lapsed just now", claims={"exp": int(NOW.timestamp())}, holds=False)
    yield _grant("not yet in force", claims={"nbf": int(NOW.timestamp()) + 31}, holds=False)
    yield _grant("its end is text", claims={"exp": str(CLAIMS["exp"])}, holds=False)
    yield _grant("its end is missing", claims={"exp": None}, holds=False)
    yield _grant("another key", key=OTHER, holds=False)
    yield _grant("a key nobody knows", header={"kid": "2020-01"}, holds=False)
    yield _grant("its own key", header={"jwk": _jwk(OTHER)}, key=OTHER, holds=False)
    yield _grant("another type", header={"typ": "JWT"}, holds=False)
    yield _grant("the vague algorithm", header={"alg": "EdDSA"}, holds=False)
    unsigned = _token(HEADER | {"alg": "none"}, CLAIMS, GRANT).rpartition(".")[0] + "."
    yield {"name": "no algorithm", "grant": unsigned, "holds": False}
    shared = _part(HEADER | {"alg": "HS256"}) + "." + _part(CLAIMS)
    mac = digest(GRANT.public_key().public_bytes_raw(), shared.encode(), sha256)
    yield {"name": "the public key as a shared one", "grant": f"{shared}.{_packed(mac)}", "holds": False}
    good = _token(HEADER, CLAIMS, GRANT)
    yield {"name": "base64 with padding", "grant": good + "==", "holds": False}
    yield {"name": "two parts", "grant": good.rpartition(".")[0], "holds": False}


def _grant(
    name: str,
    *,
    header: Vector | None = None,
    claims: Vector | None = None,
    key: Ed25519PrivateKey = GRANT,
    holds: bool = True,
) -> Vector:
    said = {key: value for key, value in (CLAIMS | (claims or {})).items() if value is not None}
    return {"name": name, "grant": _token(HEADER | (header or {}), said, key), "holds": holds}


def _vector(
    name: str, headers: Pairs, *, holds: bool = True, oracle: bool = True, body: bytes = BODY
) -> Vector:
    return {"name": name, "headers": headers, "body": body.decode(), "holds": holds, "oracle": oracle}


def _signed() -> Pairs:
    return _pairs(sign(MESSAGE, NOW, BODY, [SECRET]))


def _mark() -> str:
    return sign(MESSAGE, NOW, BODY, [SECRET])["webhook-signature"]


def _with(name: str, value: str) -> Pairs:
    return [[held, value if held == name else was] for held, was in _signed()]


def _retimed(written: str) -> Pairs:
    """Sign with a time that is written strangely."""
    signed = f"{MESSAGE}.{written}.".encode() + BODY
    mac = digest(b64decode(SECRET.removeprefix("whsec_")), signed, sha256)
    mark = f"v1,{b64encode(mac).decode()}"
    return [["webhook-id", MESSAGE], ["webhook-timestamp", written], ["webhook-signature", mark]]


def _pairs(headers: dict[str, str]) -> Pairs:
    return [[name, value] for name, value in headers.items()]


def _jwk(key: Ed25519PrivateKey) -> Vector:
    x = _packed(key.public_key().public_bytes_raw())
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": HEADER["kid"], "use": "sig", "alg": "Ed25519"}


def _token(header: Vector, claims: Vector, key: Ed25519PrivateKey) -> str:
    signed = f"{_part(header)}.{_part(claims)}"
    return f"{signed}.{_packed(key.sign(signed.encode()))}"


def _part(value: Vector) -> str:
    return _packed(json.dumps(value, separators=(",", ":"), sort_keys=True).encode())


def _packed(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _written(document: Vector) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    main()
