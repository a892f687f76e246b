"""Agents, executors, keys, freezes, sessions and sign-in links."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from bot.core.errors import NotReady, Stale, Unknown
from bot.core.terms import Entry, Key, PersonName, Registry, Request, RequestId
from bot.ports import Link, RegistryEdit, Session
from storage.database import Database
from storage.faults import reaching
from storage.rows import (
    document,
    read_absence,
    read_agent,
    read_executor,
    read_freeze,
    read_key,
    read_linked,
    read_quiet,
    read_request,
)
from storage.statements import add, find, put
from storage.tables import (
    ABSENCES,
    ACCOUNTS,
    AGENTS,
    EXECUTORS,
    FREEZES,
    KEYS,
    LINKS,
    PAIRINGS,
    QUIET_HOURS,
    REGISTRY_HEAD,
    SESSIONS,
)
from storage.transaction import Transaction
from storage.writer import Writer

TRIES = 8  # an edit is stale only when another one won, so somebody always gets on
_VERSION = "SELECT version FROM registry_head"
_REQUEST_AND_VERSION = "SELECT document, (SELECT version FROM registry_head) FROM requests WHERE id = {}"


class IdentityStore:
    """The store's half that knows who is who; `bot.ports.Identities` says what each method means."""

    _database: Database
    _writer: Writer
    _registry: Registry | None
    _reading: asyncio.Task[Registry] | None  # the read that runs
    _next_read: asyncio.Task[Registry] | None  # the one that begins when it ends, for all who ask meanwhile

    async def registry(self) -> Registry:
        """Return the registry by a read that began after the call."""
        await asyncio.sleep(0)  # whoever asks in a loop lets the others work
        if self._registry is not None and self._database.glance(_VERSION) == self._registry.version:
            return self._registry
        if self._next_read is None:
            self._next_read = asyncio.create_task(self._read_after(self._reading))
        return await asyncio.shield(self._next_read)

    async def with_registry(self, request_id: RequestId) -> tuple[Request, Registry]:
        """Return a request and the registry, both by a read that began after the call."""
        with reaching():
            found = await self._database.look(_REQUEST_AND_VERSION, request_id)
        if not found:
            raise Unknown
        ((document, version),), held = found, self._registry
        request = read_request(document)
        if held is not None and held.version == version:
            return request, held
        return request, await self.registry()

    async def _read_after(self, running: asyncio.Task[Registry] | None) -> Registry:
        if running is not None:
            await asyncio.wait([running])
        self._reading, self._next_read = self._next_read, None
        with reaching():
            while self._registry is None or self._registry.version != await self._seen_version():
                self._registry = await self._database.read(_whole_registry)
        return self._registry

    async def _seen_version(self) -> int | None:
        found = await self._database.look(_VERSION)
        return int(found[0][0]) if found else None

    async def edit(self, edit: RegistryEdit) -> None:
        """Insert or replace parts of the registry."""
        await self._writer.submit(lambda held: apply_edit(held, edit))

    async def amend(self, make: Callable[[Registry], RegistryEdit]) -> None:
        """Edit the registry as it stands."""
        for _ in range(TRIES):
            registry = await self.registry()
            try:
                return await self.edit(replace(make(registry), expected=registry.version))
            except Stale:
                continue
        raise NotReady

    async def put_link(self, link: Link, entry: Entry) -> None:
        """Remember a sign-in link."""
        row = {"hash": link.hash, "person": link.person, "expires_at": link.expires_at}
        await self._writer.submit(lambda held: _remember(held, LINKS, row, entry))

    async def take_link(self, hash: str, now: datetime, session: Session, entry: Entry) -> Session:
        """Trade a link for a session, once; the entry's actor gets the name of the link's person."""

        def errand(held: Transaction) -> Session:
            link = held.connection.execute(select(LINKS).where(LINKS.c.hash == hash)).one_or_none()
            if link is None or link.expires_at <= now:
                raise Unknown
            held.connection.execute(delete(LINKS).where(LINKS.c.hash == hash))
            opened = replace(session, person=PersonName(link.person))
            by = replace(entry.by, name=link.person)
            _remember(held, SESSIONS, _session_row(opened), replace(entry, by=by))
            return opened

        return await self._writer.submit(errand)

    async def put_session(self, session: Session, entry: Entry) -> None:
        """Remember a session."""
        await self._writer.submit(lambda held: _remember(held, SESSIONS, _session_row(session), entry))

    async def session(self, hash: str, now: datetime) -> Session | None:
        """Return the session under this hash, if it is in force."""
        alive = select(SESSIONS).where(SESSIONS.c.hash == hash, SESSIONS.c.expires_at > now)
        with reaching():
            row = await self._database.read(lambda connection: connection.execute(alive).one_or_none())
        if row is None:
            return None
        return Session(row.hash, PersonName(row.person), row.created_at, row.expires_at, row.csrf)

    async def end_session(self, hash: str) -> None:
        """Forget a session."""

        def errand(held: Transaction) -> None:
            held.connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == hash))

        await self._writer.submit(errand)

    async def end_sessions(self, person: PersonName, entry: Entry) -> int:
        """Forget a person's sessions and links, and the accounts that were about to be tied to them."""

        def errand(held: Transaction) -> int:
            held.connection.execute(delete(LINKS).where(LINKS.c.person == person))
            held.connection.execute(delete(PAIRINGS).where(PAIRINGS.c.person == person))
            ended = held.connection.execute(delete(SESSIONS).where(SESSIONS.c.person == person)).rowcount
            held.ledger.append(entry)
            return ended

        return await self._writer.submit(errand)


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql(_VERSION).scalar_one())


def _whole_registry(connection: Connection) -> Registry:
    """Read everything; an edit in between moves the version on, and everything is read again."""
    version = _version(connection)
    agents = [read_agent(one) for one in _documents(connection, AGENTS)]
    executors = [read_executor(one) for one in _documents(connection, EXECUTORS)]
    keys = [read_key(one) for one in _documents(connection, KEYS)]
    freezes = [read_freeze(one) for one in _documents(connection, FREEZES)]
    absences = [read_absence(one) for one in _documents(connection, ABSENCES)]
    quiet = [read_quiet(one) for one in _documents(connection, QUIET_HOURS)]
    links = [read_linked(one) for one in _documents(connection, ACCOUNTS)]
    return Registry(
        version=version,
        agents={agent.name: agent for agent in agents},
        executors={executor.name: executor for executor in executors},
        keys={key.hash: key for key in keys},
        freezes=tuple(sorted(freezes, key=lambda freeze: (freeze.at, freeze.pattern))),
        absences={absence.person: absence for absence in absences},
        quiet={one.person: one for one in quiet},
        links={(link.surface, link.account): link for link in links},
    )


def _documents(connection: Connection, table: Table) -> Sequence[bytes]:
    return connection.execute(select(table.c.document)).scalars().all()


def apply_edit(held: Transaction, edit: RegistryEdit) -> None:
    """Write an edit, with its entry."""
    connection = held.connection
    if edit.expected is not None and edit.expected != _version(connection):
        raise Stale
    put(connection, AGENTS, [{"name": one.name, "document": document(one)} for one in edit.agents])
    put(connection, EXECUTORS, [{"name": one.name, "document": document(one)} for one in edit.executors])
    keys = _unrevived(connection, edit.keys)
    put(connection, KEYS, [{"id": one.id, "hash": one.hash, "document": document(one)} for one in keys])
    if edit.freeze is not None:
        put(connection, FREEZES, [{"pattern": edit.freeze.pattern, "document": document(edit.freeze)}])
    if edit.unfreeze is not None:
        connection.execute(delete(FREEZES).where(FREEZES.c.pattern == edit.unfreeze))
    _edit_people(connection, edit)
    connection.execute(update(REGISTRY_HEAD).values(version=REGISTRY_HEAD.c.version + 1))
    held.ledger.append(edit.entry)


def _edit_people(connection: Connection, edit: RegistryEdit) -> None:
    """Write what people said of themselves."""
    for table, one in ((ABSENCES, edit.absence), (QUIET_HOURS, edit.quiet)):
        if one is not None:
            put(connection, table, [{"person": one.person, "document": document(one)}])
    for table, person in ((ABSENCES, edit.back), (QUIET_HOURS, edit.loud)):
        if person is not None:
            connection.execute(delete(table).where(table.c.person == person))
    if (linked := edit.linked) is not None:
        row = {"surface": linked.surface, "account": linked.account, "document": document(linked)}
        put(connection, ACCOUNTS, [row])
    if edit.unlinked is not None:
        surface, account = edit.unlinked
        own = (ACCOUNTS.c.surface == surface) & (ACCOUNTS.c.account == account)
        connection.execute(delete(ACCOUNTS).where(own))


def _unrevived(connection: Connection, keys: Sequence[Key]) -> list[Key]:
    """Return the keys but those that somebody revoked since they were read: nothing brings a key back."""
    ids = [one.id for one in keys]
    rows = find(connection, "SELECT document FROM keys WHERE id IN ({keys})", ids) if ids else ()
    revoked = {one.id for one in (read_key(held) for (held,) in rows) if one.revoked_at is not None}
    return [one for one in keys if one.revoked_at is not None or one.id not in revoked]


def _remember(held: Transaction, table: Table, row: dict[str, Any], entry: Entry) -> None:
    """Insert a link or a session, and forget those that are over."""
    held.connection.execute(delete(table).where(table.c.expires_at <= entry.at))
    add(held.connection, table, [row])
    held.ledger.append(entry)


def _session_row(session: Session) -> dict[str, Any]:
    return {
        "hash": session.hash,
        "person": session.person,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "csrf": session.csrf,
    }
