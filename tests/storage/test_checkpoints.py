"""The newest checkpoint outside the database never steps back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.core.log import checkpoint_body, sign_note
from bot.ports import Checkpoint
from storage.checkpoints import CheckpointFolder

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def a_checkpoint(size: int, day: int = 2) -> Checkpoint:
    root = bytes([size]) * 32
    note = sign_note(checkpoint_body("assent.test/audit", size, root), "assent.test/audit", KEY)
    return Checkpoint(size, root, note, datetime(2026, 3, day, 12, tzinfo=UTC))


def test_the_newest_is_the_largest_even_when_a_slower_replica_writes_last(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "kept")
    folder.keep(a_checkpoint(9))
    folder.keep(a_checkpoint(7))
    assert folder.newest() == a_checkpoint(9).note


def test_the_last_of_each_day_stays(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for size, day in ((3, 2), (5, 2), (8, 3)):
        folder.keep(a_checkpoint(size, day))
    assert (tmp_path / "2026-03-02.note").read_text() == a_checkpoint(5).note
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == [
        "2026-03-02.note",
        "2026-03-03.note",
        "latest.note",
    ]


def test_a_note_that_cannot_be_read_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "latest.note").write_bytes(b"\xff half a no")
    CheckpointFolder(tmp_path).keep(a_checkpoint(4))
    assert CheckpointFolder(tmp_path).newest() == a_checkpoint(4).note


def test_there_is_none_before_the_first(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path / "nowhere").newest() is None
