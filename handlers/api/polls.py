"""Long polls that end when the server does: those of every door."""

from handlers.polls import Polls

__all__ = ["Polls"]
