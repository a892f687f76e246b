"""Column types that read and write the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import TIMESTAMP, BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime | None) -> int | None:
    """Return the whole microseconds since 1970, as SQLite keeps an instant; a naive one raises."""
    if instant is None:
        return None
    since = instant - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def aware(instant: datetime | None) -> datetime | None:
    """Return the instant, as PostgreSQL takes it; a naive one, which asyncpg would bend, raises."""
    if instant is not None and instant.tzinfo is None:
        raise TypeError("an instant is aware")
    return instant


def plain(text: str) -> str:
    """Replace what a database's text cannot hold: NUL, and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode(errors="replace").decode().replace("\0", "␀")


Looked = str | int | datetime  # what a few rows are looked for by


def on_sqlite(key: Looked) -> str | int | None:
    """Return a key as SQLite's driver takes it."""
    if isinstance(key, str):
        return plain(key)
    return microseconds(key) if isinstance(key, datetime) else key


def on_postgresql(key: Looked) -> Looked | None:
    """Return a key as PostgreSQL's driver takes it."""
    if isinstance(key, str):
        return plain(key)
    return aware(key) if isinstance(key, datetime) else key


def instant(held: datetime | int) -> datetime:
    """Return an instant that either database held."""
    return held.astimezone(UTC) if isinstance(held, datetime) else EPOCH + int(held) * MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC: `timestamptz` on PostgreSQL, microseconds since 1970 on SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the database's type."""
        own = TIMESTAMP(timezone=True) if dialect.name == "postgresql" else BigInteger()
        return dialect.type_descriptor(own)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write."""
        return aware(value) if dialect.name == "postgresql" else microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read."""
        return None if value is None else instant(value)


class Line(TypeDecorator[str]):
    """Text; a NUL or a lone surrogate is replaced, so looking for one finds nothing instead of failing."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write."""
        return None if value is None else plain(value)


class Whole(TypeDecorator[int]):
    """A 64-bit whole number, which SQLite numbers rows by only under the name INTEGER."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the database's type."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())
