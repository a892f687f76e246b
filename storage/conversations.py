"""Chats in which a surface's app is installed, and cards posted to a surface that cannot be searched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, select, update

from bot.core.terms import Entry, RequestId
from bot.ports import Conversation
from storage.database import Database
from storage.faults import reaching
from storage.statements import put
from storage.tables import CONVERSATIONS, POSTINGS
from storage.transaction import Transaction
from storage.writer import Writer

LIMIT = 10_000  # conversations that one look returns


class ConversationStore:
    """The store's half that knows chats; `bot.ports.Conversations` says what is meant."""

    _database: Database
    _writer: Writer

    async def conversations(self, kind: str = "", limit: int = LIMIT) -> list[Conversation]:
        """Return those of a kind, or all; the one heard of last first."""
        every = select(CONVERSATIONS).order_by(CONVERSATIONS.c.at.desc(), CONVERSATIONS.c.id).limit(limit)
        return await self._found(every.where(CONVERSATIONS.c.kind == kind) if kind else every)

    async def conversation(self, id: str) -> Conversation | None:
        """Return one."""
        found = await self._found(select(CONVERSATIONS).where(CONVERSATIONS.c.id == id))
        return found[0] if found else None

    async def conversation_of(self, account: str) -> Conversation | None:
        """Return somebody's personal chat, the newest if there are several."""
        own = select(CONVERSATIONS).where(CONVERSATIONS.c.account == account)
        found = await self._found(own.order_by(CONVERSATIONS.c.at.desc()).limit(1))
        return found[0] if found else None

    async def _found(self, query: Select[Any]) -> list[Conversation]:
        with reaching():
            rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [Conversation(row.id, row.kind, row.url, row.account, row.name) for row in rows]

    async def put_conversation(self, conversation: Conversation, entry: Entry) -> None:
        """Remember or replace one; only what is new, or elsewhere, is an entry."""

        def errand(held: Transaction) -> None:
            one = select(CONVERSATIONS.c.id).where(CONVERSATIONS.c.id == conversation.id)
            is_new = held.connection.execute(one).one_or_none() is None
            row = {
                "id": conversation.id,
                "kind": conversation.kind,
                "url": conversation.url,
                "account": conversation.account,
                "name": conversation.name,
                "at": entry.at,
            }
            put(held.connection, CONVERSATIONS, [row])
            if is_new:
                held.ledger.append(entry)

        await self._writer.submit(errand)

    async def drop_conversation(self, id: str, entry: Entry) -> None:
        """Forget one, if it is there."""

        def errand(held: Transaction) -> None:
            gone = held.connection.execute(delete(CONVERSATIONS).where(CONVERSATIONS.c.id == id))
            if gone.rowcount:
                held.ledger.append(entry)

        await self._writer.submit(errand)

    async def begin_posting(self, request_id: RequestId, place: str, now: datetime) -> bool:
        """Note that a card is about to be sent; False when it is not known what became of the last one."""

        def errand(held: Transaction) -> bool:
            one = select(POSTINGS.c.message).where(*_at(request_id, place))
            row = held.connection.execute(one).one_or_none()
            if row is not None and row.message is None:
                return False
            put(
                held.connection,
                POSTINGS,
                [{"request_id": request_id, "place": place, "message": None, "at": now}],
            )
            return True

        return await self._writer.submit(errand)

    async def end_posting(self, request_id: RequestId, place: str, message: str | None) -> None:
        """Note under which id the card stands; None when it surely was not posted."""

        def errand(held: Transaction) -> None:
            where = _at(request_id, place)
            if message is None:
                held.connection.execute(delete(POSTINGS).where(*where))
            else:
                held.connection.execute(update(POSTINGS).where(*where).values(message=message))

        await self._writer.submit(errand)

    async def posting(self, request_id: RequestId, place: str) -> str | None:
        """Return the id of the card that was posted there last."""
        one = select(POSTINGS.c.message).where(*_at(request_id, place))
        with reaching():
            row = await self._database.read(lambda connection: connection.execute(one).one_or_none())
        return row.message if row is not None else None


def _at(request_id: RequestId, place: str) -> tuple[ColumnElement[bool], ...]:
    return POSTINGS.c.request_id == request_id, POSTINGS.c.place == place
