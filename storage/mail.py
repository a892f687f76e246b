"""Putting things into the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import select

from bot.core.terms import OutboxKind, Send
from storage.batch import Question, find_each
from storage.columns import MICROSECOND, microseconds
from storage.statements import find
from storage.tables import COUNTERS, IS_ALERT, OUTBOX
from storage.transaction import Transaction

TOLD_EVERY = timedelta(hours=1)
Rows = Sequence[Sequence[Any]]


class Rank(IntEnum):
    """What goes first at an address."""

    RENEW = 0  # a callback, or a card that stands: it takes no room of a channel's pace
    NEW = 1  # a card that waits for people, an alert
    WORD = 2  # a line, a reminder, a card of what was over before it could be shown


@dataclass(frozen=True, slots=True)
class Posting:
    """Something to be queued: for which request, and the callback that it brings."""

    request_id: str | None
    send: Send
    callback_id: int | None = None
    is_new: bool = False  # the request is, so that nothing of it can be waiting
    is_over: bool = False  # nobody can decide about it any more


def queue(held: Transaction, postings: Sequence[Posting], cards: Cards | None = None) -> None:
    """Queue what is to be sent; a card that waits to be shown already is not queued again.

    `cards` are those of the requests that it is about; None when they are still to be read.
    """
    if not postings:
        return
    if cards is None:
        cards = Cards(*find_each(held.connection, card_questions(_known(postings))))
    waiting, tried, standing = cards.waiting, cards.tried, cards.standing
    new: dict[object, dict[str, Any]] = {}
    again: list[dict[str, Any]] = []
    for number, posting in enumerate(postings):
        held.will_send(posting.send.due_at)
        lane = (posting.request_id, posting.send.address)
        shows = posting.send.kind is OutboxKind.SHOW and posting.request_id is not None
        if shows and lane in waiting:  # however long it was put off: there is news now
            due_at = posting.send.due_at
            rank = _rank(posting, lane in standing)
            again.append({"id": waiting[lane], "due_at": due_at, "first_due_at": due_at, "rank": rank})
        else:
            row = outbox_row(posting, stands=lane in standing)
            row["attempts"] = tried.get(lane, 0) if shows else 0  # then it is looked for before it is posted
            new.setdefault(lane if shows else number, row)
    held.batch.add(OUTBOX, list(new.values()))
    held.batch.save(OUTBOX, again)


def queue_alerts(held: Transaction, request_id: str | None, alerts: Sequence[Send]) -> None:
    """Queue alerts; of one cause the admins are told once an hour, and not while they cannot be told.

    What an event says up to its first `: ` is its cause: `card-lost:slack:#ops: the channel is archived`.
    """
    for alert in alerts:
        cause = alert.event.partition(": ")[0]
        name, at = f"alert {cause}", microseconds(alert.due_at) or 0
        held.batch.flush()  # what was queued before this one counts as waiting
        told = find(held.connection, "SELECT value FROM counters WHERE name IN ({keys})", [name])
        if told and at - told[0][0] < TOLD_EVERY // MICROSECOND:
            continue
        same = OUTBOX.c.event.startswith(cause, autoescape=True)
        waiting = select(OUTBOX.c.id).where(IS_ALERT, same).limit(1)
        if held.connection.execute(waiting).first() is not None:
            continue
        held.batch.put(COUNTERS, [{"name": name, "value": at}])
        queue(held, [Posting(request_id, alert)])


def outbox_row(posting: Posting, *, stands: bool = False) -> dict[str, Any]:
    """Return a fresh outbox row; `stands` when the card that it shows does so already."""
    send = posting.send
    return {
        "kind": send.kind.value,
        "address": send.address,
        "event": send.event,
        "rank": _rank(posting, stands),
        "request_id": posting.request_id,
        "callback_id": posting.callback_id,
        "due_at": send.due_at,
        "first_due_at": send.due_at,
        "attempts": 0,
        "token": None,
        "problem": "",
    }


def _rank(posting: Posting, stands: bool) -> Rank:
    match posting.send.kind:
        case OutboxKind.TELL:
            return Rank.RENEW
        case OutboxKind.ALERT:
            return Rank.NEW
        case OutboxKind.SHOW if stands:
            return Rank.RENEW
        case OutboxKind.SHOW if not posting.is_over:
            return Rank.NEW
        case _:
            return Rank.WORD


def _known(postings: Sequence[Posting]) -> list[str]:
    """Return the requests of which a card may stand or wait already."""
    return [
        posting.request_id
        for posting in postings
        if posting.request_id and posting.send.kind is OutboxKind.SHOW and not posting.is_new
    ]


def card_questions(ids: Sequence[str]) -> list[Question]:
    """Return what `Cards` of these requests takes."""
    return [
        Question(
            "SELECT id, request_id, address, token, attempts FROM outbox "
            "WHERE request_id IN ({keys}) AND kind = 'show'",
            (ids,),
        ),
        Question("SELECT request_id, address FROM posted WHERE request_id IN ({keys})", (ids,)),
    ]


class Cards:
    """The cards of some requests that wait to be shown, that are being sent, and that stand."""

    def __init__(self, shows: Rows, posted: Rows) -> None:
        """Take what `card_questions` found."""
        self.waiting = {
            (request_id, address): row for row, request_id, address, token, _ in shows if not token
        }
        self.tried = {(request_id, address): tries for _, request_id, address, token, tries in shows if token}
        self.standing = {(request_id, address) for request_id, address in posted}
