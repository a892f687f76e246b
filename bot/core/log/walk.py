"""The whole log, walked once and held against its checkpoints."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bot.core.log.broken import LogBroken
from bot.core.log.entry import unseal
from bot.core.log.merkle import Tree, leaf_hash
from bot.core.log.note import Verifier, open_note

Look = Callable[[int, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Verified:
    """A log that held: its size and root, and how many checkpoints it was held against."""

    size: int
    root: bytes
    checkpoints: int


class Walk:
    """The whole log, taken page by page, so that no log is too long for memory.

    1. Every checkpoint (a signed note, in any order) opens with the verifiers.
    2. Sequences run from 0 without a gap, in the column and inside the entry; the entry is canonical.
    3. Each entry hashes to its stored leaf.
    4. At each checkpoint's size the tree has its root; the log is not shorter than the last one.

    Entries after the last checkpoint are held by their hashes alone: with nothing signed over them,
    their removal cannot show.
    """

    def __init__(self, checkpoints: Iterable[str | bytes], verifiers: Iterable[Verifier]) -> None:
        known = tuple(verifiers)
        marks = sorted((open_note(note, known) for note in checkpoints), key=lambda mark: mark.size)  # 1
        self._marks = tuple(marks)
        self._held = 0  # checkpoints that held so far
        self._tree = Tree.empty()

    @property
    def size(self) -> int:
        """How many entries were taken."""
        return self._tree.size

    def take(self, entries: Iterable[tuple[int, bytes, bytes]], look: Look | None = None) -> None:
        """Take the next (sequence, entry, stored leaf hash) in order; `LogBroken` at the first bad one.

        `look` is handed each entry's place and fields, which were read anyway; it may raise `LogBroken`, too.
        """
        rest = iter(entries)
        while True:
            self._hold()
            before = self._tree.size
            room = self._marks[self._held].size - before if self._held < len(self._marks) else None
            self._tree = self._tree.extend(_leaves(islice(rest, room), before, look))
            if room is None or self._tree.size - before < room:
                break

    def finish(self) -> Verified:
        """Return what held; `LogBroken` when the log is shorter than a checkpoint."""
        self._hold()
        if self._held < len(self._marks):  # 4
            size = self._marks[self._held].size
            raise LogBroken(f"it is missing: a checkpoint was signed over {size} entries", self._tree.size)
        return Verified(self._tree.size, self._tree.root(), len(self._marks))

    def _hold(self) -> None:
        """Hold the tree against every checkpoint of its size."""
        while self._held < len(self._marks) and (mark := self._marks[self._held]).size == self._tree.size:
            if self._tree.root() != mark.root:  # 4
                last_good = self._marks[self._held - 1].size if self._held else 0
                suspect = min(last_good, mark.size - 1) if mark.size else None
                raise LogBroken(
                    f"this or a later one is not what the checkpoint at {mark.size} signed", suspect
                )
            self._held += 1


def _leaves(entries: Iterable[tuple[int, bytes, bytes]], start: int, look: Look | None) -> Iterator[bytes]:
    """Yield the leaf of each entry that is what and where it says it is."""
    for place, (sequence, entry, stored) in enumerate(entries, start):
        if sequence != place:  # 2
            raise LogBroken(f"it is missing: entry {sequence} stands in its place", place)
        fields = unseal(entry, place)  # 2
        leaf = leaf_hash(entry)
        if leaf != stored:  # 3
            raise LogBroken("it does not hash to its stored leaf", place)
        if look is not None:
            look(place, fields)
        yield leaf
