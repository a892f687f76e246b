"""What was taken, begun, finished and told: so that no crash runs anything twice.

    taken → begun → succeeded, failed         and then told
      └───→ refused                           Assent did not release it; there is nothing to tell

Each step is on the disk before what follows it. A restart that finds `begun` cannot know whether it ran,
so it never starts it again and reports it as failed. The file belongs to one process at a time.
"""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from assent.refusals import Misused

PERHAPS = "it was begun when the executor stopped; perhaps it ran, and it is not started again"
KEPT = 30 * 86_400  # seconds; a callback from before then is refused by Assent itself
NOTE_MAX = 1000  # characters
SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    request TEXT PRIMARY KEY, jti TEXT NOT NULL, digest TEXT NOT NULL, key TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'taken', note TEXT, output TEXT,
    told INTEGER NOT NULL DEFAULT 0, taken_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL);
INSERT OR IGNORE INTO cursor VALUES (1, 0);
"""


@dataclass(frozen=True)
class Entry:
    """One approved request on its way. `key` makes every try to redeem it the same one."""

    request: str
    jti: str
    digest: str
    key: str
    state: str
    note: str | None
    output: str | None


class Journal:
    """A SQLite file, synced at every step."""

    def __init__(self, path: str | Path, now: float) -> None:
        self._lock = threading.Lock()
        self._held = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
        try:
            self._held.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._held.execute("PRAGMA synchronous = FULL")
            self._held.executescript(SCHEMA)
            self._do("UPDATE journal SET state = 'failed', note = ? WHERE state = 'begun'", PERHAPS)
            self._do("DELETE FROM journal WHERE told = 1 AND taken_at < ?", now - KEPT)
        except sqlite3.Error as error:
            self._held.close()
            raise Misused(f"{path} cannot be used as a journal: {error}") from None

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._held.close()

    def cursor(self) -> int:
        """Return the last sequence that was taken from `/v1/executions`."""
        with self._lock:
            return int(self._held.execute("SELECT sequence FROM cursor").fetchone()[0])

    def advance(self, sequence: int) -> None:
        """Everything up to this sequence is taken."""
        self._do("UPDATE cursor SET sequence = max(sequence, ?)", sequence)

    def take(self, request: str, jti: str, digest: str, key: str, now: float) -> None:
        """Note an approval before anything is done about it; hearing of it again changes nothing."""
        query = "INSERT OR IGNORE INTO journal (request, jti, digest, key, taken_at) VALUES (?, ?, ?, ?, ?)"
        self._do(query, request, jti, digest, key, now)

    def unfinished(self) -> list[Entry]:
        """Return what is not run or not told, oldest first; not what is running now."""
        query = (
            "SELECT request, jti, digest, key, state, note, output FROM journal"
            " WHERE told = 0 AND state != 'begun' ORDER BY rowid"
        )
        with self._lock:
            return [Entry(*row) for row in self._held.execute(query)]

    def begin(self, request: str) -> bool:
        """Note that it starts now; False when it had started before, and then it must not."""
        query = "UPDATE journal SET state = 'begun' WHERE request = ? AND state = 'taken'"
        return self._do(query, request) == 1

    def finish(self, request: str, state: str, note: str | None, output: str | None = None) -> None:
        """Note what became of it: succeeded, failed or refused."""
        query = (
            "UPDATE journal SET state = ?, note = ?, output = ?"
            " WHERE request = ? AND state IN ('taken', 'begun')"
        )
        self._do(query, state, note[:NOTE_MAX] if note else None, output, request)

    def told(self, request: str) -> None:
        """Nothing is left to do about it."""
        self._do("UPDATE journal SET told = 1 WHERE request = ?", request)

    def _do(self, query: str, *values: object) -> int:
        with self._lock:
            return self._held.execute(query, values).rowcount
