"""Standard Webhooks signatures: `v1` is HMAC-SHA256, `v1a` is Ed25519.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bot.core.errors import Unauthenticated

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = timedelta(seconds=30)  # between the clocks of sender and receiver
HEADER_MAX = 4096  # characters; far more than several signatures need
SECRET, PUBLIC = "whsec_", "whpk_"
SECRET_BYTES = range(24, 65)  # of a shared secret, says the specification
_SECONDS = re.compile("[1-9][0-9]{0,10}")
_VISIBLE = re.compile("[!-~]+(?: [!-~]+)*")


class BadSignature(Unauthenticated):
    """This call is not signed by a key that is known here, or not lately."""


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


def verify(
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    secrets: Sequence[str] = (),
    public_keys: Sequence[str] = (),
) -> str:
    """Return the message's id if the headers sign the body, else raise `BadSignature`, whatever they hold.

    1. Each header stands there once, in visible ASCII. 2. The timestamp is within 30 s of `now`.
    3. One signature holds under one `whsec_` secret or `whpk_` key; versions we do not know mean nothing.
    """
    message_id, seconds, marks = (_header(headers, name) for name in (ID, TIMESTAMP, SIGNATURE))  # 1
    if not _SECONDS.fullmatch(seconds):
        raise BadSignature(f"{TIMESTAMP} is not in whole seconds.")
    at = datetime.fromtimestamp(int(seconds), UTC)
    if abs(now - at) > TOLERANCE:
        raise BadSignature(f"{TIMESTAMP} is more than {TOLERANCE.seconds} s away.")  # 2
    signed = content(message_id, at, body)
    if not any(_holds(mark, signed, secrets, public_keys) for mark in marks.split(" ")):
        raise BadSignature(f"No signature in {SIGNATURE} holds.")  # 3
    return message_id


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key as receivers are given it, `whpk_…`."""
    return PUBLIC + _base64(key.public_bytes_raw())


def is_secret(text: str) -> bool:
    """Tell whether a shared secret is one that can sign."""
    try:
        return bool(_shared(text))
    except ValueError:
        return False


def _header(headers: Mapping[str, str], name: str) -> str:
    found = [value for key, value in headers.items() if key.lower() == name]
    if len(found) != 1:
        raise BadSignature(f"{name} must stand there once.")
    if len(found[0]) > HEADER_MAX or not _VISIBLE.fullmatch(found[0]):
        raise BadSignature(f"{name} is too long, empty or not visible ASCII.")
    return found[0]


def _holds(mark: str, signed: bytes, secrets: Sequence[str], public_keys: Sequence[str]) -> bool:
    version, _, packed = mark.partition(",")
    if version == "v1":
        made = (_base64(hmac_digest(_shared(secret), signed, sha256)) for secret in secrets)
        return any(compare_digest(packed.encode(), mine.encode()) for mine in made)
    return version == "v1a" and any(_attests(packed, signed, key) for key in public_keys)


def _attests(packed: str, signed: bytes, public_key: str) -> bool:
    key = Ed25519PublicKey.from_public_bytes(_raw(public_key, PUBLIC))
    try:
        key.verify(b64decode(packed, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


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
