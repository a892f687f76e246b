"""The outbox is emptied: each row says what to do where, and the request is read as it is by then."""

from bot.services.delivering.outside import Outside
from bot.services.delivering.postman import LEASE, Delivering

__all__ = ["LEASE", "Delivering", "Outside"]
