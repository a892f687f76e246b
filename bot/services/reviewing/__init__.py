"""A person acts on a request: who may is asked live, the machine judges, one commit ends it."""

from bot.services.reviewing.breaking import Breaking
from bot.services.reviewing.judging import Judging
from bot.services.reviewing.reviews import Reviewing

__all__ = ["Breaking", "Judging", "Reviewing"]
