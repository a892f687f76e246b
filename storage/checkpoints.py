"""Signed checkpoints outside the database: a folder meant for another disk, a git remote or a bucket."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from bot.core.log import LogBroken, parse_note
from bot.ports import Checkpoint

LATEST = "latest.note"
LOCK = ".lock"


class CheckpointsWrong(ValueError):
    """Nothing can be kept in the folder of checkpoints; the message says what to do."""


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """The newest note, and the last one of each day; several replicas may share the folder."""

    folder: Path

    def prepare(self) -> None:
        """Make the folder and try to write there; raises `CheckpointsWrong`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / LOCK).touch()
        except OSError as error:
            raise CheckpointsWrong(
                f"Checkpoints cannot be written to {self.folder} ({error.strerror}); "
                "let this account write there, or set ASSENT_CHECKPOINTS."
            ) from error

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write the note durably as the newest and as its day's last; raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # else a slower replica could step back between look and write
            for name in (f"{checkpoint.at:%Y-%m-%d}.note", LATEST):
                if self._size(name) < checkpoint.size:
                    self._write(name, checkpoint.note)

    def _size(self, name: str) -> int:
        try:
            return int(parse_note((self.folder / name).read_bytes()).body.split("\n")[1])
        except (FileNotFoundError, LogBroken, ValueError, IndexError):
            return -1  # none, or none that can be read: any note is better

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
