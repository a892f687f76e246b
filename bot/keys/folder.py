"""The files of the key folder: written once and whole, read only while nobody else can read them."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

OTHERS = 0o077  # permission bits of group and others
SECRET_BYTES = 32
GRANT, WEBHOOK = "grant", "webhook"


class KeysRefused(ValueError):
    """The key folder, or something sealed with its keys, cannot be used as it is; the message says why."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signing key, used from `since` until the next one's."""

    since: datetime
    private: Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Held:
    """What the folder held when it was last changed, at `read_at` (nanoseconds of its mtime)."""

    read_at: int
    grants: tuple[SigningKey, ...]  # oldest first
    webhooks: tuple[SigningKey, ...]
    checkpoint: Ed25519PrivateKey
    origin: str
    commitment: bytes = field(repr=False)
    fernet: Fernet = field(repr=False)


def create(folder: Path, origin: str) -> None:
    """Make the folder and its keys on the first start; `origin` is the log's name for ever."""
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
    require_private(folder)
    if not is_made(folder):
        for name in (f"{GRANT}-0.pem", f"{WEBHOOK}-0.pem", "checkpoint.pem"):
            write_once(folder / name, new_pem)
        for name in ("commitment.key", "encryption.key"):
            write_once(folder / name, Fernet.generate_key)
        write_once(folder / "origin", lambda: f"{origin}\n".encode())


def is_made(folder: Path) -> bool:
    """Say whether the keys were made: from then on a missing one is a loss, not a start."""
    try:
        return (folder / "origin").exists()  # written last
    except PermissionError:
        return True  # who may not look is not to make any


def load(folder: Path) -> Held:
    """Read the whole folder, or raise `KeysRefused`."""
    return Held(
        read_at=folder.stat().st_mtime_ns,
        grants=_signing(folder, GRANT),
        webhooks=_signing(folder, WEBHOOK),
        checkpoint=_private_key(folder / "checkpoint.pem"),
        origin=_read(folder / "origin").decode().strip(),
        commitment=_secret(folder / "commitment.key"),
        fernet=Fernet(urlsafe_b64encode(_secret(folder / "encryption.key"))),
    )


def _signing(folder: Path, name: str) -> tuple[SigningKey, ...]:
    found = ((re.fullmatch(rf"{name}-([0-9]{{1,11}})\.pem", path.name), path) for path in folder.iterdir())
    dated = sorted((int(match[1]), path) for match, path in found if match)
    if not dated:
        raise KeysRefused(f"{folder} holds no {name} key; restore it from your backup.")
    return tuple(_signing_key(since, path) for since, path in dated)


def _signing_key(since: int, path: Path) -> SigningKey:
    return SigningKey(datetime.fromtimestamp(since, UTC), _private_key(path))


def _private_key(path: Path) -> Ed25519PrivateKey:
    raw = _read(path)
    try:
        key = load_pem_private_key(raw, password=None)
    except (ValueError, TypeError):
        raise KeysRefused(f"{path} is not a private key.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysRefused(f"{path} is not an Ed25519 key.")
    return key


def path_of(folder: Path, name: str, since: datetime) -> Path:
    """Return where the signing key of that second stands."""
    return folder / f"{name}-{int(since.timestamp())}.pem"


def new_pem() -> bytes:
    """Return a new Ed25519 key."""
    return _pem(Ed25519PrivateKey.generate())


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _secret(path: Path) -> bytes:
    text = _read(path)
    try:
        raw = urlsafe_b64decode(text)
    except ValueError as error:
        raise KeysRefused(f"{path} is not a key.") from error
    if len(raw) != SECRET_BYTES:
        raise KeysRefused(f"{path} is not a key of {SECRET_BYTES} bytes.")
    return raw


def _read(path: Path) -> bytes:
    if not path.exists():
        raise KeysRefused(f"{path} is missing; restore it from your backup.")
    require_private(path)
    return path.read_bytes()


def require_private(path: Path) -> None:
    """Raise `KeysRefused` if anybody but the owner may read or enter it."""
    if path.stat().st_mode & OTHERS:
        mode = "700" if path.is_dir() else "600"
        raise KeysRefused(f"{path} can be read by others; run: chmod {mode} {path}")


def write_once(path: Path, made: Callable[[], bytes]) -> None:
    """Write a file whole, unless it stands there already or another process is first."""
    if path.exists():
        return
    with tempfile.NamedTemporaryFile(dir=path.parent) as draft:  # mode 0600
        draft.write(made())
        draft.flush()
        os.fsync(draft.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft.name)
