"""Inclusion proofs (RFC 6962, section 2.1.1), made in one pass over the leaves."""

from collections.abc import Iterable, Iterator

from bot.core.log.broken import LogBroken
from bot.core.log.merkle import HASH_BYTES, node_hash


class Prover:
    """Proves leaves of the tree of `size`; it keeps their siblings alone, so no log is too long for memory.

    Raises `LogBroken` for an index that the tree does not have.
    """

    def __init__(self, indexes: Iterable[int], size: int) -> None:
        self._size = size
        self._indexes = tuple(indexes)
        for index in self._indexes:
            if not 0 <= index < size:
                raise LogBroken(f"it is not in a log of {size} entries", index)
        self._wanted = {sibling for index in self._indexes for sibling in self._siblings(index)}
        self._found: dict[tuple[int, int], bytes] = {}
        self._roots: list[tuple[int, bytes]] = []  # where each full subtree begins, the oldest first
        self.taken = 0  # leaves

    def take(self, leaves: Iterable[bytes]) -> None:
        """Take the next leaves, up to the tree's size."""
        for leaf in leaves:
            if self.taken == self._size:
                return
            if len(leaf) != HASH_BYTES:
                raise LogBroken("its leaf hash is not 32 bytes", self.taken)
            self._see(leaf)

    def proofs(self) -> dict[int, list[bytes]]:
        """Return the proof of each index; raises `LogBroken` while leaves are missing."""
        if self.taken < self._size:
            raise LogBroken("it is missing", self.taken)
        return {index: [self._node(*one) for one in self._siblings(index)] for index in self._indexes}

    def _siblings(self, index: int) -> Iterator[tuple[int, int]]:
        """Yield (height, place) of each node on the way up that the leaf is hashed with."""
        height = 0
        while (self._size - 1) >> height:
            place = (index >> height) ^ 1
            if place << height < self._size:  # else the node has no neighbour and moves up as it is
                yield height, place
            height += 1

    def _see(self, leaf: bytes) -> None:
        node, height, place = leaf, 0, self.taken
        while True:
            if (height, place) in self._wanted:
                self._found[height, place] = node
            if not place & 1:  # as in binary addition: two equal subtrees carry into one
                break
            node = node_hash(self._roots.pop()[1], node)
            height, place = height + 1, place >> 1
        self._roots.append((place << height, node))
        self.taken += 1

    def _node(self, height: int, place: int) -> bytes:
        """Return a node's hash; one at the tree's ragged end is hashed from the full ones beneath it."""
        if (found := self._found.get((height, place))) is not None:
            return found
        *earlier, node = (root for start, root in self._roots if start >= place << height)
        for left in reversed(earlier):
            node = node_hash(left, node)
        return node
