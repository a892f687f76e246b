"""One transaction under the log's lock, as the units of work in it see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from bot.core.terms import Request, RequestId
from storage.batch import Batch, Question, find_each
from storage.ledger import END, Ledger, Salt


class Transaction:
    """A connection whose transaction holds the log's lock, and what must be said once it is durable.

    `batch` gathers what is written: an errand that reads what it wrote so flushes it first.
    """

    def __init__(self, connection: Connection, salt: Salt, questions: Sequence[Question] = ()) -> None:
        """Read the log's end, and together with it what the units ask."""
        self.connection = connection
        self.batch = Batch(connection)
        (end, *self.found) = find_each(connection, [END, *questions])
        self.ledger = Ledger(end[0][0], self.batch, salt)
        self.began_at_size = self.ledger.size
        self.changed: dict[RequestId, Request] = {}  # whose watchers are to be woken, and what with
        self.tick_at: datetime | None = None  # the earliest instant at which a request it changed is due
        self.send_at: datetime | None = None  # likewise for the outbox

    def will_tick(self, instant: datetime) -> None:
        """Remember that a request is due then."""
        self.tick_at = instant if self.tick_at is None else min(self.tick_at, instant)

    def will_send(self, instant: datetime) -> None:
        """Remember that an outbox row is due then."""
        self.send_at = instant if self.send_at is None else min(self.send_at, instant)
