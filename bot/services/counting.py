"""How the work goes: medians, expiries, who is busiest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.core.counts import Counts
from bot.core.errors import Malformed
from bot.ports import Clock, Store

TOP = 5  # names in each list
DAYS_MAX = 366


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts requests."""

    store: Store
    clock: Clock

    async def last(self, days: int) -> Counts:
        """Count what was asked in the last days, today as one of them, in UTC; raises `Malformed`."""
        if not 1 <= days <= DAYS_MAX:
            raise Malformed(f"Ask for 1 to {DAYS_MAX} days.")
        now = self.clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return await self.store.counts(midnight - timedelta(days=days - 1), now, TOP)
