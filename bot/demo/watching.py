"""What happens, line by line: read from the audit log itself, as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.core.action import code
from bot.core.log import unseal
from bot.core.terms import EntryKind, Json, Request
from bot.demo.telling import TELLERS, Seen, Told
from bot.ports import Sealed, Store

LOOK_EVERY = 0.2  # seconds
PAGE = 200  # entries


@dataclass(frozen=True, slots=True)
class Happening:
    """One line: when, about which request, and what."""

    at: datetime
    code: str
    title: str
    told: Told


@dataclass(slots=True)
class Watcher:
    """Follows the log from its beginning."""

    store: Store
    tell: Callable[[Happening], None]
    _seen: int = 0

    async def follow(self) -> None:
        """Tell everything that happens, for ever."""
        while True:
            await self.catch_up()
            await asyncio.sleep(LOOK_EVERY)

    async def catch_up(self) -> None:
        """Tell everything that is in the log by now."""
        while entries := await self.store.entries(self._seen, PAGE):
            opened = await self._opened(entries)
            for entry in entries:
                await self._read(entry, opened.get(entry.sequence, {}))
            self._seen = entries[-1].sequence + 1

    async def _opened(self, entries: list[Sealed]) -> dict[int, dict[str, str]]:
        opened: dict[int, dict[str, str]] = {}
        for opening in await self.store.openings([entry.sequence for entry in entries]):
            opened.setdefault(opening.sequence, {})[opening.field.removeprefix("private.")] = opening.value
        return opened

    async def _read(self, entry: Sealed, private: Mapping[str, str]) -> None:
        fields: dict[str, Json] = unseal(entry.body, entry.sequence)
        teller = TELLERS.get(EntryKind(fields["kind"]))
        if teller is None:
            return
        request = await self.store.get(entry.request_id) if entry.request_id else None
        told = teller(Seen(fields, private, request))
        if told is not None:
            shown, title = _name(request)
            self.tell(Happening(entry.at, shown, title, told))


def _name(request: Request | None) -> tuple[str, str]:
    return (code(request.digest), request.plan.title) if request else ("", "")
