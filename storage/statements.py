"""Statements on many rows, lean enough for the path that every request takes.

Each is written once for a database, and its text stays the same however many rows there are: SQLite runs
it row by row, PostgreSQL takes whole columns through `unnest`; keys to look for travel as one JSON list
there, as arrays here. To PostgreSQL's driver they go directly: by way of SQLAlchemy a statement costs it and
us three times as much, and the log's lock is held all the while.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Table

from storage.columns import Instant, Line, aware, microseconds, plain

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Many:
    """A statement for many rows: the columns it takes, in order, and how each is written."""

    sql: str
    columns: tuple[tuple[str, Callable[[Any], Any] | None], ...]


def add(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows, which all name the same columns."""
    if rows:
        _run(connection, _inserting(connection.dialect.name, table, tuple(rows[0]), ""), rows)


def skip(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert those rows whose primary key is not there yet."""
    if rows:
        conflict = f"ON CONFLICT ({_keys(table)}) DO NOTHING"
        _run(connection, _inserting(connection.dialect.name, table, tuple(rows[0]), conflict), rows)


def put(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows, each in the place of the one with its primary key, if there is one."""
    if rows:
        others = ", ".join(
            f"{one.name} = excluded.{one.name}" for one in table.columns if not one.primary_key
        )
        conflict = f"ON CONFLICT ({_keys(table)}) DO UPDATE SET {others}"
        _run(connection, _inserting(connection.dialect.name, table, tuple(rows[0]), conflict), rows)


def save(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Update rows by their `id`."""
    if rows:
        _run(connection, _updating(connection.dialect.name, table, tuple(rows[0])), rows)


def find(connection: Connection, query: str, *keys: Sequence[str | int]) -> Sequence[Sequence[Any]]:
    """Run a query whose `{keys}` stands for the rows of these columns: `… WHERE id IN ({keys})`."""
    columns = _columns(keys)
    if connection.dialect.name == "postgresql":
        return _fetched(connection, _among_arrays(query, columns), columns)
    return connection.exec_driver_sql(*_among_json(query, columns)).all()


def value_of(connection: Connection, query: str, key: str) -> Any:
    """Return the one value that a query selects, None where there is none; `{key}` stands for the key.

    Read-only connections come from a pool, so this goes by SQLAlchemy, which notices a dead one.
    """
    sql = query.format(key="$1" if connection.dialect.name == "postgresql" else "?")
    return connection.exec_driver_sql(sql, (plain(key),)).scalar()


def drop(connection: Connection, command: str, *keys: Sequence[str | int]) -> None:
    """Run a command with such `{keys}`."""
    columns = _columns(keys)
    if connection.dialect.name == "postgresql":
        _fetched(connection, _among_arrays(command, columns), columns)
    else:
        connection.exec_driver_sql(*_among_json(command, columns))


def run(connection: Connection, command: str, values: Sequence[Any]) -> None:
    """Run a command, spelt as the database's driver has it."""
    if connection.dialect.name == "postgresql":
        _fetched(connection, command, values)
    else:
        connection.exec_driver_sql(command, tuple(values))


def _fetched(connection: Connection, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
    from storage.driving import fetched  # never loaded for SQLite

    return fetched(connection, sql, values)


def _columns(keys: Sequence[Sequence[str | int]]) -> list[list[str | int]]:
    return [[plain(key) if isinstance(key, str) else key for key in column] for column in keys]


def _among_arrays(sql: str, columns: Sequence[Sequence[str | int]]) -> str:
    kinds = ["text" if isinstance(column[0], str) else "bigint" for column in columns]
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 1))
    return sql.format(keys=f"SELECT * FROM unnest({arrays})")  # noqa: S608


def _among_json(sql: str, columns: Sequence[Sequence[str | int]]) -> tuple[str, tuple[str]]:
    parts = ", ".join(f"json_extract(value, '$[{number}]')" for number in range(len(columns)))
    rows = list(zip(*columns, strict=True))
    whole = sql.format(keys=f"SELECT {parts} FROM json_each(?)")  # noqa: S608
    return whole, (msgspec.json.encode(rows).decode(),)


def _run(connection: Connection, many: _Many, rows: Sequence[Values]) -> None:
    columns = [
        [row[name] for row in rows] if written is None else [written(row[name]) for row in rows]
        for name, written in many.columns
    ]
    if connection.dialect.name == "postgresql":
        _fetched(connection, many.sql, columns)
    else:
        connection.exec_driver_sql(many.sql, list(zip(*columns, strict=True)))


@cache
def _inserting(dialect: str, table: Table, names: tuple[str, ...], conflict: str) -> _Many:
    if dialect == "postgresql":
        rows = f"SELECT * FROM unnest({_arrays(table, names)})"  # noqa: S608
    else:
        rows = f"VALUES ({', '.join('?' for _ in names)})"
    sql = f"INSERT INTO {table.name} ({', '.join(names)}) {rows} {conflict}"
    return _Many(sql, _written(dialect, table, names))


@cache
def _updating(dialect: str, table: Table, names: tuple[str, ...]) -> _Many:
    others = [name for name in names if name != "id"]
    if dialect == "postgresql":
        new = f"unnest({_arrays(table, names)}) AS new ({', '.join(names)})"
        changes = ", ".join(f"{name} = new.{name}" for name in others)
        sql = f"UPDATE {table.name} SET {changes} FROM {new} WHERE {table.name}.id = new.id"  # noqa: S608
        return _Many(sql, _written(dialect, table, names))
    changes = ", ".join(f"{name} = ?" for name in others)
    sql = f"UPDATE {table.name} SET {changes} WHERE id = ?"  # noqa: S608
    return _Many(sql, _written(dialect, table, (*others, "id")))


def _arrays(table: Table, names: Sequence[str]) -> str:
    from sqlalchemy.dialects import postgresql  # never loaded for SQLite

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    kinds = [table.columns[name].type.compile(dialect=dialect) for name in names]
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 1))


def _written(dialect: str, table: Table, names: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, _writing(dialect, table.columns[name])) for name in names)


def _writing(dialect: str, column: Column[Any]) -> Callable[[Any], Any] | None:
    """Return how a value of the column is handed to the driver; None for as it is."""
    if isinstance(column.type, Line):
        return _line
    if not isinstance(column.type, Instant):
        return None
    return aware if dialect == "postgresql" else microseconds


def _line(value: str | None) -> str | None:
    return None if value is None else plain(value)


def _keys(table: Table) -> str:
    return ", ".join(column.name for column in table.primary_key.columns)
