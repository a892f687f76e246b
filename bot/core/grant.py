"""What a grant says, signed; whoever receives it reads it with `assent.verify_grant` of the client."""

from collections.abc import Mapping

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from bot.core.canonical import canonical
from bot.core.errors import NotRedeemable
from bot.core.terms import Json, Request

ALGORITHM = "Ed25519"  # RFC 9864; not "EdDSA", which leaves the curve open
TYPE = "approval-grant+jwt"


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
