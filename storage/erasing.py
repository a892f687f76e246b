"""What is kept of one person alone is erased: beside the log, and where they spoke of themselves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection, and_, delete, or_, select, update

from bot.core.terms import PersonName
from storage.rows import document, read_absence, read_linked
from storage.statements import put
from storage.tables import (
    ABSENCES,
    ACCOUNTS,
    CONVERSATIONS,
    LINKS,
    PAIRINGS,
    PRIVATE,
    QUIET_HOURS,
    REGISTRY_HEAD,
    SESSIONS,
)

NOBODYS = ("private.by_account", "private.account")  # of entries by an account that was nobody's yet


def erase(connection: Connection, person: PersonName, accounts: Collection[str]) -> int:
    """Erase somebody, who has these accounts and those that they linked; return how many private fields."""
    linked = _linked(connection, person)
    known = {*accounts, *(account for _, account in linked)}
    their_own = PRIVATE.c.person == person
    as_nobody = and_(
        or_(PRIVATE.c.person.is_(None), PRIVATE.c.person == ""),
        PRIVATE.c.field.in_(NOBODYS),
        PRIVATE.c.value.in_([account.encode() for account in known]),
    )
    erased = connection.execute(delete(PRIVATE).where(or_(their_own, as_nobody))).rowcount
    for surface, account in linked:
        own = (ACCOUNTS.c.surface == surface) & (ACCOUNTS.c.account == account)
        connection.execute(delete(ACCOUNTS).where(own))
    for table in (ABSENCES, QUIET_HOURS, SESSIONS, LINKS, PAIRINGS):
        connection.execute(delete(table).where(table.c.person == person))
    for table in (PAIRINGS, CONVERSATIONS):
        connection.execute(delete(table).where(table.c.account.in_(known)))
    _stands_in_for_nobody(connection, person)
    connection.execute(update(REGISTRY_HEAD).values(version=REGISTRY_HEAD.c.version + 1))
    return erased


def _linked(connection: Connection, person: PersonName) -> list[tuple[str, str]]:
    rows = connection.execute(select(ACCOUNTS.c.document)).scalars().all()
    links = [read_linked(row) for row in rows]
    return [(link.surface, link.account) for link in links if link.person == person]


def _stands_in_for_nobody(connection: Connection, person: PersonName) -> None:
    """Take somebody out of the absences of others, who stay away with nobody in their place."""
    absences = [read_absence(row) for row in connection.execute(select(ABSENCES.c.document)).scalars().all()]
    without = [replace(one, deputy=None) for one in absences if one.deputy == person]
    put(connection, ABSENCES, [{"person": one.person, "document": document(one)} for one in without])
