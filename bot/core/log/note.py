"""Checkpoints as signed notes: C2SP `signed-note` and `tlog-checkpoint`, Ed25519 only.

https://c2sp.org/signed-note · https://c2sp.org/tlog-checkpoint
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bot.core.log.broken import LogBroken
from bot.core.log.merkle import HASH_BYTES, SIZE_MAX

ED25519 = b"\x01"  # signed-note, "Signature types"
KEY_ID_BYTES = 4
PUBLIC_KEY_BYTES = 32
NOTE_MAX = 1_000_000  # bytes; as Go's golang.org/x/mod/sumdb/note
SIGNATURES_MAX = 100  # likewise; the specification demands at least 16
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f]")  # all of ASCII's but the newline
DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
KEY_ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose it says it is, and the bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note. Nothing in it is to be believed before `open_note`."""

    body: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log committed to: its root at a size."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name; `str()` gives the C2SP verifier key, `name+hexid+base64`."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The first bytes of SHA-256(name ‖ newline ‖ type ‖ public key)."""
        hashed = self.name.encode() + b"\n" + ED25519 + self.public_key
        return sha256(hashed).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(ED25519 + self.public_key)}"


def verifier_of(key_name: str, public_key: Ed25519PublicKey) -> Verifier:
    """Name a public key."""
    _require_key_name(key_name)
    return Verifier(key_name, public_key.public_bytes_raw())


def parse_verifier(text: str) -> Verifier:
    """Read a verifier key, or raise `LogBroken`."""
    name, _, rest = text.partition("+")
    key_id, _, packed = rest.partition("+")
    _require_key_name(name)
    raw = _unbase64(packed, "the verifier key")
    if raw[:1] != ED25519 or len(raw) != 1 + PUBLIC_KEY_BYTES:
        raise LogBroken("the verifier key is not an Ed25519 key")
    verifier = Verifier(name, raw[1:])
    if not KEY_ID.fullmatch(key_id) or bytes.fromhex(key_id) != verifier.key_id:
        raise LogBroken("the verifier key's id does not belong to its name and key")
    return verifier


def checkpoint_body(origin: str, size: int, root: bytes) -> str:
    """Write the text a log signs: origin, size, root."""
    body = f"{origin}\n{size}\n{_base64(root)}\n"
    if _checkpoint(body) != Checkpoint(origin, size, root):
        raise LogBroken("the checkpoint's origin is not one line of text")
    return body


def sign_note(body: str, key_name: str, private_key: Ed25519PrivateKey) -> str:
    """Sign a text that ends in a newline."""
    verifier = verifier_of(key_name, private_key.public_key())
    signature = private_key.sign(_utf8(body))
    note = f"{body}\n— {key_name} {_base64(verifier.key_id + signature)}\n"
    if parse_note(note).body != body:
        raise LogBroken("the text does not end in a newline")
    return note


def parse_note(text: str | bytes) -> Note:
    """Split a note into text and signatures, or raise `LogBroken`; verifies nothing."""
    note = _text(text)
    if CONTROLS.search(note):
        raise LogBroken("the note holds a control character")
    end = note.rfind("\n\n")
    if end < 0 or not note.endswith("\n") or end + 2 == len(note):
        raise LogBroken("the note has no signature lines after an empty line")
    lines = note[end + 2 : -1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise LogBroken(f"the note has more than {SIGNATURES_MAX} signatures")
    return Note(note[: end + 1], tuple(_signature(line) for line in lines))


def open_note(text: str | bytes, verifiers: Iterable[Verifier]) -> Checkpoint:
    """Verify a signed checkpoint, or raise `LogBroken`.

    1. The note parses. 2. Signatures of unknown keys are passed over.
    3. Every signature of a known key holds. 4. One of them is the log's own: its name is the origin.
    """
    note = parse_note(text)  # 1
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    signers: set[str] = set()
    for signature in note.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None:
            continue  # 2
        _require_signed(note.body, signature, verifier)  # 3
        signers.add(verifier.name)
    if not signers:
        raise LogBroken("the note is signed by no known key")
    checkpoint = _checkpoint(note.body)
    if checkpoint.origin not in signers:
        # A witness's signature alone, or another log's, does not make it this log's checkpoint.
        raise LogBroken(f"the checkpoint is not signed by its origin, {checkpoint.origin!a}")  # 4
    return checkpoint


def _require_signed(body: str, signature: Signature, verifier: Verifier) -> None:
    try:
        key = Ed25519PublicKey.from_public_bytes(verifier.public_key)
        key.verify(signature.signature, body.encode())
    except (InvalidSignature, ValueError) as error:
        raise LogBroken(f"the signature by {verifier.name!a} is wrong") from error


def _checkpoint(body: str) -> Checkpoint:
    """Read a checkpoint's text; further non-empty lines are allowed and mean nothing to us."""
    lines = body.split("\n")
    if len(lines) < 4 or lines.pop() != "" or "" in lines:
        raise LogBroken("a checkpoint is lines of origin, size and root")
    origin, size, root = lines[0], lines[1], _unbase64(lines[2], "the checkpoint's root")
    if not DECIMAL.fullmatch(size) or int(size) > SIZE_MAX:
        raise LogBroken("the checkpoint's size is not a plain decimal number")
    if len(root) != HASH_BYTES:
        raise LogBroken("the checkpoint's root is not 32 bytes")
    return Checkpoint(origin, int(size), root)


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, packed = rest.partition(" ")
    if dash != "—":
        raise LogBroken("a signature line does not begin with an em dash")
    _require_key_name(name)
    raw = _unbase64(packed, "a signature")
    if len(raw) <= KEY_ID_BYTES:
        raise LogBroken("a signature is too short")
    return Signature(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def _require_key_name(name: str) -> None:
    if not name or "+" in name or any(char.isspace() for char in name) or CONTROLS.search(name):
        raise LogBroken("a key name is empty or holds a space or a plus")
    _utf8(name)


def _text(raw: str | bytes) -> str:
    size = len(raw) if isinstance(raw, bytes) else len(_utf8(raw))
    if size > NOTE_MAX:
        raise LogBroken(f"the note is longer than {NOTE_MAX} bytes")
    try:
        return raw.decode() if isinstance(raw, bytes) else raw
    except UnicodeDecodeError as error:
        raise LogBroken("the note is not UTF-8") from error


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise LogBroken("the text holds a lone surrogate") from error


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _unbase64(text: str, what: str) -> bytes:
    """Read standard base64, and only the one spelling that `_base64` writes."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError as error:
        raise LogBroken(f"{what} is not base64") from error
    if _base64(raw) != text:
        raise LogBroken(f"{what} is not canonical base64")
    return raw
