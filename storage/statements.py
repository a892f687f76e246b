"""Statements on many rows, lean enough for the path that every request takes.

Each is written once for a database, and its text stays the same however many rows there are: SQLite runs
it row by row, PostgreSQL takes whole columns through `unnest`; keys to look for travel as one JSON list
there, as arrays here. To PostgreSQL's driver they go directly: by way of SQLAlchemy a statement costs it and
us three times as much, and the log's lock is held all the while.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Column, Connection, Table

from storage.columns import Instant, Line, aware, microseconds, plain

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Many:
    """A statement for many rows: the columns it takes, in order, and how each is written."""

    table: str
    sql: str
    columns: tuple[tuple[str, Callable[[Any], Any] | None], ...]


class Whose(Enum):
    """Which rows of its table a command may touch."""

    NEW = "those that it inserts"
    HELD = "those that are there"
    ANY = "both"


class Write(NamedTuple):
    """A command that changes one table, as the database's driver takes it."""

    table: str
    sql: str
    values: Sequence[Any]  # on SQLite of one row, or rows of them
    whose: Whose = Whose.ANY


def adding(dialect: str, table: Table, rows: Sequence[Values]) -> Write:
    """Return what inserts rows, which all name the same columns."""
    return _filled(dialect, _inserting(dialect, table, tuple(rows[0]), ""), rows, Whose.NEW)


def skipping(dialect: str, table: Table, rows: Sequence[Values]) -> Write:
    """Return what inserts those rows whose primary key is not there yet."""
    conflict = f"ON CONFLICT ({_keys(table)}) DO NOTHING"
    return _filled(dialect, _inserting(dialect, table, tuple(rows[0]), conflict), rows)


def putting(dialect: str, table: Table, rows: Sequence[Values]) -> Write:
    """Return what inserts rows, each in the place of the one with its primary key, if there is one."""
    return _filled(dialect, _inserting(dialect, table, tuple(rows[0]), _replacing(table)), rows)


def saving(dialect: str, table: Table, rows: Sequence[Values]) -> Write:
    """Return what updates rows by their `id`."""
    return _filled(dialect, _updating(dialect, table, tuple(rows[0])), rows, Whose.HELD)


def dropping(dialect: str, table: Table, command: str, *keys: Sequence[str | int]) -> Write:
    """Return a command with such `{keys}` as `find` takes."""
    if dialect == "postgresql":
        return Write(table.name, *question(command, *keys))
    return Write(table.name, *_among_json(command, _columns(keys)))


def add(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows, which all name the same columns."""
    if rows:
        write(connection, adding(connection.dialect.name, table, rows))


def put(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows, each in the place of the one with its primary key, if there is one."""
    if rows:
        write(connection, putting(connection.dialect.name, table, rows))


def write(connection: Connection, one: Write) -> None:
    """Run a command."""
    if connection.dialect.name == "postgresql":
        fetched(connection, one.sql, one.values)
    else:
        connection.exec_driver_sql(one.sql, one.values)


def find(connection: Connection, query: str, *keys: Sequence[str | int]) -> Sequence[Sequence[Any]]:
    """Run a query whose `{keys}` stands for the rows of these columns: `… WHERE id IN ({keys})`."""
    if connection.dialect.name == "postgresql":
        return fetched(connection, *question(query, *keys))
    if not keys:
        return connection.exec_driver_sql(query).all()
    return connection.exec_driver_sql(*_among_json(query, _columns(keys))).all()


def question(query: str, *keys: Sequence[str | int]) -> tuple[str, Sequence[Sequence[str | int]]]:
    """Return such a query for PostgreSQL's driver, with the values that it takes."""
    columns = _columns(keys)
    return _among_arrays(query, columns), columns


def drop(connection: Connection, table: Table, command: str, *keys: Sequence[str | int]) -> None:
    """Run a command with such `{keys}`."""
    write(connection, dropping(connection.dialect.name, table, command, *keys))


def fetched(connection: Connection, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Run a statement on PostgreSQL's driver."""
    from storage import driving  # never loaded for SQLite

    return driving.fetched(connection, sql, values)


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


def _filled(dialect: str, many: _Many, rows: Sequence[Values], whose: Whose = Whose.ANY) -> Write:
    columns = [
        [row[name] for row in rows] if written is None else [written(row[name]) for row in rows]
        for name, written in many.columns
    ]
    values = columns if dialect == "postgresql" else list(zip(*columns, strict=True))
    return Write(many.table, many.sql, values, whose)


@cache
def _inserting(dialect: str, table: Table, names: tuple[str, ...], conflict: str) -> _Many:
    if dialect == "postgresql":
        rows = f"SELECT * FROM unnest({_arrays(table, names)})"  # noqa: S608
    else:
        rows = f"VALUES ({', '.join('?' for _ in names)})"
    sql = f"INSERT INTO {table.name} ({', '.join(names)}) {rows} {conflict}"
    return _Many(table.name, sql, _written(dialect, table, names))


@cache
def _updating(dialect: str, table: Table, names: tuple[str, ...]) -> _Many:
    others = [name for name in names if name != "id"]
    if dialect == "postgresql":
        new = f"unnest({_arrays(table, names)}) AS new ({', '.join(names)})"
        changes = ", ".join(f"{name} = new.{name}" for name in others)
        sql = f"UPDATE {table.name} SET {changes} FROM {new} WHERE {table.name}.id = new.id"  # noqa: S608
        return _Many(table.name, sql, _written(dialect, table, names))
    changes = ", ".join(f"{name} = ?" for name in others)
    sql = f"UPDATE {table.name} SET {changes} WHERE id = ?"  # noqa: S608
    return _Many(table.name, sql, _written(dialect, table, (*others, "id")))


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


@cache
def _replacing(table: Table) -> str:
    others = ", ".join(f"{one.name} = excluded.{one.name}" for one in table.columns if not one.primary_key)
    return f"ON CONFLICT ({_keys(table)}) DO UPDATE SET {others}"


def _keys(table: Table) -> str:
    return ", ".join(column.name for column in table.primary_key.columns)
