"""The Bot Service's keys and what it signs with them."""

import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

Json = dict[str, Any]
ISSUER = "https://api.botframework.com"


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """Return a key, always the same of a name in this process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Signer:
    """Signs calls as the Bot Service does."""

    def __init__(self, app_id: str, key_id: str = "bot-service-1") -> None:
        self.app_id = app_id
        self.key_id = key_id

    def jwks(self, endorsements: tuple[str, ...] = ("msteams",)) -> Json:
        """Return the published keys."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(key(self.key_id).public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.key_id, "use": "sig", "endorsements": list(endorsements)}]}

    def token(self, service_url: str, *, signed_with: str = "", **differs: Any) -> str:
        """Return a token as the Bot Service makes it; `differs` changes claims, None leaves one out."""
        now = int(time.time())  # the SDK reads the wall clock, whatever the test's clock says
        claims = {
            "iss": ISSUER,
            "aud": self.app_id,
            "serviceurl": service_url,
            "nbf": now - 60,
            "exp": now + 3600,
            **differs,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": self.key_id, "x5t": self.key_id}
        return jwt.encode(claims, key(signed_with or self.key_id), algorithm="RS256", headers=headers)
