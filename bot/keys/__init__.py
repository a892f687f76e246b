"""The server's keys: a folder that only its owner can read, made on the first start.

grant-SECONDS.pem       Ed25519; signs grants issued from that second on (Unix time; the first is 0)
webhook-SECONDS.pem     Ed25519; attests callbacks
checkpoint.pem, origin  Ed25519 and the name under which it signs the audit log's checkpoints
commitment.key          HMAC key of redacted values
encryption.key          Fernet key of secrets in the database
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import digest as hmac_digest
from itertools import pairwise
from pathlib import Path
from typing import Self

from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bot.core import grant, signing
from bot.core.log import checkpoint_body, sign_note, verifier_of
from bot.core.terms import Request
from bot.keys.folder import (
    GRANT,
    WEBHOOK,
    Held,
    KeysRefused,
    SigningKey,
    create,
    is_made,
    load,
    new_pem,
    path_of,
    write_once,
)
from bot.ports import Clock

__all__ = ["KEPT", "Keys", "KeysRefused", "is_made", "log_name"]

KEPT = timedelta(days=30)  # that a rotated key still verifies: longer than any grant lives


@dataclass(slots=True)
class Keys:
    """A `Signer` over the folder; it notices when another process rotates."""

    folder: Path
    issuer: str
    clock: Clock
    _last: Held = field(repr=False)

    @classmethod
    def open(cls, folder: Path, issuer: str, clock: Clock) -> Self:
        """Open the folder, or make it; raises `KeysRefused` when others can read it. `issuer` is our URL."""
        create(folder, log_name(issuer))
        return cls(folder, issuer, clock, load(folder))

    def grant(self, request: Request) -> str:
        """Return the request's grant as a compact JWS: the same key, claims and bytes each time."""
        claims = grant.claims(request, self.issuer)
        held = self._held().grants
        issued = datetime.fromtimestamp(claims["iat"], UTC)
        key = next((key for key in reversed(held) if key.since <= issued), held[0])
        return grant.sign_grant(claims, key.private)

    def jwks(self) -> dict[str, object]:
        """Return the public keys of all grants that can still be in force."""
        keys = self._verifying(self._held().grants)
        return {"keys": [_public(key.private.public_key()) for key in keys]}

    def attest(self, content: bytes) -> tuple[bytes, ...]:
        """Sign a callback with Ed25519; with the key before it too, for as long as that one verifies."""
        return tuple(key.private.sign(content) for key in self._verifying(self._held().webhooks))

    def webhook_keys(self) -> tuple[str, ...]:
        """Return the public keys of `attest`, newest first, as `whpk_…`."""
        keys = self._verifying(self._held().webhooks)
        return tuple(signing.public_text(key.private.public_key()) for key in keys)

    def checkpoint(self, size: int, root: bytes) -> str:
        """Return a signed note over the log's first `size` entries."""
        held = self._held()
        return sign_note(checkpoint_body(held.origin, size, root), held.origin, held.checkpoint)

    def verifier_keys(self) -> tuple[str, ...]:
        """Return the verifier key of our checkpoints."""
        held = self._held()
        return (str(verifier_of(held.origin, held.checkpoint.public_key())),)

    def origin(self) -> str:
        """Return the name under which checkpoints are signed: that of our address at the first start."""
        return self._held().origin

    def commitment(self, value: bytes) -> str:
        """Return the keyed commitment of a redacted value, lowercase hex."""
        return hmac_digest(self._held().commitment, value, sha256).hex()

    def seal(self, secret: bytes) -> bytes:
        """Encrypt a secret for the database."""
        return self._held().fernet.encrypt(secret)

    def unseal(self, sealed: bytes) -> bytes:
        """Decrypt what `seal` encrypted; raises `KeysRefused` (a `ValueError`) for anything else."""
        try:
            return self._held().fernet.decrypt(sealed)
        except InvalidToken:
            raise KeysRefused("A secret in the database was sealed with another key folder.") from None

    def rotate(self) -> str:
        """Start a new key for grants and one for callbacks; return the new key's id."""
        now = self.clock.now()
        held = self._held()
        for name, keys in ((GRANT, held.grants), (WEBHOOK, held.webhooks)):
            verifying = self._verifying(keys)
            for key in keys:
                if key not in verifying:
                    path_of(self.folder, name, key.since).unlink(missing_ok=True)
            write_once(path_of(self.folder, name, now), new_pem)
        self._last = load(self.folder)
        return grant.public_jwk(self._last.grants[-1].private.public_key())["kid"]

    def _held(self) -> Held:
        if self.folder.stat().st_mtime_ns != self._last.read_at:
            self._last = load(self.folder)
        return self._last

    def _verifying(self, keys: tuple[SigningKey, ...]) -> list[SigningKey]:
        """Return the keys whose successor is younger than `KEPT`, newest first."""
        over = self.clock.now() - KEPT
        kept = [key for key, successor in pairwise(keys) if successor.since > over]
        return [keys[-1], *reversed(kept)]


def log_name(issuer: str) -> str:
    """Return the name that a log begun at this URL has for ever."""
    return f"{issuer.partition('://')[2]}/audit"


def _public(key: Ed25519PublicKey) -> dict[str, str]:
    return {**grant.public_jwk(key), "use": "sig", "alg": grant.ALGORITHM}
