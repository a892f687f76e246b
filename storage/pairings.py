"""Chat accounts on their way to a person: remembered until both sides have confirmed, or time is up."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, Row, and_, delete, select
from sqlalchemy.engine import Connection

from bot.core.errors import Stale
from bot.core.terms import Entry, PersonName
from bot.ports import Pairing, RegistryEdit
from storage.database import Database
from storage.faults import reaching
from storage.identities import apply_edit
from storage.statements import add, put
from storage.tables import PAIRINGS
from storage.transaction import Transaction
from storage.writer import Writer


class PairingStore:
    """The store's half that pairs accounts with people; `bot.ports.Pairings` says what each method means."""

    _database: Database
    _writer: Writer

    async def put_pairing(self, pairing: Pairing, entry: Entry) -> None:
        """Remember a pairing, and forget those that are over."""

        def errand(held: Transaction) -> None:
            over = PAIRINGS.c.expires_at <= entry.at
            held.connection.execute(delete(PAIRINGS).where(over | _of(pairing.surface, pairing.account)))
            add(held.connection, PAIRINGS, [asdict(pairing)])
            held.ledger.append(entry)

        await self._writer.submit(errand)

    async def pairing(self, hash: str, now: datetime) -> Pairing | None:
        """Return the pairing under this hash, if it is in force."""
        return await self._pairing(PAIRINGS.c.hash == hash, now)

    async def pairing_of(self, surface: str, account: str, now: datetime) -> Pairing | None:
        """Return the account's pairing, if one is in force."""
        return await self._pairing(_of(surface, account), now)

    async def change_pairing(self, before: Pairing, after: Pairing) -> None:
        """Put one in the other's place."""

        def errand(held: Transaction) -> None:
            _require(held.connection, before)
            put(held.connection, PAIRINGS, [asdict(after)])

        await self._writer.submit(errand)

    async def finish_pairing(self, before: Pairing, edit: RegistryEdit) -> None:
        """Forget it and edit the registry, both or neither."""

        def errand(held: Transaction) -> None:
            _require(held.connection, before)
            held.connection.execute(delete(PAIRINGS).where(PAIRINGS.c.hash == before.hash))
            apply_edit(held, edit)

        await self._writer.submit(errand)

    async def _pairing(self, which: ColumnElement[bool], now: datetime) -> Pairing | None:
        alive = select(PAIRINGS).where(which, PAIRINGS.c.expires_at > now)
        with reaching():
            row = await self._database.read(lambda connection: connection.execute(alive).one_or_none())
        return None if row is None else _read(row)


def _of(surface: str, account: str) -> ColumnElement[bool]:
    return and_(PAIRINGS.c.surface == surface, PAIRINGS.c.account == account)


def _require(connection: Connection, before: Pairing) -> None:
    row = connection.execute(select(PAIRINGS).where(PAIRINGS.c.hash == before.hash)).one_or_none()
    if row is None or _read(row) != before:
        raise Stale


def _read(row: Row[tuple[object, ...]]) -> Pairing:
    person = None if row.person is None else PersonName(row.person)
    return Pairing(
        row.hash,
        row.surface,
        row.account,
        row.shown,
        row.expires_at,
        row.browser,
        person,
        row.code,
        row.tries,
    )
