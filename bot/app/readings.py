"""What `/metrics` reads when somebody looks: how things stand now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.app.loops import STRANDED_AFTER
from bot.app.parts import Parts


def readings(made: Parts) -> Mapping[str, Callable[[], Awaitable[float]]]:
    """Return each reading by its name: requests that are pending, and what the outbox holds.

    `outbox` counts its rows, `outbox_age` is how many seconds ago the oldest of them was due first; `stalled`
    counts deadlines that cannot be passed, `stranded` messages whose sender never came back.
    """

    async def pending() -> float:
        return await made.store.count_pending()

    async def outbox() -> float:
        return (await made.store.queued())[0]

    async def outbox_age() -> float:
        oldest = (await made.store.queued())[1]
        return 0 if oldest is None else max(0, (made.clock.now() - oldest).total_seconds())

    async def stalled() -> float:
        return await made.store.stalled()

    async def stranded() -> float:
        return await made.store.stranded(made.clock.now() - STRANDED_AFTER)

    return {
        "pending": pending,
        "outbox": outbox,
        "outbox_age": outbox_age,
        "stalled": stalled,
        "stranded": stranded,
    }
