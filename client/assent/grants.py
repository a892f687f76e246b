"""Is this token a grant for me, now? For those who hold it to Assent's public keys without asking Assent.

1. Three parts of canonical base64url, not too long.
2. The header is algorithm, type and key id, and nothing else; so no `none`, no key of the sender's own.
3. The key is one of the issuer's, for this algorithm. 4. The signature holds.
5. Every claim is there, in its type; one audience, never a list.
6. Issuer and audience are those expected.
7. It is in force: from `nbf` until before `exp`.

It says that an action was approved, not that it has not run: only redemption says that.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assent.refusals import BadGrant
from assent.strictly import Json, read_object, text

ALGORITHM, TYPE = "Ed25519", "approval-grant+jwt"  # RFC 9864's name; "EdDSA" leaves the curve open
TOKEN_MAX = 8192  # characters
LEEWAY = 30  # seconds for a clock that is slow; none for one that is late


@dataclass(frozen=True)
class Grant:
    """What a grant says; instants in Unix seconds."""

    issuer: str
    executor: str
    agent: str
    jti: str
    not_before: int
    expires: int
    digest: str
    request_id: str
    issued: int
    policy_digest: str


def verify_grant(token: str, jwks: Json, executor: str, issuer: str, now: float) -> Grant:
    """Return what a grant for `executor` says, else raise `BadGrant`, whatever the text."""
    try:
        if len(token) > TOKEN_MAX or token.count(".") != 2:
            raise BadGrant("it is not three parts")
        header, payload, signature = (_unpack(part) for part in token.split("."))  # 1
        kid = _kid(read_object(header))  # 2
        key = _key(jwks, kid)  # 3
        key.verify(signature, token.rpartition(".")[0].encode())  # 4
        grant = _grant(read_object(payload))  # 5
    except InvalidSignature:
        raise BadGrant("its signature is wrong") from None
    except ValueError as error:
        raise BadGrant(f"it cannot be read: {error}") from None
    if grant.issuer != issuer:  # 6
        raise BadGrant(f"it was issued by {grant.issuer!a}, not by {issuer!a}")
    if grant.executor != executor:
        raise BadGrant(f"it is for the executor {grant.executor!a}, not for {executor!a}")
    if now >= grant.expires:  # 7
        raise BadGrant("it has lapsed")
    if now < grant.not_before - LEEWAY:
        raise BadGrant("it is not yet in force")
    return grant


def _kid(header: Json) -> str:
    if set(header) != {"alg", "typ", "kid"} or (header["alg"], header["typ"]) != (ALGORITHM, TYPE):
        raise BadGrant("it is not a grant signed with Ed25519")
    return text(header, "kid")


def _key(jwks: Json, kid: str) -> Ed25519PublicKey:
    keys: Any = jwks.get("keys")
    if not isinstance(keys, list):
        raise BadGrant("the issuer's keys are no key set")
    named = [key for key in keys if isinstance(key, dict) and key.get("kid") == kid]
    if len(named) != 1:
        raise BadGrant("the issuer has no such key")
    if (named[0].get("kty"), named[0].get("crv")) != ("OKP", "Ed25519"):
        raise BadGrant("the issuer's key is for another algorithm")
    return Ed25519PublicKey.from_public_bytes(_unpack(text(named[0], "x")))


def _grant(claims: Json) -> Grant:
    return Grant(
        issuer=text(claims, "iss"),
        executor=text(claims, "aud"),
        agent=text(claims, "sub"),
        jti=text(claims, "jti"),
        not_before=_second(claims, "nbf"),
        expires=_second(claims, "exp"),
        digest=text(claims, "action_digest"),
        request_id=text(claims, "request_id"),
        issued=_second(claims, "iat"),
        policy_digest=text(claims, "policy_digest"),
    )


def _second(claims: Json, name: str) -> int:
    value = claims.get(name)
    if type(value) is not int:  # True is an int too
        raise ValueError(f"{name} is not in whole seconds")
    return value


def _unpack(part: str) -> bytes:
    """Read unpadded base64url, and only in the one spelling."""
    raw = urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4))
    if urlsafe_b64encode(raw).rstrip(b"=") != part.encode():
        raise ValueError("it is not base64url")
    return raw
