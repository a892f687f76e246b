"""Statements that more than one part needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
Values = Mapping[str, Any]


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def put(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows, each in the place of the one with its primary key, if there is one."""
    if rows:
        insert = _insert(connection, table)
        keys = list(table.primary_key.columns)
        others = {one.name: insert.excluded[one.name] for one in table.columns if not one.primary_key}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=others), rows)


def skip(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert those rows whose primary key is not there yet."""
    if rows:
        insert = _insert(connection, table)
        keys = list(table.primary_key.columns)
        connection.execute(insert.on_conflict_do_nothing(index_elements=keys), rows)


def add(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows."""
    if rows:
        connection.execute(table.insert(), rows)


def padded(values: Iterable[T]) -> list[T]:
    """List distinct values, the last one again up to a power of two: few lengths of IN, few statements."""
    held = list(dict.fromkeys(values))
    return held + held[-1:] * ((1 << (len(held) - 1).bit_length()) - len(held) if held else 0)
