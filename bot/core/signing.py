"""Standard Webhooks signatures: `v1` is HMAC-SHA256, `v1a` is Ed25519.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from hmac import digest as hmac_digest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SECRET, PUBLIC = "whsec_", "whpk_"
SECRET_BYTES = range(24, 65)  # of a shared secret, says the specification


def content(message_id: str, at: datetime, body: bytes) -> bytes:
    """Return the bytes that are signed."""
    return b"%b.%d.%b" % (message_id.encode(), int(at.timestamp()), body)


def sign(
    message_id: str, at: datetime, body: bytes, secrets: Sequence[str], attested: Iterable[bytes] = ()
) -> dict[str, str]:
    """Return the three headers, signed with each `whsec_` secret; several while one rotates.

    `attested` are Ed25519 signatures of `content`. No secret at all, or a bad one, raises `ValueError`.
    """
    if not secrets:
        raise ValueError("there is no secret to sign with")
    signed = content(message_id, at, body)
    marks = [f"v1,{_base64(hmac_digest(_shared(secret), signed, sha256))}" for secret in secrets]
    marks += [f"v1a,{_base64(signature)}" for signature in attested]
    return {ID: message_id, TIMESTAMP: str(int(at.timestamp())), SIGNATURE: " ".join(marks)}


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key as receivers are given it, `whpk_…`."""
    return PUBLIC + _base64(key.public_bytes_raw())


def is_secret(text: str) -> bool:
    """Tell whether a shared secret is one that can sign."""
    try:
        return bool(_shared(text))
    except ValueError:
        return False


def _shared(secret: str) -> bytes:
    raw = _raw(secret, SECRET)
    if len(raw) not in SECRET_BYTES:
        raise ValueError(f"a webhook secret has {SECRET_BYTES.start} to {SECRET_BYTES.stop - 1} bytes")
    return raw


def _raw(text: str, prefix: str) -> bytes:
    """Read one of our own keys; a bad one is a fault of the installation, not of the caller."""
    if not text.startswith(prefix):
        raise ValueError(f"a key does not begin with {prefix}")
    return b64decode(text.removeprefix(prefix), validate=True)


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
