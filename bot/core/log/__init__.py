"""The audit log's arithmetic: a Merkle tree (RFC 6962), signed checkpoints (C2SP), proofs.

Bytes in, values out. Whatever the bytes, the only error is `LogBroken`.

- `merkle`: leaf and node hashes, the tree's frontier, the check of inclusion
- `prover`: inclusion proofs in one pass over the leaves
- `note`: checkpoints as signed notes
- `entry`: canonical entries, salted commitments
- `walk`: the whole log held against its checkpoints
- `bundle`: one request's proof, to be checked without us by `client/assent/proof.py`
"""

from bot.core.log.broken import LogBroken
from bot.core.log.bundle import Opened, proof_bundle
from bot.core.log.entry import commit, commitment_matches, seal, unseal
from bot.core.log.merkle import (
    EMPTY_ROOT,
    Tree,
    leaf_hash,
    node_hash,
    verify_inclusion,
)
from bot.core.log.note import (
    Checkpoint,
    Note,
    Signature,
    Verifier,
    checkpoint_body,
    open_note,
    parse_note,
    parse_verifier,
    sign_note,
    verifier_of,
)
from bot.core.log.prover import Prover
from bot.core.log.walk import Verified, Walk

__all__ = [
    "EMPTY_ROOT",
    "Checkpoint",
    "LogBroken",
    "Note",
    "Opened",
    "Prover",
    "Signature",
    "Tree",
    "Verified",
    "Verifier",
    "Walk",
    "checkpoint_body",
    "commit",
    "commitment_matches",
    "leaf_hash",
    "node_hash",
    "open_note",
    "parse_note",
    "parse_verifier",
    "proof_bundle",
    "seal",
    "sign_note",
    "unseal",
    "verifier_of",
    "verify_inclusion",
]
