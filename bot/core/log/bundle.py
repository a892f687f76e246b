"""One request's proof, to be handed to someone who has neither our database nor our trust.

`client/assent/proof.py` reads it and shares no code with this: two writers of one specification.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from bot.core.log.broken import LogBroken
from bot.core.log.entry import commitment_matches, unseal
from bot.core.log.merkle import leaf_hash, verify_inclusion
from bot.core.log.note import Verifier, open_note

FORMAT = "assent-proof/1"


class Opened(Protocol):
    """A private field made readable: the salt and value behind a commitment in an entry.

    `field` is the way to the commitment in the entry's JSON, steps joined by dots: `private.reason`.
    """

    @property
    def sequence(self) -> int: ...
    @property
    def field(self) -> str: ...
    @property
    def salt(self) -> bytes: ...
    @property
    def value(self) -> str: ...


def proof_bundle(
    request_id: str,
    entries: Iterable[tuple[int, bytes]],
    proofs: Mapping[int, Sequence[bytes]],
    note: str,
    verifiers: Iterable[Verifier],
    opened: Iterable[Opened] = (),
) -> dict[str, Any]:
    """Prove a request's (sequence, entry) pairs against one signed checkpoint; give a JSON document.

    `proofs` are their inclusion proofs by sequence, in the tree of the checkpoint's size.
    Raises `LogBroken` rather than write a bundle that would not verify.
    """
    checkpoint = open_note(note, verifiers)
    listed = sorted(entries)
    if not listed:
        raise LogBroken("a bundle proves at least one entry")
    fields = {sequence: _about(request_id, sequence, entry) for sequence, entry in listed}
    proven = []
    for sequence, entry in listed:
        proof = proofs.get(sequence, ())
        verify_inclusion(leaf_hash(entry), sequence, checkpoint.size, proof, checkpoint.root)
        hashes = [node.hex() for node in proof]
        proven.append({"sequence": sequence, "entry": entry.decode(), "proof": hashes})
    return {
        "format": FORMAT,
        "request_id": request_id,
        "checkpoint": note,
        "entries": proven,
        "opened": [_opened(fields, one) for one in opened],
    }


def _about(request_id: str, sequence: int, entry: bytes) -> dict[str, Any]:
    fields = unseal(entry, sequence)
    if fields.get("request_id") != request_id:
        raise LogBroken("it is about another request", sequence)
    return fields


def _opened(fields: Mapping[int, Mapping[str, Any]], opened: Opened) -> dict[str, Any]:
    held: Any = fields.get(opened.sequence)
    for step in opened.field.split("."):
        held = held.get(step) if isinstance(held, Mapping) else None
    if not isinstance(held, str) or not commitment_matches(held, opened.salt, opened.value):
        raise LogBroken(f"{opened.field} was not committed to as opened", opened.sequence)
    return {
        "sequence": opened.sequence,
        "field": opened.field,
        "salt": opened.salt.hex(),
        "value": opened.value,
    }
