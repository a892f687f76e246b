"""The audit log as it is read; it is written by `storage/ledger.py` alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select, type_coerce
from sqlalchemy.types import NullType

from bot.core.terms import Entry, PersonName, RequestId
from bot.ports import Checkpoint, Opening, Sealed
from storage.columns import instant
from storage.database import Database
from storage.erasing import erase
from storage.faults import reaching
from storage.statements import add
from storage.tables import CHECKPOINTS, ENTRIES, HEAD, PRIVATE
from storage.transaction import Transaction
from storage.writer import Writer

_ENTRY = ENTRIES.c
_MARK = CHECKPOINTS.c
SEQUENCES_MAX = 500  # in one IN
# The instant as the database holds it: its column's type would convert value by value, a tenth of a walk.
_AT = type_coerce(_ENTRY.at, NullType())
_SEALED = select(_ENTRY.sequence, _ENTRY.kind, _AT, _ENTRY.request_id, _ENTRY.body, _ENTRY.leaf)


class LogStore:
    """The store's half that is about the audit log; `bot.ports.Log` says what each method means."""

    _database: Database
    _writer: Writer

    async def entries(self, start: int, limit: int) -> list[Sealed]:
        """Return entries from a sequence number on."""
        query = _SEALED.where(_ENTRY.sequence >= start).order_by(_ENTRY.sequence).limit(limit)
        return _sealed(await self._rows(query))

    async def entries_of(self, request_id: RequestId) -> list[Sealed]:
        """Return the entries about one request."""
        query = _SEALED.where(_ENTRY.request_id == request_id).order_by(_ENTRY.sequence)
        return _sealed(await self._rows(query))

    async def leaves(self, start: int, limit: int) -> list[bytes]:
        """Return leaf hashes from a sequence number on."""
        query = select(_ENTRY.leaf).where(_ENTRY.sequence >= start).order_by(_ENTRY.sequence).limit(limit)
        return [_bytes(leaf) for (leaf,) in await self._rows(query)]

    async def openings(self, sequences: Sequence[int]) -> list[Opening]:
        """Return what was not erased of these entries' private fields."""
        found: list[Opening] = []
        for start in range(0, len(sequences), SEQUENCES_MAX):
            some = sequences[start : start + SEQUENCES_MAX]
            query = select(PRIVATE).where(PRIVATE.c.sequence.in_(some))
            rows = await self._rows(query.order_by(PRIVATE.c.sequence, PRIVATE.c.field))
            found += [_opening(row) for row in rows]
        return found

    async def openings_between(self, first: int, last: int) -> list[Opening]:
        """Return what was not erased of the entries between two sequences, these included."""
        within = PRIVATE.c.sequence.between(first, last)
        query = select(PRIVATE).where(within).order_by(PRIVATE.c.sequence, PRIVATE.c.field)
        return [_opening(row) for row in await self._rows(query)]

    async def erase(self, person: PersonName, accounts: Collection[str], entry: Entry) -> int:
        """Erase a person: their private fields, and what they said of themselves; return how many fields."""

        def errand(held: Transaction) -> int:
            erased = erase(held.connection, person, accounts)
            held.ledger.append(entry)
            return erased

        return await self._writer.submit(errand)

    async def size(self) -> int:
        """Return how many entries the log has."""
        return int((await self._rows(select(HEAD.c.size)))[0].size)

    async def checkpoints(self) -> list[Checkpoint]:
        """Return every checkpoint, the smallest first."""
        return [_checkpoint(row) for row in await self._rows(select(CHECKPOINTS).order_by(_MARK.size))]

    async def last_checkpoint(self) -> Checkpoint | None:
        """Return the largest checkpoint."""
        rows = await self._rows(select(CHECKPOINTS).order_by(_MARK.size.desc()).limit(1))
        return _checkpoint(rows[0]) if rows else None

    async def put_checkpoint(self, checkpoint: Checkpoint, entry: Entry) -> None:
        """Keep a checkpoint; if another replica signed that size already, its one stands."""

        def errand(held: Transaction) -> None:
            there = select(_MARK.size).where(_MARK.size == checkpoint.size)
            if held.connection.execute(there).first() is not None:
                return
            row = {
                "size": checkpoint.size,
                "root": checkpoint.root,
                "note": checkpoint.note,
                "at": checkpoint.at,
            }
            add(held.connection, CHECKPOINTS, [row])
            held.ledger.append(entry)

        await self._writer.submit(errand)

    async def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        def read(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(query).all()

        with reaching():
            return await self._database.read(read)


def _sealed(rows: Sequence[Sequence[Any]]) -> list[Sealed]:
    return [  # as in `_SEALED`
        Sealed(sequence, kind, instant(at), request_id, _bytes(body), _bytes(leaf))
        for sequence, kind, at, request_id, body, leaf in rows
    ]


def _opening(row: Row[Any]) -> Opening:
    return Opening(row.sequence, row.field, _bytes(row.salt), _bytes(row.value).decode(errors="replace"))


def _bytes(value: object) -> bytes:
    """Return a column's bytes; whoever writes text into SQLite's file must not stop the verifier."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def _checkpoint(row: Row[Any]) -> Checkpoint:
    return Checkpoint(row.size, row.root, row.note, row.at)
