"""Arguments as values; what cannot be read is a usage error."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

from bot.services.admin import TOKEN_MAX


def instant(text: str) -> datetime:
    """Read a day or an instant; without a zone it is UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!a} is not like 2026-01-31 or 2026-01-31T14:00:00Z") from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def words(text: str) -> str:
    """Read a reason; none at all is none."""
    if not text.strip():
        raise ArgumentTypeError("say it in words: somebody will want to know")
    return text


def hours(text: str) -> timedelta:
    """Read how long a token lasts."""
    try:
        read = timedelta(hours=float(text))
    except (ValueError, OverflowError):
        read = timedelta(0)
    if not timedelta(0) < read <= TOKEN_MAX:
        raise ArgumentTypeError(
            f"{text!a} is not more than 0 and at most {TOKEN_MAX // timedelta(hours=1)} hours"
        )
    return read


def count(text: str) -> int:
    """Read how many."""
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 9 and int(text) > 0):
        raise ArgumentTypeError(f"{text!a} is not a whole number above 0")
    return int(text)


def seconds(text: str) -> float:
    """Read a duration in seconds."""
    try:
        read = float(text)
    except ValueError:
        read = 0.0
    if not 0 < read <= 86_400:  # also refuses NaN
        raise ArgumentTypeError(f"{text!a} is not a number of seconds above 0, at most a day")
    return read


def port(text: str) -> int:
    """Read a port; 0 is any free one."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise ArgumentTypeError(f"{text!a} is not a port")
    return int(text)
