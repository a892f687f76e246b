"""Reads calendars, each at most every five minutes; what was read is good for half an hour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout

from bot.ports import Clock
from handlers.oncall.shifts import NoCalendar, Shift, shifts

EVERY = timedelta(minutes=5)  # between two reads of one calendar
KEPT = timedelta(minutes=30)  # how long what was read is good while it cannot be read again
AGAIN = timedelta(seconds=30)  # between two reads of one that does not answer
ANSWERS_WITHIN = 2  # seconds: a click waits for it, and Slack gives a click three
SIZE_MAX = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Read:
    """What was read, and when; its shifts reach as far as it is kept."""

    at: datetime
    shifts: tuple[Shift, ...]


@dataclass(slots=True)
class Feeds:
    """Says who is on call: `source` is an address or a file in `folder`. `session` makes one for a read."""

    folder: Path
    session: Callable[[], AbstractAsyncContextManager[ClientSession]]
    clock: Clock
    problems: dict[str, str] = field(default_factory=dict)  # of the calendars that do not answer, and why
    _read: dict[str, Read] = field(default_factory=dict)
    _tried: dict[str, datetime] = field(default_factory=dict)
    _reading: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def on_call(self, source: str) -> frozenset[str] | None:
        """Return what the calendar calls whoever is on call now; None while that is not known."""
        await self._freshen(source)
        now, read = self.clock.now(), self._read.get(source)
        if read is None or not timedelta(0) <= now - read.at <= KEPT:
            return None
        return frozenset(
            name for shift in read.shifts if shift.from_at <= now < shift.until_at for name in shift.names
        )

    async def _freshen(self, source: str) -> None:
        """Read it if that is due; whoever asks meanwhile waits for the same read."""
        now = self.clock.now()
        read, tried = self._read.get(source), self._tried.get(source)
        if read is not None and timedelta(0) <= now - read.at < EVERY:
            return
        if source not in self._reading:
            if tried is not None and timedelta(0) <= now - tried < AGAIN:
                return
            self._tried[source] = now
            task = self._reading[source] = asyncio.create_task(self._look(source, now))
            task.add_done_callback(lambda _: self._reading.pop(source, None))
        await asyncio.shield(self._reading[source])

    async def _look(self, source: str, now: datetime) -> None:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                content = await self._content(source)
                found = await asyncio.to_thread(shifts, content, now, now + KEPT)
        except (NoCalendar, OSError, ClientError, TimeoutError) as problem:
            self.problems[source] = str(problem) or type(problem).__name__
        else:
            self._read[source] = Read(now, found)
            self.problems.pop(source, None)

    async def _content(self, source: str) -> bytes:
        if not source.startswith(("https://", "http://")):
            return await asyncio.to_thread(_of_file, self.folder / source)
        timeout = ClientTimeout(total=ANSWERS_WITHIN)
        async with (
            self.session() as session,
            session.get(source, allow_redirects=False, timeout=timeout) as answer,
        ):
            if answer.status != 200:
                raise NoCalendar(f"its server answers {answer.status}")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise NoCalendar("its server packs it, unasked")
            content = bytearray()
            async for piece in answer.content.iter_chunked(64 * 1024):
                content += piece
                _require_small(len(content))
            return bytes(content)


def _of_file(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(SIZE_MAX + 1)
    _require_small(len(content))
    return content


def _require_small(size: int) -> None:
    if size > SIZE_MAX:
        raise NoCalendar(f"it is larger than {SIZE_MAX:,} bytes")
