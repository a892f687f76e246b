"""Where a surface's app is installed, with its sealed credentials; and leave to install it, once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select

from bot.core.terms import Entry
from storage.database import Database
from storage.faults import reaching
from storage.statements import add, put
from storage.tables import INSTALLATIONS, LEAVES
from storage.transaction import Transaction
from storage.writer import Writer


class InstallationStore:
    """The store's half that knows where we are installed; `bot.ports.Installations` says what is meant."""

    _database: Database
    _writer: Writer

    async def installations(self) -> Mapping[str, bytes]:
        """Return every place with its sealed credentials."""
        every = select(INSTALLATIONS.c.place, INSTALLATIONS.c.sealed).order_by(INSTALLATIONS.c.place)
        with reaching():
            rows = await self._database.read(lambda connection: connection.execute(every).all())
        return {row.place: row.sealed for row in rows}

    async def put_installation(self, place: str, sealed: bytes, entry: Entry) -> None:
        """Remember or replace one."""

        def errand(held: Transaction) -> None:
            put(held.connection, INSTALLATIONS, [{"place": place, "sealed": sealed, "at": entry.at}])
            held.ledger.append(entry)

        await self._writer.submit(errand)

    async def rotate_installation(self, place: str, old: bytes, new: bytes) -> bool:
        """Put new credentials in the place of old ones; False when another replica was first."""

        def errand(held: Transaction) -> bool:
            one = select(INSTALLATIONS).where(INSTALLATIONS.c.place == place)
            row = held.connection.execute(one).one_or_none()
            if row is None or row.sealed != old:
                return False
            put(held.connection, INSTALLATIONS, [{"place": place, "sealed": new, "at": row.at}])
            return True

        return await self._writer.submit(errand)

    async def drop_installation(self, place: str, entry: Entry) -> None:
        """Forget one, if it is there."""

        def errand(held: Transaction) -> None:
            gone = held.connection.execute(delete(INSTALLATIONS).where(INSTALLATIONS.c.place == place))
            if gone.rowcount:
                held.ledger.append(entry)

        await self._writer.submit(errand)

    async def put_leave(self, hash: str, expires_at: datetime, entry: Entry) -> None:
        """Remember a leave, and forget those that are over."""

        def errand(held: Transaction) -> None:
            held.connection.execute(delete(LEAVES).where(LEAVES.c.expires_at <= entry.at))
            add(held.connection, LEAVES, [{"hash": hash, "expires_at": expires_at}])
            held.ledger.append(entry)

        await self._writer.submit(errand)

    async def has_leave(self, hash: str, now: datetime) -> bool:
        """Say whether the leave stands."""
        alive = select(LEAVES.c.hash).where(LEAVES.c.hash == hash, LEAVES.c.expires_at > now)
        with reaching():
            found = await self._database.read(lambda connection: connection.execute(alive).one_or_none())
        return found is not None

    async def take_leave(self, hash: str, now: datetime) -> bool:
        """Use the leave; False when it was used, is over, or never was."""

        def errand(held: Transaction) -> bool:
            alive = delete(LEAVES).where(LEAVES.c.hash == hash, LEAVES.c.expires_at > now)
            return held.connection.execute(alive).rowcount == 1

        return await self._writer.submit(errand)
