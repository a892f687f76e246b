"""The server's keys: a folder that only its owner can read, made on the first start.

grant-SECONDS.pem       Ed25519; signs grants issued from that second on (Unix time; the first is 0)
webhook-SECONDS.pem     Ed25519; attests callbacks
checkpoint.pem, origin  Ed25519 and the name under which it signs the audit log's checkpoints
commitment.key          HMAC key of redacted values
encryption.key          Fernet key of secrets in the database
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import digest as hmac_digest
from itertools import pairwise
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc import jws
from joserfc.jwk import OKPKey

from bot.core import grant, signing
from bot.core.canonical import canonical
from bot.core.log import checkpoint_body, sign_note, verifier_of
from bot.core.terms import Request
from bot.ports import Clock

KEPT = timedelta(days=30)  # that a rotated key still verifies: longer than any grant lives
OTHERS = 0o077  # permission bits of group and others
GRANT, WEBHOOK = "grant", "webhook"


class KeysRefused(ValueError):
    """The key folder, or something sealed with its keys, cannot be used as it is; the message says why."""


@dataclass(frozen=True, slots=True)
class _Signing:
    """A signing key, used from `since` until the next one's."""

    since: datetime
    private: Ed25519PrivateKey
    jwk: OKPKey


@dataclass(frozen=True, slots=True)
class _Held:
    """What the folder held when it was last changed, at `read_at` (nanoseconds of its mtime)."""

    read_at: int
    grants: tuple[_Signing, ...]  # oldest first
    webhooks: tuple[_Signing, ...]
    checkpoint: Ed25519PrivateKey
    origin: str
    commitment: bytes
    fernet: Fernet


@dataclass(slots=True)
class Keys:
    """A `Signer` over the folder; it notices when another process rotates."""

    folder: Path
    issuer: str
    clock: Clock
    _last: _Held

    @classmethod
    def open(cls, folder: Path, issuer: str, clock: Clock) -> Self:
        """Open the folder, or make it; raises `KeysRefused` when others can read it. `issuer` is our URL."""
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
        _require_private(folder)
        if not (
            folder / "origin"
        ).exists():  # written last: from then on a missing key is a loss, not a start
            for name in (f"{GRANT}-0.pem", f"{WEBHOOK}-0.pem", "checkpoint.pem"):
                _write_once(folder / name, _new_pem)
            for name in ("commitment.key", "encryption.key"):
                _write_once(folder / name, Fernet.generate_key)
            # Fixed for the life of the log: a checkpoint's origin must not change with the server's address.
            _write_once(folder / "origin", lambda: f"{issuer.partition('://')[2]}/audit\n".encode())
        return cls(folder, issuer, clock, _load(folder))

    def grant(self, request: Request) -> str:
        """Return the request's grant as a compact JWS: the same key, claims and bytes each time."""
        claims = grant.claims(request, self.issuer)
        held = self._held().grants
        issued = datetime.fromtimestamp(claims["iat"], UTC)
        key = next((key for key in reversed(held) if key.since <= issued), held[0])
        header = {"alg": grant.ALGORITHM, "kid": key.jwk.kid, "typ": grant.TYPE}
        return jws.serialize_compact(header, canonical(claims), key.jwk, algorithms=[grant.ALGORITHM])

    def jwks(self) -> dict[str, object]:
        """Return the public keys of all grants that can still be in force."""
        keys = self._verifying(self._held().grants)
        return {"keys": [_public(key.jwk) for key in keys]}

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
                    _path(self.folder, name, key.since).unlink(missing_ok=True)
            _write_once(_path(self.folder, name, now), _new_pem)
        self._last = _load(self.folder)
        return str(self._last.grants[-1].jwk.kid)

    def _held(self) -> _Held:
        if self.folder.stat().st_mtime_ns != self._last.read_at:
            self._last = _load(self.folder)
        return self._last

    def _verifying(self, keys: tuple[_Signing, ...]) -> list[_Signing]:
        """Return the keys whose successor is younger than `KEPT`, newest first."""
        over = self.clock.now() - KEPT
        kept = [key for key, successor in pairwise(keys) if successor.since > over]
        return [keys[-1], *reversed(kept)]


def _load(folder: Path) -> _Held:
    return _Held(
        read_at=folder.stat().st_mtime_ns,
        grants=_signing(folder, GRANT),
        webhooks=_signing(folder, WEBHOOK),
        checkpoint=_private_key(folder / "checkpoint.pem"),
        origin=_read(folder / "origin").decode().strip(),
        commitment=urlsafe_b64decode(_read(folder / "commitment.key")),
        fernet=Fernet(_read(folder / "encryption.key")),
    )


def _signing(folder: Path, name: str) -> tuple[_Signing, ...]:
    found = ((re.fullmatch(rf"{name}-([0-9]{{1,11}})\.pem", path.name), path) for path in folder.iterdir())
    dated = sorted((int(match[1]), path) for match, path in found if match)
    if not dated:
        raise KeysRefused(f"{folder} holds no {name} key; restore it from your backup.")
    return tuple(_signing_key(since, path) for since, path in dated)


def _signing_key(since: int, path: Path) -> _Signing:
    private = _private_key(path)
    jwk = OKPKey.import_key(_pem(private))
    jwk.ensure_kid()
    return _Signing(datetime.fromtimestamp(since, UTC), private, jwk)


def _private_key(path: Path) -> Ed25519PrivateKey:
    raw = _read(path)
    try:
        key = load_pem_private_key(raw, password=None)
    except (ValueError, TypeError):
        raise KeysRefused(f"{path} is not a private key.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysRefused(f"{path} is not an Ed25519 key.")
    return key


def _public(jwk: OKPKey) -> dict[str, object]:
    return {**jwk.as_dict(private=False), "use": "sig", "alg": grant.ALGORITHM}


def _path(folder: Path, name: str, since: datetime) -> Path:
    return folder / f"{name}-{int(since.timestamp())}.pem"


def _new_pem() -> bytes:
    return _pem(Ed25519PrivateKey.generate())


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(path: Path) -> bytes:
    if not path.exists():
        raise KeysRefused(f"{path} is missing; restore it from your backup.")
    _require_private(path)
    return path.read_bytes()


def _require_private(path: Path) -> None:
    if path.stat().st_mode & OTHERS:
        mode = "700" if path.is_dir() else "600"
        raise KeysRefused(f"{path} can be read by others; run: chmod {mode} {path}")


def _write_once(path: Path, made: Callable[[], bytes]) -> None:
    """Write a file whole, unless it stands there already or another process is first."""
    if path.exists():
        return
    with tempfile.NamedTemporaryFile(dir=path.parent) as draft:  # mode 0600
        draft.write(made())
        draft.flush()
        os.fsync(draft.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft.name)
