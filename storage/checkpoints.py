"""Signed checkpoints outside the database: a folder meant for another disk, a git remote or a bucket."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from bot.ports import Checkpoint

_NAME = re.compile(r"checkpoint-(\d{20})\.note")  # the size in 20 digits, so that names sort by it


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """One file a checkpoint, never changed afterwards."""

    folder: Path

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write the note durably beside its predecessors; raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"checkpoint-{checkpoint.size:020}.note"
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(checkpoint.note)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)  # never half a note under a good name

    def newest(self) -> str | None:
        """Return the note with the largest size, or None when there is none yet."""
        if not self.folder.is_dir():
            return None
        names = sorted(name for name in os.listdir(self.folder) if _NAME.fullmatch(name))
        return (self.folder / names[-1]).read_text("utf-8") if names else None
