"""The Merkle tree of RFC 6962, section 2.1; its verifier after RFC 9162, section 2.1.3.2.

A "leaf" here is always the 32-byte `leaf_hash` of an entry, never the entry itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from bot.core.log.broken import LogBroken

HASH_BYTES = 32  # SHA-256
SIZE_BYTES = 8  # a tree's size, big-endian, before its roots
SIZE_MAX = 2**63 - 1  # entries; what SQL's bigint holds
EMPTY_ROOT = sha256(b"").digest()  # RFC 6962, section 2.1


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry to its leaf; the 0x00 keeps a leaf from passing for a node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtree roots to their parent."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """The compact frontier: all that is needed to append and to know the root.

    `roots` holds one root for each bit set in `size`, the largest (oldest) subtree first.
    """

    size: int
    roots: tuple[bytes, ...]

    @classmethod
    def empty(cls) -> Self:
        """Begin a log."""
        return cls(0, ())

    def append(self, leaf: bytes) -> "Tree":
        """Add one leaf; this tree stays as it is."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> "Tree":
        """Add many leaves, reading each once; this tree stays as it is."""
        size, roots = self.size, list(self.roots)
        for leaf in leaves:
            if len(leaf) != HASH_BYTES:
                raise LogBroken("its leaf hash is not 32 bytes", size)
            node, full = leaf, size
            while full & 1:  # as in binary addition: two equal subtrees carry into one
                node = sha256(b"\x01" + roots.pop() + node).digest()
                full >>= 1
            roots.append(node)
            size += 1
        return Tree(size, tuple(roots))

    def root(self) -> bytes:
        """Hash the frontier to the tree's root."""
        if not self.roots:
            return EMPTY_ROOT
        node = self.roots[-1]
        for left in self.roots[-2::-1]:
            node = node_hash(left, node)
        return node

    def to_bytes(self) -> bytes:
        """Write the frontier: size (8 bytes, big-endian), then the roots."""
        return self.size.to_bytes(SIZE_BYTES, "big") + b"".join(self.roots)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read what `to_bytes` wrote, or raise `LogBroken`."""
        size, packed = int.from_bytes(raw[:SIZE_BYTES], "big"), raw[SIZE_BYTES:]
        if len(raw) < SIZE_BYTES or size > SIZE_MAX or len(packed) != HASH_BYTES * size.bit_count():
            raise LogBroken("a stored tree has not the length its size demands")
        starts = range(0, len(packed), HASH_BYTES)
        return cls(size, tuple(packed[start : start + HASH_BYTES] for start in starts))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check an inclusion proof, or raise `LogBroken` (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        raise LogBroken(f"it is not in a log of {size} entries", index)
    if any(len(node) != HASH_BYTES for node in (leaf, *proof)):
        raise LogBroken("its proof holds a hash that is not 32 bytes", index)
    place, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise LogBroken("its proof is too long", index)
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    if last or node != root:
        raise LogBroken("its proof does not lead to the root", index)
