"""Check a proof bundle with nothing but the log's public key: no database, no network, no bot.

    python -m assent.proof bundle.json --key 'name+id+base64'

Exit 0: proven. 1: not proven, and why. 2: the command itself was wrong.

This shares no code with the bot that wrote the bundle, on purpose: whoever doubts the bot can read
this one file. It needs the standard library and `cryptography`. The steps, numbered in the code:

1. The bundle is JSON of the format we know, no name twice.
2. The checkpoint is a signed note (C2SP signed-note, tlog-checkpoint) that a given key signed, and the
   key's name is the log's origin.
3. Each entry is JSON, carries its own sequence number and is about the bundle's request.
4. Each entry's leaf leads to the checkpoint's root (RFC 9162, section 2.1.3.2).
5. Each opened field matches the salted commitment that stands in its entry.
"""

import argparse
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest as hmac_digest
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "assent-proof/1"
BUNDLE_MAX = 64 * 1024 * 1024  # bytes
HASH_BYTES = 32  # SHA-256
SALT_MIN = 16  # bytes
DEPTH_MAX = 32  # levels of JSON
SIZE_MAX = 2**63 - 1  # entries
SIGNATURES_MAX = 100  # in one note; the specification demands at least 16
ED25519 = b"\x01"  # signed-note, "Signature types"

PROVEN, NOT_PROVEN, USAGE = 0, 1, 2


class NotProven(ValueError):
    """The bundle does not prove what it claims; the message says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """A log's public key, as its C2SP verifier key spells it."""

    name: str
    key_id: bytes
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One proven entry: its place, its fields, and the private fields opened beside it."""

    sequence: int
    fields: dict[str, Any]
    opened: dict[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a bundle proves."""

    request_id: str
    origin: str
    size: int
    root: bytes
    entries: tuple[Entry, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m assent.proof", description="Check a proof bundle.")
    parser.add_argument("bundle", type=Path, help="the JSON file that `audit prove` wrote")
    parser.add_argument(
        "--key",
        dest="keys",
        type=_key,
        action="append",
        required=True,
        help="the log's verifier key, from someone you trust, never from the bundle; repeat after a rotation",
    )
    given = parser.parse_args(arguments)
    try:
        with given.bundle.open("rb") as file:
            raw = file.read(BUNDLE_MAX + 1)
    except (OSError, ValueError) as error:
        parser.exit(USAGE, f"cannot read the bundle: {_shown(str(error))}\n")
    try:
        proof = check(raw, given.keys)
    except NotProven as error:
        _say([f"NOT PROVEN: {_shown(str(error))}"])
        return NOT_PROVEN
    _say(words(proof))
    return PROVEN


def _key(text: str) -> Key:
    try:
        return parse_key(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def check(bundle: bytes, keys: Sequence[Key]) -> Proof:
    """Check a bundle against the log's keys; return what it proves, or raise `NotProven`."""
    if len(bundle) > BUNDLE_MAX:
        raise NotProven(f"the bundle is longer than {BUNDLE_MAX} bytes")
    document = _object(_json(bundle, "the bundle"), "the bundle")  # 1
    if document.get("format") != FORMAT:
        raise NotProven(f"the bundle's format is not {FORMAT}")
    request_id = _text(document, "request_id", "the bundle")
    origin, size, root = _checkpoint(_text(document, "checkpoint", "the bundle"), keys)
    entries: dict[int, Entry] = {}
    for listed in _list(document, "entries", "the bundle"):
        entry = _entry(_object(listed, "an entry"), request_id, size, root)
        if entry.sequence in entries:
            raise NotProven(f"entry {entry.sequence}: it is listed twice")
        entries[entry.sequence] = entry
    if not entries:
        raise NotProven("the bundle lists no entry")
    for opened in _list(document, "opened", "the bundle"):
        _open(_object(opened, "an opened field"), entries)
    return Proof(request_id, origin, size, root, tuple(entries[place] for place in sorted(entries)))


def words(proof: Proof) -> Iterator[str]:
    """Say what is proven, and what is not, line by line."""
    yield f"PROVEN for request {_shown(proof.request_id)}"
    yield f"by the log {_shown(proof.origin)}, which signed a checkpoint over {proof.size} entries"
    yield f"with root {proof.root.hex()}"
    for entry in proof.entries:
        yield ""
        kind = entry.fields.get("kind")
        about = f": {_shown(kind)}" if isinstance(kind, str) else ""
        yield f"Entry {entry.sequence}{about}"
        yield "  [it stood in the log, unaltered, when the checkpoint was signed]"
        for path, value in _flat((), entry.fields):
            called = _shown(".".join(path))
            if path in entry.opened:
                yield f"  {called} [opened: it matches its commitment]: {_shown(entry.opened[path])}"
            elif path not in (("sequence",), ("kind",), ("request_id",)):
                yield f"  {called}: {_shown(value)}"
    yield ""
    yield "NOT proven by this bundle: that the log holds no other entry about this request."


def parse_key(text: str) -> Key:
    """Read a verifier key, `name+hexid+base64`; raise `ValueError` if it is none."""
    name, _, rest = text.partition("+")
    key_id, _, packed = rest.partition("+")
    raw = _unbase64(packed)
    if raw is None or raw[:1] != ED25519 or len(raw) != 33 or not _is_name(name):
        raise ValueError("not an Ed25519 verifier key")
    expected = sha256(name.encode() + b"\n" + raw).digest()[:4]
    if key_id != expected.hex():
        raise ValueError("the verifier key's id does not belong to its name and key")
    return Key(name, expected, raw[1:])


def _checkpoint(note: str, keys: Sequence[Key]) -> tuple[str, int, bytes]:
    """Open a signed checkpoint; return origin, size and root."""
    body, lines = _split(note)  # 2
    known = {(key.name, key.key_id): key for key in keys}
    signers: set[str] = set()
    for line in lines:
        dash, _, rest = line.partition(" ")
        name, _, packed = rest.partition(" ")
        raw = _unbase64(packed)
        if dash != "—" or not _is_name(name) or raw is None or len(raw) < 5:
            raise NotProven("the checkpoint has a malformed signature line")
        key = known.get((name, raw[:4]))
        if key is None:
            continue  # a witness, or a rotated key: unknown signatures are to be ignored
        if not _signed(key, raw[4:], body):
            raise NotProven(f"the checkpoint's signature by {name} is wrong")
        signers.add(name)
    if not signers:
        raise NotProven("the checkpoint is signed by none of the given keys")
    origin, size, root = _tree_head(body)
    if origin not in signers:
        raise NotProven(f"the checkpoint is of the log {origin}, whose key was not given or did not sign")
    return origin, size, root


def _split(note: str) -> tuple[str, list[str]]:
    """Split a note at its last empty line into text and signature lines."""
    if any(char < " " and char != "\n" for char in note) or not _is_unicode(note):
        raise NotProven("the checkpoint holds a control character or a lone surrogate")
    end = note.rfind("\n\n")
    if end < 0 or not note.endswith("\n") or end + 2 == len(note):
        raise NotProven("the checkpoint has no signature lines after an empty line")
    lines = note[end + 2 : -1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NotProven(f"the checkpoint has more than {SIGNATURES_MAX} signatures")
    return note[: end + 1], lines


def _tree_head(body: str) -> tuple[str, int, bytes]:
    lines = body.split("\n")
    if len(lines) < 4 or lines.pop() != "" or "" in lines:
        raise NotProven("the checkpoint is not lines of origin, size and root")
    origin, size, root = lines[0], lines[1], _unbase64(lines[2])
    if not (size.isascii() and size.isdigit() and len(size) < 20 and str(int(size)) == size):
        raise NotProven("the checkpoint's size is not a plain decimal number")
    if int(size) > SIZE_MAX or root is None or len(root) != HASH_BYTES:
        raise NotProven("the checkpoint's size or root is out of range")
    return origin, int(size), root


def _signed(key: Key, signature: bytes, body: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, body.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _entry(listed: dict[str, Any], request_id: str, size: int, root: bytes) -> Entry:
    """Check one entry: what it says inside, and that it is in the tree."""
    sequence = _sequence(listed, "an entry")
    called = f"entry {sequence}"
    text = _text(listed, "entry", called)
    if not _is_unicode(text):
        raise NotProven(f"{called}: it holds a lone surrogate")
    fields = _object(_json(text.encode(), called), called)  # 3
    if _sequence(fields, called) != sequence:
        raise NotProven(f"{called}: it carries another sequence number inside")
    if fields.get("request_id") != request_id:
        raise NotProven(f"{called}: it is about another request")
    proof = [_hash(node, called) for node in _list(listed, "proof", called)]
    leaf = sha256(b"\x00" + text.encode()).digest()
    if _root(leaf, sequence, size, proof) != root:  # 4
        raise NotProven(f"{called}: it is not in the log that the checkpoint signed")
    return Entry(sequence, fields, {})


def _root(leaf: bytes, place: int, size: int, proof: Iterable[bytes]) -> bytes | None:
    """Climb from a leaf to the root; None where the proof has not the length this place demands."""
    if not 0 <= place < size:
        return None
    node, last = leaf, size - 1
    for sibling in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            node = sha256(b"\x01" + sibling + node).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + sibling).digest()
        place, last = place >> 1, last >> 1
    return None if last else node


def _open(opened: dict[str, Any], entries: dict[int, Entry]) -> None:
    """Check one opened field, and lay it beside its entry."""
    sequence = _sequence(opened, "an opened field")
    called = f"entry {sequence}"
    field, value = _text(opened, "field", called), _text(opened, "value", called)
    salt = _hex(_text(opened, "salt", called))
    if sequence not in entries or salt is None or len(salt) < SALT_MIN or not _is_unicode(value):
        raise NotProven(f"{called}: a field is opened that the bundle does not hold, or with a bad salt")
    held: Any = entries[sequence].fields
    path = tuple(field.split("."))
    for step in path:
        held = held.get(step) if isinstance(held, dict) else None
    expected = hmac_digest(salt, value.encode(), sha256).hex()
    if held != expected:  # 5
        raise NotProven(f"{called}: {field} was not what is opened here")
    entries[sequence].opened[path] = value


def _json(raw: bytes, called: str) -> Any:
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_once, parse_constant=_refused, parse_float=_refused
        )
    except (ValueError, RecursionError) as error:
        raise NotProven(f"{called}: it is not plain JSON") from error
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [inner for held in level for inner in _inside(held)]
    if level:
        raise NotProven(f"{called}: it is nested deeper than {DEPTH_MAX} levels")
    return value


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: two readers could each believe another one."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name stands twice")
    return fields


def _refused(_spelling: str) -> NoReturn:
    raise ValueError("not a whole number")


def _object(value: Any, called: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotProven(f"{called}: it is not an object")
    return value


def _text(fields: dict[str, Any], name: str, called: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise NotProven(f"{called}: {name} is not text")
    return value


def _list(fields: dict[str, Any], name: str, called: str) -> list[Any]:
    value = fields.get(name)
    if not isinstance(value, list):
        raise NotProven(f"{called}: {name} is not a list")
    return value


def _sequence(fields: dict[str, Any], called: str) -> int:
    value = fields.get("sequence")
    if type(value) is not int or not 0 <= value <= SIZE_MAX:
        raise NotProven(f"{called}: its sequence number is none")
    return value


def _hash(value: Any, called: str) -> bytes:
    raw = _hex(value) if isinstance(value, str) else None
    if raw is None or len(raw) != HASH_BYTES:
        raise NotProven(f"{called}: its proof holds something that is no hash")
    return raw


def _hex(text: str) -> bytes | None:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    return raw if raw.hex() == text else None


def _unbase64(text: str) -> bytes | None:
    """Read standard base64 in its one canonical spelling."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if b64encode(raw).decode() == text else None


def _is_name(name: str) -> bool:
    plain = all(char >= " " and char != "+" and not char.isspace() for char in name)
    return bool(name) and plain and _is_unicode(name)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _flat(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every field inside, under the way to it."""
    if isinstance(value, dict) and value:
        for name, held in value.items():
            yield from _flat((*path, name), held)
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(text: str) -> str:
    """Write unprintable characters as escapes: a bundle must not steer the terminal it is shown on."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _say(lines: Iterable[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


if __name__ == "__main__":
    sys.exit(main())
