"""How often an agent may ask: a token bucket, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE, NO_TIME = timedelta(minutes=1), timedelta()
GRAIN = 1e-9  # tokens: what floats may lose, so that the wait we name is enough


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of a minute's allowance, as of `at`."""

    tokens: float
    at: datetime


def take(bucket: Bucket | None, per_minute: int, now: datetime) -> tuple[Bucket, timedelta]:
    """Take a token: return the bucket as it then is, and how long to wait for one (zero when it was taken).

    No bucket yet is a full one. Nothing a minute means never; such a wait is a minute.
    """
    if bucket is None:
        bucket = Bucket(float(per_minute), now)
    passed = max(now - bucket.at, NO_TIME)  # a clock set back gives nothing
    tokens = min(float(per_minute), bucket.tokens + per_minute * (passed / MINUTE))
    if tokens >= 1 - GRAIN:
        return Bucket(max(tokens - 1, 0.0), now), NO_TIME
    return Bucket(tokens, now), MINUTE * (1 - tokens) / per_minute if per_minute > 0 else MINUTE
