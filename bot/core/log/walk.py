"""The whole log, walked once and held against its checkpoints."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from bot.core.log.broken import LogBroken
from bot.core.log.entry import unseal
from bot.core.log.merkle import Tree, leaf_hash
from bot.core.log.note import Verifier, open_note


@dataclass(frozen=True, slots=True)
class Verified:
    """A log that held: its size and root, and how many checkpoints it was held against."""

    size: int
    root: bytes
    checkpoints: int


def verify_entries(
    entries: Iterable[tuple[int, bytes, bytes]],
    checkpoints: Iterable[str | bytes],
    verifiers: Iterable[Verifier],
) -> Verified:
    """Walk (sequence, entry, stored leaf hash) in order; raise `LogBroken` at the first bad entry.

    1. Every checkpoint (a signed note, in any order) opens with the verifiers.
    2. Sequences run from 0 without a gap, in the column and inside the entry; the entry is canonical.
    3. Each entry hashes to its stored leaf.
    4. At each checkpoint's size the tree has its root; the log is not shorter than the last one.

    Entries after the last checkpoint are held by their hashes alone: with nothing signed over them,
    their removal cannot show.
    """
    known = tuple(verifiers)
    marks = sorted((open_note(note, known) for note in checkpoints), key=lambda mark: mark.size)  # 1
    tree, rest = Tree.empty(), iter(entries)
    for mark in marks:
        held = tree.size
        tree = tree.extend(_leaves(islice(rest, mark.size - held), held))
        if tree.size < mark.size:  # 4
            raise LogBroken(f"it is missing: a checkpoint was signed over {mark.size} entries", tree.size)
        if tree.root() != mark.root:  # 4
            suspect = min(held, mark.size - 1) if mark.size else None
            raise LogBroken(f"this or a later one is not what the checkpoint at {mark.size} signed", suspect)
    tree = tree.extend(_leaves(rest, tree.size))
    return Verified(tree.size, tree.root(), len(marks))


def _leaves(entries: Iterable[tuple[int, bytes, bytes]], start: int) -> Iterator[bytes]:
    """Yield the leaf of each entry that is what and where it says it is."""
    for place, (sequence, entry, stored) in enumerate(entries, start):
        if sequence != place:  # 2
            raise LogBroken(f"it is missing: entry {sequence} stands in its place", place)
        unseal(entry, place)  # 2
        leaf = leaf_hash(entry)
        if leaf != stored:  # 3
            raise LogBroken("it does not hash to its stored leaf", place)
        yield leaf
