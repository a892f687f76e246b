"""The log, who is known, where we are installed; and `Store`, which is everything that is remembered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.core.terms import (
    Entry,
    PersonName,
    Registry,
    Request,
    RequestId,
)
from bot.ports.outbox import Conversations, Outbox, Stands
from bot.ports.records import Checkpoint, Link, Opening, Pairing, RegistryEdit, Sealed, Session
from bot.ports.requests import Reckoning, Requests, Stalls


class Log(Protocol):
    """The audit log."""

    async def entries(self, start: int, limit: int) -> list[Sealed]: ...
    async def entries_of(self, request_id: RequestId) -> list[Sealed]: ...
    async def leaves(self, start: int, limit: int) -> list[bytes]: ...
    async def openings(self, sequences: Sequence[int]) -> list[Opening]: ...
    async def openings_between(self, first: int, last: int) -> list[Opening]:
        """Return those of the entries between two sequences, these included."""
        ...

    async def erase(self, person: PersonName, accounts: Collection[str], entry: Entry) -> int:
        """Erase a person's private fields, and return how many.

        With them go their absence, quiet hours, linked accounts, sessions, links and personal chats, and they
        stand in for nobody any more; `accounts` are those that the directory names.
        """
        ...

    async def size(self) -> int: ...
    async def checkpoints(self) -> list[Checkpoint]: ...
    async def last_checkpoint(self) -> Checkpoint | None: ...
    async def put_checkpoint(self, checkpoint: Checkpoint, entry: Entry) -> None: ...


class Identities(Protocol):
    """Agents, executors, keys, freezes, sessions and sign-in links."""

    async def registry(self) -> Registry:
        """Return the registry as it is now; the database is asked each time, cheaply."""
        ...

    async def with_registry(self, request_id: RequestId) -> tuple[Request, Registry]:
        """Return a request and the registry, both by a read that began after the call; raises `Unknown`."""
        ...

    async def edit(self, edit: RegistryEdit) -> None: ...
    async def amend(self, make: Callable[[Registry], RegistryEdit]) -> None:
        """Edit the registry as it stands; `make` is asked again when another edit came in between.

        Whoever replaces what they have read uses this, or they undo what others did meanwhile. Raises what
        `make` raises.
        """
        ...

    async def put_link(self, link: Link, entry: Entry) -> None: ...
    async def take_link(self, hash: str, now: datetime, session: Session, entry: Entry) -> Session:
        """Trade a link for a session for its person, once; raises `Unknown`. `session.person` is ignored."""
        ...

    async def put_session(self, session: Session, entry: Entry) -> None: ...
    async def session(self, hash: str, now: datetime) -> Session | None: ...
    async def end_session(self, hash: str) -> None: ...
    async def end_sessions(self, person: PersonName, entry: Entry) -> int:
        """End a person's sessions, take back their links and the accounts about to be tied to them.

        Returns how many sessions there were.
        """
        ...


class Pairings(Protocol):
    """Chat accounts on their way to a person."""

    async def put_pairing(self, pairing: Pairing, entry: Entry) -> None:
        """Remember a pairing, in the place of any other of its account."""
        ...

    async def pairing(self, hash: str, now: datetime) -> Pairing | None: ...
    async def pairing_of(self, surface: str, account: str, now: datetime) -> Pairing | None: ...
    async def change_pairing(self, before: Pairing, after: Pairing) -> None:
        """Put one in the other's place; raises `Stale` when it is not as it was."""
        ...

    async def finish_pairing(self, before: Pairing, edit: RegistryEdit) -> None:
        """Forget it and edit the registry, both or neither; raises `Stale` when it is not as it was."""
        ...


class Installations(Protocol):
    """Where a surface's app is installed, and leave to install it."""

    async def installations(self) -> Mapping[str, bytes]:
        """Return every place (`T…`, `E…`) with its sealed credentials."""
        ...

    async def put_installation(self, place: str, sealed: bytes, entry: Entry) -> None: ...
    async def rotate_installation(self, place: str, old: bytes, new: bytes) -> bool:
        """Put new credentials in the place of old ones; False when another replica was first."""
        ...

    async def drop_installation(self, place: str, entry: Entry) -> None: ...
    async def put_leave(self, hash: str, expires_at: datetime, entry: Entry) -> None: ...
    async def has_leave(self, hash: str, now: datetime) -> bool: ...
    async def take_leave(self, hash: str, now: datetime) -> bool:
        """Use a leave, once; False when it was used, is over, or never was."""
        ...


class Store(
    Requests,
    Stalls,
    Outbox,
    Stands,
    Log,
    Identities,
    Pairings,
    Installations,
    Conversations,
    Reckoning,
    Protocol,
):
    """Everything that is remembered."""

    async def now(self) -> datetime:
        """Return the database's clock."""
        ...

    async def close(self) -> None: ...
