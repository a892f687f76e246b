"""Is this callback from Assent? Standard Webhooks: `v1` is HMAC-SHA256, `v1a` is Ed25519.

1. Each header stands there once, in visible ASCII.
2. The timestamp is within 30 seconds of now.
3. One signature holds under one `whsec_` secret or `whpk_` key; versions we do not know mean nothing.
4. The body is JSON that reads alike everywhere, of the shape of a callback.

A callback is a hint even so: it may come twice, late, or out of order. What counts is the receipt.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assent.refusals import BadCallback, Misused
from assent.strictly import Json, member, read_object, text

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = 30  # seconds between the clocks of sender and receiver
HEADER_MAX = 4096  # characters; far more than several signatures need
SECRET, PUBLIC = "whsec_", "whpk_"
SECRET_BYTES = range(24, 65)  # of a shared secret, says the specification
_SECONDS = re.compile("[1-9][0-9]{0,10}")
_VISIBLE = re.compile("[!-~]+(?: [!-~]+)*")

Headers = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]


@dataclass(frozen=True)
class Callback:
    """What Assent says has happened to a request."""

    message_id: str
    type: str
    data: Json


@dataclass(frozen=True)
class Verifier:
    """Holds what callbacks are signed with: several secrets while one rotates."""

    secrets: tuple[bytes, ...]
    public_keys: tuple[Ed25519PublicKey, ...]

    @classmethod
    def of(cls, secrets: Sequence[str] = (), public_keys: Sequence[str] = ()) -> Verifier:
        """Read `whsec_` secrets and `whpk_` keys; raises `Misused`."""
        if not secrets and not public_keys:
            raise Misused("Give the webhook secret, or callbacks cannot be told from anybody's bytes.")
        shared = tuple(_raw(secret, SECRET) for secret in secrets)
        if any(len(raw) not in SECRET_BYTES for raw in shared):
            raise Misused("A webhook secret has 24 to 64 bytes; was it cut?")
        return cls(shared, tuple(_public(key) for key in public_keys))

    def callback(self, headers: Headers, body: bytes, now: float) -> Callback:
        """Return the callback that these bytes are, else raise `BadCallback`, whatever they hold."""
        message_id, seconds, marks = _named(headers)  # 1
        if not _SECONDS.fullmatch(seconds):
            raise BadCallback(f"{TIMESTAMP} is not in whole seconds")
        if abs(now - int(seconds)) > TOLERANCE:  # 2
            raise BadCallback(f"{TIMESTAMP} is more than {TOLERANCE} s away")
        signed = b"%b.%b.%b" % (message_id.encode(), seconds.encode(), body)
        if not any(self._holds(mark, signed) for mark in marks.split(" ")):  # 3
            raise BadCallback(f"no signature in {SIGNATURE} holds")
        try:
            said = read_object(body)  # 4
            return Callback(message_id, text(said, "type"), member(said, "data"))
        except ValueError as error:
            raise BadCallback(f"the body is no callback: {error}") from None

    def _holds(self, mark: str, signed: bytes) -> bool:
        version, _, packed = mark.partition(",")
        if version == "v1":
            made = (b64encode(hmac_digest(secret, signed, sha256)) for secret in self.secrets)
            return any(compare_digest(packed.encode(), mine) for mine in made)
        return version == "v1a" and any(_attests(packed, signed, key) for key in self.public_keys)


def _named(headers: Headers) -> tuple[str, str, str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    found: dict[str, list[str]] = {ID: [], TIMESTAMP: [], SIGNATURE: []}
    for name, value in pairs:
        key = _ascii(name).lower()
        if key in found:
            found[key].append(_ascii(value))
    for name, values in found.items():
        if len(values) != 1:
            raise BadCallback(f"{name} must stand there once")
        if len(values[0]) > HEADER_MAX or not _VISIBLE.fullmatch(values[0]):
            raise BadCallback(f"{name} is too long, empty or not visible ASCII")
    return found[ID][0], found[TIMESTAMP][0], found[SIGNATURE][0]


def _ascii(value: str | bytes) -> str:
    """Decode as HTTP does; what is not ASCII is refused as such afterwards."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _attests(packed: str, signed: bytes, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(b64decode(packed, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _public(written: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(_raw(written, PUBLIC))
    except ValueError:
        raise Misused("A whpk_ key has 32 bytes; was it cut?") from None


def _raw(written: str, prefix: str) -> bytes:
    """Read one of our own keys; it is never shown, not even when it is wrong."""
    try:
        if not written.startswith(prefix):
            raise ValueError
        return b64decode(written.removeprefix(prefix), validate=True)
    except ValueError:
        raise Misused(f"What was given is not {prefix}… with base64 behind it.") from None
