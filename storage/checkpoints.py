"""Signed checkpoints outside the database: a folder meant for another disk, a git remote or a bucket."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bot.ports import Checkpoint

LATEST = "latest.note"


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """The newest note, and the last one of each day."""

    folder: Path

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write the note durably as the newest and as its day's last; raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (f"{checkpoint.at:%Y-%m-%d}.note", LATEST):
            self._write(name, checkpoint.note)

    def _write(self, name: str, note: str) -> None:
        unfinished = self.folder / f".{name}.unfinished"
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.folder / name)  # never half a note under a good name

    def newest(self) -> str | None:
        """Return the newest note, or None when there is none yet."""
        latest = self.folder / LATEST
        return latest.read_text("utf-8") if latest.is_file() else None
