"""A person acts on a request: each act is one turn, in which who may is asked live and one commit ends it."""

from bot.services.reviewing.breaking import Breaking
from bot.services.reviewing.reviews import Reviewing
from bot.services.reviewing.turn import Turn

__all__ = ["Breaking", "Reviewing", "Turn"]
