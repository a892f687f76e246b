"""Putting things into the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from bot.core.terms import OutboxKind, Send
from storage.statements import add, padded
from storage.tables import OUTBOX
from storage.transaction import Transaction

RANK = {OutboxKind.TELL: 0, OutboxKind.SHOW: 1, OutboxKind.ALERT: 1, OutboxKind.NOTE: 2}  # lower goes first
Posting = tuple[str | None, Send, int | None]  # request, what to send, the callback it brings

_SOONER = (
    update(OUTBOX)
    .where(OUTBOX.c.id == bindparam("its_id"))
    .values(due_at=bindparam("sooner"), first_due_at=bindparam("first"))
)


def queue(held: Transaction, postings: Sequence[Posting]) -> None:
    """Queue what is to be sent; a card that waits to be shown already is not queued again."""
    if not postings:
        return
    waiting = _waiting_shows(held, postings)
    new: dict[object, dict[str, Any]] = {}
    sooner: list[dict[str, Any]] = []
    for number, (request_id, send, callback_id) in enumerate(postings):
        held.will_be_due(send.due_at)
        shows = send.kind is OutboxKind.SHOW and request_id is not None
        lane: object = (request_id, send.address) if shows else number
        if shows and (row := waiting.get((request_id, send.address))) is not None:
            sooner.append({"its_id": row[0], "sooner": min(row[1], send.due_at), "first": send.due_at})
        elif lane not in new:
            new[lane] = outbox_row(request_id, send, callback_id)
    add(held.connection, OUTBOX, list(new.values()))
    if sooner:
        held.connection.execute(_SOONER, sooner)


def outbox_row(request_id: str | None, send: Send, callback_id: int | None) -> dict[str, Any]:
    """Return a fresh outbox row."""
    return {
        "kind": send.kind.value,
        "address": send.address,
        "event": send.event,
        "rank": RANK[send.kind],
        "request_id": request_id,
        "callback_id": callback_id,
        "due_at": send.due_at,
        "first_due_at": send.due_at,
        "attempts": 0,
        "token": None,
        "problem": "",
    }


def _waiting_shows(held: Transaction, postings: Sequence[Posting]) -> dict[Any, tuple[int, Any]]:
    ids = [request_id for request_id, send, _ in postings if request_id and send.kind is OutboxKind.SHOW]
    if not ids:
        return {}
    box = OUTBOX.c
    rows = held.connection.execute(
        select(box.id, box.request_id, box.address, box.due_at).where(
            box.request_id.in_(padded(ids)), box.kind == OutboxKind.SHOW.value, box.token.is_(None)
        )
    )
    return {(row.request_id, row.address): (row.id, row.due_at) for row in rows}
