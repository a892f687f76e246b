"""What a look at the store costs does not grow with what lies there: no statement reads a table through.

Time would say so only of a million rows. So work is counted: steps of SQLite's machine, pages that PostgreSQL
touches; at one size, and at four times that.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import msgspec
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from bot.core.errors import Unknown
from bot.core.terms import (
    AgentName,
    Change,
    Digest,
    OutboxKind,
    PersonName,
    Request,
    Send,
    State,
    Use,
    Verdict,
)
from bot.ports import Crowd
from storage.postgres import SESSION
from storage.store import DatabaseStore, open_store
from tests.fixtures.tables import execute
from tests.storage.conftest import Open
from tests.storage.values import (
    AGENT,
    ANA,
    BO,
    BY_ANA,
    HOUR,
    MINUTE,
    NOON,
    RUNNER,
    a_request,
    admin_entry,
    approved,
    asked,
    salt,
)

FEW, MANY = 1_000, 4_000
GROWS = 1.6  # times the work for four times the rows: a tree that is a level deeper, not a table
NOISE = 60  # steps or pages
STEP = 5  # between two reports of SQLite's machine
BUSY, LATER, HERE = "slack:#busy", "slack:#later", "slack:#here"
OLD = NOON - 24 * HOUR

# A part of what a batch writes in one statement.
AN_INSERT = re.compile(r"(INSERT INTO \w+ \([^)]*\) SELECT \* FROM unnest\([^)]*\)) \)")

Look = Callable[[], Awaitable[object]]


@dataclass
class Meter:
    """Counts what the statements of every connection cost."""

    url: str
    counting: bool = False
    steps: int = 0
    statements: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def connected(self, connection: Any, _record: object) -> None:
        """Watch a connection from its first moment on.

        On SQLite it is watched for good: to set a handler waits for the connection while it holds Python's
        lock, and a thread that uses the connection waits in its handler for that lock.
        """
        if isinstance(connection, sqlite3.Connection):
            connection.set_progress_handler(self._stepped, STEP)
        else:
            connection.driver_connection.add_query_logger(self._logged)

    def executed(self, _connection: object, _cursor: object, sql: str, arguments: Any, *_: object) -> None:
        self.statements.append((sql, tuple(arguments or ())))

    def _stepped(self) -> int:
        self.steps += STEP * self.counting
        return 0

    def _logged(self, query: Any) -> None:
        self.statements.append((query.query, tuple(query.args or ())))

    async def cost(self, look: Look) -> int:
        """Return what one look costs, after one that fills the caches of statements."""
        await _done(look)
        self.steps = 0
        self.statements.clear()
        if self.url.startswith("sqlite"):
            # Twice: beside one of them the pool may open a connection, which reads the whole schema.
            return min([await self._counted(look), await self._counted(look)])
        await _done(look)
        return await self._pages([*self.statements])

    async def _counted(self, look: Look) -> int:
        self.steps, self.counting = 0, True
        await _done(look)
        self.counting = False
        return self.steps

    async def remember(self) -> None:
        """Have PostgreSQL take its statistics now: they will be old when there is more."""
        if not self.url.startswith("sqlite"):
            await execute(self.url, "ANALYZE")

    async def _pages(self, statements: list[tuple[str, tuple[Any, ...]]]) -> int:
        """Run what was run once more, to be told what it touches; and take it back."""
        connected, pages = await asyncpg.connect(self.url, server_settings=SESSION), 0
        try:
            for sql, arguments in statements:
                if not sql.lstrip().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
                    continue
                taken_back = connected.transaction()
                await taken_back.start()
                again = AN_INSERT.sub(r"\1 ON CONFLICT DO NOTHING)", sql)  # for it is there by now
                told = await connected.fetchval(
                    f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {again}", *arguments
                )
                await taken_back.rollback()
                plan = msgspec.json.decode(told)[0]["Plan"]
                pages += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        finally:
            await connected.close()
        return pages


async def _done(look: Look) -> None:
    with suppress(Unknown):  # to look for what is not there is a look as well
        await look()


@pytest.fixture
def meter(migrated_url: str) -> Iterator[Meter]:
    """A meter on every connection that is opened from now on."""
    made = Meter(migrated_url)
    listeners = (Pool, "connect", made.connected), (Engine, "before_cursor_execute", made.executed)
    for listener in listeners:
        event.listen(*listener)
    yield made
    for listener in listeners:
        event.remove(*listener)


async def grow(store: DatabaseStore, count: int) -> None:
    """Add requests of every kind: pending and decided, shown and waiting to be shown, told and not."""
    made = [a_request(digest=Digest(os.urandom(32).hex()), due_at=NOON + HOUR) for _ in range(count)]
    places = (BUSY, LATER, LATER, LATER)
    due = {BUSY: OLD, LATER: NOON + HOUR}
    sends = [(Send(OutboxKind.SHOW, places[n % 4], due[places[n % 4]]),) for n in range(count)]
    for start in range(0, count, 512):
        some = zip(made[start : start + 512], sends[start : start + 512], strict=True)
        await asyncio.gather(*(store.commit(asked(one, sends=to)) for one, to in some))
    decided = [
        approved(one, replace(BY_ANA, name=f"p{count}-{n // 10}"), sends=())
        for n, one in enumerate(made[::3])
    ]
    for start in range(0, len(decided), 512):
        await asyncio.gather(*map(store.commit, decided[start : start + 512]))


def looks(store: DatabaseStore, one: Request, over: Request) -> Mapping[str, Look]:
    """Return every look on the way of a request, a click, a page or a ring of the clock."""
    cursor, somebody = (one.created_at, one.id), PersonName(f"p{FEW}-0")

    async def alarmed() -> None:
        alarm = Send(OutboxKind.ALERT, "admins", NOON, os.urandom(8).hex())
        await store.commit(Change(None, None, (admin_entry(),), (alarm,)))

    async def decided() -> None:
        fresh = a_request()
        await store.commit(asked(fresh))
        await store.commit(approved(fresh, sends=()))

    async def seated() -> None:
        (claimed,) = await store.claim(OLD, 1, -MINUTE)
        await store.seat(claimed, Crowd(5, 30, NOON), NOON)

    return {
        "get": lambda: store.get(one.id),
        "by grant": lambda: store.by_grant(one.grant_id),
        "by key": lambda: store.by_key(AGENT, "the-key"),
        "replay": lambda: store.replay_of(AGENT, "the-key", Digest("b")),
        "by code": lambda: store.coded(one.digest[:8], 20),
        "alike": lambda: store.alike(one.digest, 20),
        "count alike": lambda: store.count_alike([one.digest, over.digest]),
        "nothing due": lambda: store.due(NOON, 100),
        "due": lambda: store.due(NOON + HOUR, 100),
        "next tick": store.next_tick,
        "stalled": store.stalled,
        "stranded": lambda: store.stranded(NOON),
        "next send": store.next_send,
        "next send beside a full place": lambda: store.next_send({BUSY}),
        "an empty claim": lambda: store.claim(OLD - HOUR, 50, MINUTE),
        "a claim beside a full place": lambda: store.claim(NOON, 50, -MINUTE, {}, {BUSY}),
        "a claim": lambda: store.claim(NOON, 50, -MINUTE),
        "an agent's newest": lambda: store.of_agent(AGENT, (), 50, None),
        "an agent's older": lambda: store.of_agent(AGENT, (), 50, cursor),
        "an agent's pending": lambda: store.of_agent(AGENT, [State.PENDING], 50, None),
        "a stranger's": lambda: store.of_agent(AgentName("other"), (), 50, None),
        "a group's inbox": lambda: store.waiting_for(["group:dba"], 50),
        "an inbox": lambda: store.waiting_for(["person:bo", "group:dba", "group:leads"], 50),
        "an empty inbox": lambda: store.waiting_for(["person:di", "group:none"], 50),
        "delegated": lambda: store.delegated(ANA, 50),
        "the newest": lambda: store.recent(50, None),
        "older": lambda: store.recent(50, cursor),
        "the denied": lambda: store.recent(50, None, [State.DENIED]),
        "approved by somebody": lambda: store.reviewed_by(somebody, 5, None, (), [Verdict.APPROVE]),
        "denied by somebody": lambda: store.reviewed_by(somebody, 5, cursor, [State.DENIED]),
        "reviewed by nobody": lambda: store.reviewed_by(BO, 50, None),
        "count pending": store.count_pending,
        "used": lambda: store.used([Use(one.plan.rules[0], "bucket", 5, HOUR)], NOON),
        "stand": lambda: store.stand(one.id, LATER),
        "lines": lambda: store.lines(one.id, LATER),
        "posted": lambda: store.posted(over.id),
        "shown at": lambda: store.shown_at("C1", "1.1"),
        "callback": lambda: store.callback(1),
        "executions": lambda: store.executions(RUNNER, 100, 50),
        "executions of one": lambda: store.executions(RUNNER, 0, 50, over.id),
        "letters": lambda: store.letters(50),
        "entries of one": lambda: store.entries_of(one.id),
        "openings": lambda: store.openings([1, 2, 3]),
        "log size": store.size,
        "last checkpoint": store.last_checkpoint,
        "registry": store.registry,
        "somebody's chat": lambda: store.conversation_of("19:x"),
        "a request and its approval": decided,
        "an alarm": alarmed,
        "a seat": seated,
    }


async def test_no_look_costs_more_the_more_there_is(replica: Open, meter: Meter) -> None:
    store = await replica()
    one, over = a_request(), a_request()
    for request in (one, over):
        await store.commit(asked(request, sends=()))
    await store.commit(approved(over, sends=()))
    await grow(store, FEW)
    await meter.remember()
    before = {name: await meter.cost(look) for name, look in looks(store, one, over).items()}
    assert sum(cost > 0 for cost in before.values()) > len(before) / 2  # it does count
    await grow(store, MANY - FEW)
    for _ in ("old statistics", "new ones"):
        grew, after = looks(store, one, over), before
        for pause in (0, 1, 3):  # a vacuum that runs beside a look keeps what is dead in its way
            await asyncio.sleep(pause)
            after = {name: await meter.cost(look) for name, look in grew.items()}
            grew = {name: grew[name] for name, cost in after.items() if cost > GROWS * before[name] + NOISE}
            if not grew:
                break
        assert {name: (before[name], after[name]) for name in grew} == {}
        await meter.remember()


async def test_a_plan_made_while_a_table_was_empty_is_not_kept_when_it_is_full(
    migrated_postgresql_url: str,
) -> None:
    store = await open_store(migrated_postgresql_url, salt=salt)
    for number in range(8):  # whatever plans are kept are made now
        await store.commit(replace(asked(a_request()), idempotency=(f"few-{number}", Digest("ab" * 32))))
    await asyncio.gather(*(store.commit(asked(a_request())) for _ in range(FEW)))
    before = await _entries_read(store)
    await store.commit(replace(asked(a_request()), idempotency=("one more", Digest("ab" * 32))))
    assert await _entries_read(store) - before < FEW / 4
    await store.close()


async def _entries_read(store: DatabaseStore) -> int:
    """Return how many entries of the requests' indexes PostgreSQL has read in all."""
    flush, told = (
        "SELECT pg_stat_force_next_flush()",
        ("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'requests'"),
    )
    await store._database.write(lambda connection: connection.exec_driver_sql(flush).all())
    count: int = await store._database.read(lambda connection: connection.exec_driver_sql(told).scalar_one())
    return int(count)
