"""Putting things into the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.terms import OutboxKind, Send
from storage.statements import add, find, save
from storage.tables import OUTBOX
from storage.transaction import Transaction

RANK = {OutboxKind.TELL: 0, OutboxKind.SHOW: 1, OutboxKind.ALERT: 1, OutboxKind.NOTE: 2}  # lower goes first


@dataclass(frozen=True, slots=True)
class Posting:
    """Something to be queued: for which request, and the callback that it brings."""

    request_id: str | None
    send: Send
    callback_id: int | None = None
    is_new: bool = False  # the request is, so that nothing of it can be waiting


def queue(held: Transaction, postings: Sequence[Posting]) -> None:
    """Queue what is to be sent; a card that waits to be shown already is not queued again."""
    if not postings:
        return
    waiting = _waiting_shows(held, postings)
    new: dict[object, dict[str, Any]] = {}
    again: list[dict[str, Any]] = []
    for number, posting in enumerate(postings):
        held.will_be_due(posting.send.due_at)
        lane = (posting.request_id, posting.send.address)
        shows = posting.send.kind is OutboxKind.SHOW and posting.request_id is not None
        if shows and lane in waiting:  # however long it was put off: there is news now
            due_at = posting.send.due_at
            again.append({"id": waiting[lane], "due_at": due_at, "first_due_at": due_at})
        else:
            new.setdefault(lane if shows else number, outbox_row(posting))
    add(held.connection, OUTBOX, list(new.values()))
    save(held.connection, OUTBOX, again)


def outbox_row(posting: Posting) -> dict[str, Any]:
    """Return a fresh outbox row."""
    send = posting.send
    return {
        "kind": send.kind.value,
        "address": send.address,
        "event": send.event,
        "rank": RANK[send.kind],
        "request_id": posting.request_id,
        "callback_id": posting.callback_id,
        "due_at": send.due_at,
        "first_due_at": send.due_at,
        "attempts": 0,
        "token": None,
        "problem": "",
    }


def _waiting_shows(held: Transaction, postings: Sequence[Posting]) -> dict[tuple[str | None, str], int]:
    ids = [
        posting.request_id
        for posting in postings
        if posting.request_id and posting.send.kind is OutboxKind.SHOW and not posting.is_new
    ]
    if not ids:
        return {}
    rows = find(
        held.connection,
        "SELECT id, request_id, address FROM outbox "
        "WHERE request_id IN ({keys}) AND kind = 'show' AND token IS NULL",
        ids,
    )
    return {(row.request_id, row.address): row.id for row in rows}
