"""What was taken, run and told: beside the data it changes, so that one transaction holds both."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROWS_MAX = 1000  # that are read of a result
SCHEMA = """
CREATE TABLE IF NOT EXISTS assent_journal (
    request TEXT PRIMARY KEY, jti TEXT NOT NULL, digest TEXT NOT NULL,
    key TEXT NOT NULL DEFAULT (lower(hex(randomblob(16)))),
    state TEXT NOT NULL DEFAULT 'taken', note TEXT, output TEXT, told INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS assent_cursor (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL);
INSERT OR IGNORE INTO assent_cursor VALUES (1, 0);
"""
# Approved SQL ends no transaction of ours, reaches no other file, and leaves the journal alone.
FORBIDDEN = {
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_PRAGMA,
}
READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """One approved action as this database understands it."""

    sql: str
    values: Mapping[str, Any] = field(default_factory=dict)
    reads_only: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A row of the journal that is not finished: `state` is taken, refused, succeeded or failed."""

    request: str
    jti: str
    digest: str
    key: str  # of the redemption: ours alone, so that a copy with another journal gets no receipt
    state: str
    note: str | None
    output: str | None


class Journal:
    """Two tables in the database that the actions change."""

    def __init__(self, path: Path) -> None:
        self._held = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._held.execute("PRAGMA synchronous = FULL")
        self._held.executescript(SCHEMA)

    def cursor(self) -> int:
        """Return the last sequence that was taken."""
        return int(self._held.execute("SELECT sequence FROM assent_cursor").fetchone()[0])

    def advance(self, sequence: int) -> None:
        """Everything up to this sequence is taken."""
        self._held.execute("UPDATE assent_cursor SET sequence = max(sequence, ?)", (sequence,))

    def take(self, request: str, jti: str, digest: str) -> None:
        """Step 2; a second hint of the same request changes nothing."""
        query = "INSERT OR IGNORE INTO assent_journal (request, jti, digest) VALUES (?, ?, ?)"
        self._held.execute(query, (request, jti, digest))

    def unfinished(self) -> list[Taken]:
        """Return what is taken but not run, and what is run but not told, oldest first."""
        columns = "request, jti, digest, key, state, note, output"
        rows = self._held.execute(f"SELECT {columns} FROM assent_journal WHERE told = 0 ORDER BY rowid")  # noqa: S608
        return [Taken(*row) for row in rows]

    def run(self, request: str, work: Work) -> None:
        """Step 4: the SQL and its note in the journal, both or neither; a second time does nothing."""
        try:
            with self._transaction():
                if self._is_taken(request):
                    output = self._execute(work)
                    self._note(request, "succeeded", _described(output), _sha256(output))
        except sqlite3.Error as error:
            self._note(request, "failed", f"SQLite: {error}", None)

    def refuse(self, request: str, state: str, why: str) -> None:
        """It will not be run: "refused" by Assent, or "failed" because we cannot."""
        self._note(request, state, why, None)

    def told(self, request: str) -> None:
        """Nothing is left to do about it."""
        self._held.execute("UPDATE assent_journal SET told = 1 WHERE request = ?", (request,))

    def _is_taken(self, request: str) -> bool:
        query = "SELECT 1 FROM assent_journal WHERE request = ? AND state = 'taken'"
        return self._held.execute(query, (request,)).fetchone() is not None

    def _note(self, request: str, state: str, note: str, output: str | None) -> None:
        query = (
            "UPDATE assent_journal SET state = ?, note = ?, output = ? WHERE request = ? AND state = 'taken'"
        )
        self._held.execute(query, (state, note[:1000], output, request))

    def _execute(self, work: Work) -> Json:
        before, rows = self._held.total_changes, list[Any]()
        self._held.set_authorizer(_only_reading if work.reads_only else _no_mischief)
        try:
            for statement in _statements(work.sql):
                rows = self._held.execute(statement, work.values).fetchmany(ROWS_MAX) or rows
        finally:
            self._held.set_authorizer(None)
        return {"changed": self._held.total_changes - before, "rows": rows}

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._held.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._held.in_transaction:
                self._held.execute("ROLLBACK")
            raise
        self._held.execute("COMMIT")


def _no_mischief(action: int, name: str | None, *_: str | None) -> int:
    journal = name is not None and name.lower().startswith("assent_")
    return sqlite3.SQLITE_DENY if action in FORBIDDEN or journal else sqlite3.SQLITE_OK


def _only_reading(action: int, name: str | None, *_: str | None) -> int:
    return _no_mischief(action, name) if action in READING else sqlite3.SQLITE_DENY


def _statements(sql: str) -> Iterator[str]:
    """Yield each statement: `executescript` would end our transaction."""
    text = ""
    for piece in sql.split(";"):
        text += piece + ";"
        if text.strip(" \n\t;") and sqlite3.complete_statement(text):
            yield text
            text = ""
    if text.strip(" \n\t;"):
        yield text


def _described(output: Json) -> str:
    if output["rows"]:
        return f"{len(output['rows'])} rows: {json.dumps(output['rows'][:3], default=str)}"
    changed = output["changed"]
    return f"{changed} row{'' if changed == 1 else 's'} changed"


def _sha256(output: Json) -> str:
    return hashlib.sha256(json.dumps(output, default=str).encode()).hexdigest()
