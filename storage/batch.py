"""Reads and writes that go to the database together.

On PostgreSQL a round trip costs more than most of what it asks for, and the log's lock is held all the while:
so what a group reads is one statement there, and what it writes another. SQLite runs them one by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table

from storage.statements import (
    Values,
    Whose,
    Write,
    adding,
    dropping,
    fetched,
    find,
    putting,
    question,
    saving,
    skipping,
    write,
)

COMBINATIONS_MAX = 500  # texts that are kept; a group's text depends on which tables it changes
_PARAMETER = re.compile(r"\$(\d+)")


class Question(NamedTuple):
    """A query as `find` takes it; one for keys of which there are none finds nothing."""

    query: str
    keys: tuple[Sequence[str | int], ...]

    def is_asked(self) -> bool:
        """Say whether there is anything to look for."""
        return not self.keys or bool(self.keys[0])


def find_each(connection: Connection, questions: Sequence[Question]) -> list[Sequence[Sequence[Any]]]:
    """Return the rows that each question finds, as things stand when the first one is asked."""
    asked = [one for one in questions if one.is_asked()]
    if connection.dialect.name == "postgresql":
        found = iter(_found_together(connection, asked))
    else:
        found = iter([find(connection, one.query, *one.keys) for one in asked])
    return [next(found) if one.is_asked() else () for one in questions]


def _found_together(connection: Connection, asked: Sequence[Question]) -> Sequence[Sequence[Sequence[Any]]]:
    if not asked:
        return ()
    parts = [question(one.query, *one.keys) for one in asked]
    sql = _asking(tuple((part, len(columns)) for part, columns in parts))
    values = [column for _, columns in parts for column in columns]
    return fetched(connection, sql, values)[0]


@lru_cache(COMBINATIONS_MAX)
def _asking(parts: tuple[tuple[str, int], ...]) -> str:
    rows = (f"ARRAY(SELECT found FROM ({sql}) AS found)" for sql in _numbered(parts))  # noqa: S608
    return f"SELECT {', '.join(rows)}"


class Batch:
    """Writes of one transaction, gathered until they go out.

    Nothing is written before `flush`: who reads what was gathered flushes first. PostgreSQL gives the parts
    of one statement no order, so two that may touch the same row go out one after another.
    """

    def __init__(self, connection: Connection) -> None:
        """Nothing waits yet."""
        self._connection = connection
        self.dialect = connection.dialect.name
        self._waiting: list[Write] = []
        self._touched: dict[str, set[Whose]] = {}  # by table

    def add(self, table: Table, rows: Sequence[Values]) -> None:
        """Insert rows, which all name the same columns."""
        if rows:
            self.take(adding(self.dialect, table, rows))

    def skip(self, table: Table, rows: Sequence[Values]) -> None:
        """Insert those rows whose primary key is not there yet."""
        if rows:
            self.take(skipping(self.dialect, table, rows))

    def put(self, table: Table, rows: Sequence[Values]) -> None:
        """Insert rows, each in the place of the one with its primary key, if there is one."""
        if rows:
            self.take(putting(self.dialect, table, rows))

    def save(self, table: Table, rows: Sequence[Values]) -> None:
        """Update rows by their `id`."""
        if rows:
            self.take(saving(self.dialect, table, rows))

    def drop(self, table: Table, command: str, *keys: Sequence[str | int]) -> None:
        """Run a command with such `{keys}` as `find` takes."""
        if keys[0]:
            self.take(dropping(self.dialect, table, command, *keys))

    def take(self, one: Write) -> None:
        """Gather one more; what waits goes out first if it may touch the same rows."""
        touched = self._touched.get(one.table, set())
        if touched and (one.whose in touched or Whose.ANY in touched | {one.whose}):
            self.flush()
        self._waiting.append(one)
        self._touched.setdefault(one.table, set()).add(one.whose)

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        self._touched.clear()
        if len(waiting) > 1 and self.dialect == "postgresql":
            sql = _commanding(tuple((one.sql, len(one.values)) for one in waiting))
            fetched(self._connection, sql, [value for one in waiting for value in one.values])
            return
        for one in waiting:
            write(self._connection, one)


@lru_cache(COMBINATIONS_MAX)
def _commanding(parts: tuple[tuple[str, int], ...]) -> str:
    *others, last = _numbered(parts)
    return f"WITH {', '.join(f'part_{n} AS ({sql})' for n, sql in enumerate(others))} {last}"


def _numbered(parts: Sequence[tuple[str, int]]) -> list[str]:
    """Give the parts' parameters the numbers that they have in the whole."""
    numbered, before = [], 0
    for sql, count in parts:
        shift = before
        numbered.append(_PARAMETER.sub(lambda found: f"${int(found[1]) + shift}", sql))  # noqa: B023
        before += count
    return numbered
