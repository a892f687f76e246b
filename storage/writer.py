"""The one writer: it takes everything that waits, makes it durable in one transaction, and answers each.

There is no timed delay: while one group is being written, the next one gathers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

import structlog
from sqlalchemy import Connection

from bot.core.errors import NotReady, Refusal, Stale
from bot.core.terms import Entry, Request, RequestId
from storage.changes import Prepared, apply_changes, asked
from storage.database import Database
from storage.faults import is_unreachable
from storage.hub import Hub
from storage.ledger import Salt
from storage.sent import Finish, finish_all
from storage.transaction import Transaction

T = TypeVar("T")
Errand = Callable[[Transaction], Any]
Work = Prepared | Finish | Errand
GROUP_MAX = 512  # units; bounds how long the log's lock is held

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unit:
    """Something to be written, and who waits for it."""

    work: Work
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a group."""

    answers: list[Any]  # in the group's order; an exception is raised to its caller
    first: int  # sequence of its first entry
    size: int  # of the log behind it
    entries: Sequence[Entry]
    changed: Mapping[RequestId, Request]  # as they stand now
    tick_at: datetime | None  # the earliest instant at which a request is due
    send_at: datetime | None  # likewise for the outbox


class Writer:
    """Makes units of work durable in groups."""

    def __init__(self, database: Database, salt: Salt, hub: Hub) -> None:
        """Nothing runs before `start`."""
        self._database = database
        self._salt = salt
        self._hub = hub
        self._waiting: deque[Unit] = deque()
        self._more = asyncio.Event()
        self._closing = False
        self._loop: asyncio.Task[None] | None = None
        self.on_tick: Callable[[datetime], None] = lambda _instant: None
        self.on_send: Callable[[datetime], None] = lambda _instant: None
        self.on_entries: Callable[[Sequence[Entry]], None] = lambda _entries: None

    def start(self) -> None:
        """Begin to write."""
        self._loop = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what waits, then stop; what comes later is refused."""
        self._closing = True
        self._more.set()
        if self._loop is not None:
            await self._loop

    async def submit(self, work: Prepared | Finish | Callable[[Transaction], T]) -> T:
        """Have work done in a transaction under the log's lock; return when it is durable."""
        if self._closing:
            raise NotReady("Assent is shutting down; try again in a moment.")
        unit = Unit(work, asyncio.get_running_loop().create_future())
        self._waiting.append(unit)
        self._more.set()
        return cast(T, await unit.answer)

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            await self._more.wait()
            self._more.clear()
            while group := self._take():
                try:
                    await self._write(group)
                except Exception:  # whatever it is: a writer that stops is a stall that nobody sees
                    log.exception("store.writer_failed")

    def _take(self) -> list[Unit]:
        group: list[Unit] = []
        while self._waiting and len(group) < GROUP_MAX:
            unit = self._waiting.popleft()
            if not unit.answer.done():  # its caller has gone
                group.append(unit)
        return group

    async def _write(self, group: Sequence[Unit]) -> None:
        work = [unit.work for unit in group]
        try:
            written = await self._durable(work)
        except Exception as fault:
            log.warning("store.unwritten", units=len(group), error=type(fault).__name__)
            out = NotReady("The database does not answer; try again in a moment.")
            out.__cause__ = fault
            written = Written([out] * len(work), 0, 0, (), {}, None, None)
        if written.size > written.first:  # first: who waits has waited longer than who changed something
            self._hub.committed(written.first, written.size, written.changed)
        for unit, answer in zip(group, written.answers, strict=True):
            _answer(unit, answer)
        self.on_entries(written.entries)
        if written.tick_at is not None:
            self.on_tick(written.tick_at)
        if written.send_at is not None:
            self.on_send(written.send_at)

    async def _durable(self, work: Sequence[Work]) -> Written:
        """Write the group; if one of it spoils that, each by itself."""
        try:
            return await self._database.write(partial(write_together, work, self._salt))
        except Exception as fault:
            if is_unreachable(fault):
                raise
            log.warning("store.group_spoilt", units=len(work), error=type(fault).__name__)
            return await self._database.write(partial(write_apart, work, self._salt))


def _answer(unit: Unit, answer: object) -> None:
    if unit.answer.done():  # its caller has gone
        return
    if isinstance(answer, BaseException):
        unit.answer.set_exception(answer)
    else:
        unit.answer.set_result(answer)


def write_together(work: Sequence[Work], salt: Salt, connection: Connection) -> Written:
    """Write a group in the transaction that is open: changes and finished sends in bulk, errands in turn."""
    changes = [one for one in work if isinstance(one, Prepared)]
    held = Transaction(connection, salt, asked(changes))
    told = iter(apply_changes(held, changes, held.found))
    finished = [one for one in work if isinstance(one, Finish)]
    if len(changes) < len(work):
        held.batch.flush()  # the others read what the changes wrote
    if finished:
        finish_all(held, finished)
    answers: list[Any] = []
    for one in work:
        match one:
            case Prepared():
                answers.append(next(told))
            case Finish():
                answers.append(None)
            case _:
                answers.append(_done(one, held))
    held.ledger.write()
    held.batch.flush()
    ledger = held.ledger
    return Written(
        *(answers, held.began_at_size, ledger.size, ledger.appended, held.changed),
        *(held.tick_at, held.send_at),
    )


def write_apart(work: Sequence[Work], salt: Salt, connection: Connection) -> Written:
    """Write each unit in a savepoint, so that one that fails takes no other with it."""
    answers: list[Any] = []
    whole: list[Written] = []
    for one in work:
        try:
            with connection.begin_nested():
                written = write_together([one], salt, connection)
        except Exception as fault:
            if is_unreachable(fault):
                raise
            log.warning("store.unit_failed", error=type(fault).__name__)
            answers.append(fault)
            continue
        whole.append(written)
        answers += written.answers
    entries = [entry for one in whole for entry in one.entries]
    changed = {request_id: request for one in whole for request_id, request in one.changed.items()}
    tick_at = min((one.tick_at for one in whole if one.tick_at is not None), default=None)
    send_at = min((one.send_at for one in whole if one.send_at is not None), default=None)
    first = min((one.first for one in whole), default=0)
    size = max((one.size for one in whole), default=0)
    return Written(answers, first, size, entries, changed, tick_at, send_at)


def _done(errand: Errand, held: Transaction) -> object:
    """Run one errand; it refuses before it writes. The next one reads what it wrote."""
    try:
        answer = errand(held)
    except (Stale, Refusal) as refusal:
        return refusal
    held.batch.flush()
    return answer
