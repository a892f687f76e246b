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
        self.earliest: datetime | None = None  # the earliest instant at which something new is due

    def will_be_due(self, instant: datetime) -> None:
        """Remember that something is due then."""
        if self.earliest is None or instant < self.earliest:
            self.earliest = instant
