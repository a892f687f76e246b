"""What a grant says, and how its receiver holds it to that: once it is signed, nothing else counts."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from bot.core.canonical import canonical
from bot.core.errors import Malformed, NotRedeemable
from bot.core.strict import fit, parse
from bot.core.terms import Json, Request

ALGORITHM = "Ed25519"  # RFC 9864; not "EdDSA", which leaves the curve open
TYPE = "approval-grant+jwt"
TOKEN_MAX = 8192  # characters
LEEWAY = timedelta(seconds=30)  # for a receiver's clock that is slow; none for one that is late


class BadGrant(Exception):
    """This token is no grant for you, now."""


class Claims(msgspec.Struct, frozen=True):
    """A grant's claims: instants in seconds, `aud` one executor and never a list."""

    iss: str
    aud: str
    sub: str  # the agent
    jti: str
    iat: int
    nbf: int
    exp: int
    action_digest: str
    request_id: str
    policy_digest: str


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a header may hold; so no `jwk`, `jku`, `x5c` or `crit`."""

    alg: str
    typ: str
    kid: str


class _Jwk(msgspec.Struct, frozen=True):
    kty: str
    crv: str
    kid: str
    x: str


class _Jwks(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


def claims(request: Request, issuer: str) -> dict[str, Json]:
    """Return the claims of the request's grant; raises `NotRedeemable` when it holds none."""
    grant = request.grant
    if grant is None:
        raise NotRedeemable
    issued = int(grant.issued_at.timestamp())
    made = Claims(
        iss=issuer,
        aud=grant.executor,
        sub=request.subject.agent,
        jti=grant.id,
        iat=issued,
        nbf=issued,
        exp=int(grant.expires_at.timestamp()),  # rounded down: never later than the grant
        action_digest=request.digest,
        request_id=request.id,
        policy_digest=request.plan.bundle,
    )
    return msgspec.structs.asdict(made)


def public_jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """Return a public key as a JWK (RFC 8037); its `kid` is its thumbprint (RFC 7638)."""
    from joserfc.jwk import OKPKey  # a twentieth of a start, and only grants need it

    jwk = OKPKey.import_key(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    jwk.ensure_kid()
    return {name: str(value) for name, value in jwk.as_dict().items()}


def sign_grant(claims: Mapping[str, Json], key: Ed25519PrivateKey) -> str:
    """Return the claims as a compact JWS (RFC 7515): the same key and claims give the same text."""
    from joserfc import jws
    from joserfc.jwk import OKPKey

    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    header = {"alg": ALGORITHM, "kid": public_jwk(key.public_key())["kid"], "typ": TYPE}
    return jws.serialize_compact(
        header, canonical(dict(claims)), OKPKey.import_key(pem), algorithms=[ALGORITHM]
    )


def verify_grant(token: str, jwks: Mapping[str, Json], audience: str, issuer: str, now: datetime) -> Claims:
    """Return the claims of a grant that holds for `audience` now, else raise `BadGrant`, whatever the text.

    1. Three parts of canonical base64url. 2. The header is algorithm, type and key id, and nothing else.
    3. The key is one of the issuer's, for this algorithm. 4. The signature holds. 5. Every claim is there,
    in its type. 6. Issuer and audience are those expected. 7. It is in force: from nbf until before exp.
    """
    try:
        if len(token) > TOKEN_MAX or token.count(".") != 2:
            raise BadGrant("it is not three parts")
        header, payload, signature = map(_unpack, token.split("."))  # 1
        kid = _kid(fit(parse(header), _Header))  # 2
        key = _key(jwks, kid)  # 3
        key.verify(signature, token.rpartition(".")[0].encode())  # 4
        found = fit(parse(payload), Claims)  # 5
    except InvalidSignature:
        raise BadGrant("its signature is wrong") from None
    except (Malformed, ValueError) as error:
        raise BadGrant(f"it cannot be read: {error}") from None
    if found.iss != issuer or found.aud != audience:
        raise BadGrant("it is of another issuer, or for another executor")  # 6
    instant = now.timestamp()
    if instant >= found.exp or instant < found.nbf - LEEWAY.total_seconds():
        raise BadGrant("it has lapsed, or is not yet in force")  # 7
    return found


def _kid(header: _Header) -> str:
    if (header.alg, header.typ) != (ALGORITHM, TYPE):
        raise BadGrant("it is not a grant signed with Ed25519")
    return header.kid


def _key(jwks: Mapping[str, Json], kid: str) -> Ed25519PublicKey:
    named = [key for key in fit(dict(jwks), _Jwks).keys if key.get("kid") == kid]
    if len(named) != 1:
        raise BadGrant("the issuer has no such key")
    jwk = fit(named[0], _Jwk)
    if (jwk.kty, jwk.crv) != ("OKP", "Ed25519"):
        raise BadGrant("the issuer's key is for another algorithm")
    return Ed25519PublicKey.from_public_bytes(_unpack(jwk.x))


def _unpack(part: str) -> bytes:
    """Read unpadded base64url, and only in the one spelling."""
    raw = urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4))
    if urlsafe_b64encode(raw).rstrip(b"=") != part.encode():
        raise ValueError("it is not base64url")
    return raw
