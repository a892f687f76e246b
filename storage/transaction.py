"""One transaction under the log's lock, as the units of work in it see it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from bot.core.terms import RequestId
from storage.ledger import Ledger, Salt


class Transaction:
    """A connection whose transaction holds the log's lock, and what must be said once it is durable."""

    def __init__(self, connection: Connection, salt: Salt) -> None:
        """Take the lock."""
        self.connection = connection
        self.ledger = Ledger(connection, salt)
        self.began_at_size = self.ledger.size
        self.changed: set[RequestId] = set()  # whose watchers are to be woken
        self.tick_at: datetime | None = None  # the earliest instant at which a request it changed is due
        self.send_at: datetime | None = None  # likewise for the outbox

    def will_tick(self, instant: datetime) -> None:
        """Remember that a request is due then."""
        self.tick_at = instant if self.tick_at is None else min(self.tick_at, instant)

    def will_send(self, instant: datetime) -> None:
        """Remember that an outbox row is due then."""
        self.send_at = instant if self.send_at is None else min(self.send_at, instant)
